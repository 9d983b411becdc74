"""Formulas: what becomes one, what stays a dollar, and what KaTeX refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import markdown
import pytest

from minillama.book.mathematics import FormulaError, copy_styles, shared_katex


def render(text):
    return markdown.markdown(
        text, extensions=["minillama.book.mathematics", "tables", "pymdownx.superfences"]
    )


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("a $x_1$ and $a < b$", 2),
        ("$x$", 1),
        ("| a |\n|---|\n| $x$ |", 1),
        ("- item $x$\n\n    $$ y $$", 2),
        ("costs $5 and $6", 0),
        (r"costs \$5, or \$6", 0),
        ("code `$x$`", 0),
        ("```python\nf'$x$'\n```", 0),
        ("<pre>$x$</pre>", 0),
    ],
)
def test_what_is_a_formula(text, formulas):
    html = render(text)
    assert html.count('class="katex"') == formulas
    assert ("$" in html) == (formulas == 0)


@pytest.mark.parametrize("text", ["$$ x $$", "$$\nx\n$$", "$$\nx \\\\\ny\n$$"])
def test_a_formula_of_its_own(text):
    html = render(f"before\n\n{text}\n\nafter")
    assert html.count('<div class="math display"') == 1
    assert html.count("katex-display") == 1
    assert "<p>after</p>" in html


def test_html_and_mathml_say_the_same():
    html = shared_katex().render(r"\frac{a}{b}")
    assert "<mfrac>" in html
    assert r'<annotation encoding="application/x-tex">\frac{a}{b}</annotation>' in html


def test_underscores_and_stars_are_not_emphasis():
    assert "<em>" not in render("$a_1 * b_2$ and $c_3 * d_4$")


@pytest.mark.parametrize("tex", [r"\nosuchmacro", r"\frac{a", r"a & b"])
def test_a_broken_formula_is_named(tex):
    with pytest.raises(FormulaError, match="KaTeX parse error") as caught:
        shared_katex().render(tex)
    assert tex in str(caught.value)


def test_answers_do_not_get_mixed_up_between_threads():
    texts = [f"x_{{{i}}}" for i in range(40)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(shared_katex().render, texts))
    assert all(f">{text}</annotation>" in answer for text, answer in zip(texts, answers, strict=True))


def test_styles_and_fonts_are_complete(tmp_path):
    copy_styles(tmp_path)
    style = (tmp_path / "katex.css").read_text(encoding="utf-8")
    fonts = {path.name for path in (tmp_path / "fonts").iterdir()}
    assert {part.partition(")")[0] for part in style.split("url(fonts/")[1:]} == fonts
    assert "http" not in style
