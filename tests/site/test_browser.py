"""The site in a browser: quiet, self-contained, legible in both schemes, wide and narrow, searchable."""

from __future__ import annotations

import pytest

from minillama.book.mathematics import NODE_MODULES, install_packages

pytestmark = pytest.mark.site

AXE = {"runOnly": ["wcag2a", "wcag2aa", "best-practice"], "resultTypes": ["violations"]}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
WIDE, NARROW = 1280, 390  # CSS pixels: a laptop, a telephone


def everywhere(site, tab):
    """Open one page after the other in the tab."""
    yield from visited(site, tab, [name for name in site.pages() if name.name != "404.html"])


def of_each_kind(site, tab):
    """Open chapters and hand-written pages; of those that a program makes alike, one of each kind."""
    alike = {"api": 0, "exercises": 0, "part": 0}
    chosen = []
    for name in site.pages():
        kind = next((kind for kind in alike if kind in str(name.parent)), None)
        if kind:
            alike[kind] += 1
        if name.name != "404.html" and (kind is None or alike[kind] == 1):
            chosen.append(name)
    assert all(alike.values()), f"a kind of page is gone: {alike}"
    yield from visited(site, tab, chosen)


def visited(site, tab, names):
    """Open these pages."""
    for name in names:
        tab.page.goto(f"{site.address}/{name}")
        yield str(name)


def test_pages_load_in_silence_from_here_alone_and_fit_a_narrow_screen(site, visit):
    tab, too_wide = visit(width=WIDE), {}
    for name in everywhere(site, tab):
        tab.page.set_viewport_size({"width": NARROW, "height": 844})
        width = tab.page.evaluate("document.documentElement.scrollWidth")
        if width > NARROW:
            too_wide[name] = width
        assert tab.errors == [], name
        tab.page.set_viewport_size({"width": WIDE, "height": 900})
    tab.page.wait_for_load_state("networkidle")
    assert tab.errors == []
    assert tab.strangers == []
    assert too_wide == {}


@pytest.fixture
def axe():
    """Run axe-core on a page's article; return its serious and critical faults."""
    install_packages()
    script = (NODE_MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def run(page, options):
        page.evaluate(f"window.axe || (() => {{ {script} }})()")
        found = page.evaluate("(options) => axe.run('article', options)", options)["violations"]
        return [
            f"{fault['id']}: {fault['nodes'][0]['html'][:160]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]

    return run


@pytest.mark.parametrize(("scheme", "rules"), [("light", AXE), ("dark", CONTRAST)])
def test_axe_finds_no_serious_fault(sites, visit, axe, scheme, rules):
    tab, found = visit(width=WIDE, scheme=scheme), {}
    for name in of_each_kind(sites["mkdocs"], tab):
        tab.page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
        if faults := axe(tab.page, rules):
            found[name] = faults
    assert found == {}


def test_axe_would_have_found_a_fault(sites, visit, axe):
    tab = visit()
    tab.page.goto(f"{sites['mkdocs'].address}/start.html")
    article = "document.querySelector('article').insertAdjacentHTML('beforeend', '%s')"
    tab.page.evaluate(article % '<p style="color: #ccc">pale</p><img src="assets/logo.svg">')
    assert [fault.partition(":")[0] for fault in axe(tab.page, AXE)] == ["color-contrast", "image-alt"]


def test_the_scheme_follows_the_system_and_the_switch(site, visit):
    tab = visit(scheme="dark")
    tab.page.goto(f"{site.address}/index.html")
    background = "getComputedStyle(document.body).backgroundColor"
    assert tab.page.evaluate(background) == "rgb(20, 22, 27)"
    tab.page.locator("label[title='Switch to light']").click()
    assert tab.page.evaluate(background) == "rgb(253, 252, 249)"
    tab.page.goto(f"{site.address}/start.html")
    assert tab.page.evaluate(background) == "rgb(253, 252, 249)", "the choice is kept"


def test_search_finds_a_word(sites, visit):
    tab = visit()
    tab.page.goto(f"{sites['mkdocs'].address}/index.html")
    tab.page.locator("input[name='query']").click()
    tab.page.keyboard.type("derivation")
    result = tab.page.locator(".md-search-result__item a").first
    result.wait_for()
    assert tab.page.locator(".md-search-result__item").count() >= 2
    assert tab.errors == []


def test_formulas_are_drawn_with_their_own_fonts(sites, visit):
    tab = visit()
    tab.page.goto(f"{sites['mkdocs'].address}/chapters/01_the_whole_tour.html")
    tab.page.evaluate("document.fonts.ready")
    fonts = tab.page.evaluate("[...document.fonts].filter((f) => f.status === 'loaded').map((f) => f.family)")
    assert any("KaTeX_Math" in font for font in fonts)
    assert tab.page.locator(".math.display .katex-html").first.bounding_box()["height"] > 20


def test_folded_code_opens(sites, visit):
    tab = visit()
    tab.page.goto(f"{sites['mkdocs'].address}/chapters/01_the_whole_tour.html")
    fold = tab.page.locator("details.example").first
    code = fold.locator("pre").first
    assert not code.is_visible()
    fold.locator("summary").click()
    assert code.is_visible()


def test_the_copy_button_takes_code_and_no_output(sites, visit):
    tab = visit()
    tab.page.goto(f"{sites['mkdocs'].address}/chapters/01_the_whole_tour.html")
    assert tab.page.locator(".highlight button.md-clipboard, .highlight .md-code__button").count() > 5
    assert tab.page.locator("pre.output button").count() == 0
