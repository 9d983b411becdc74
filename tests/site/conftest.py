"""The site, built once by MkDocs and once by Zensical in a temporary folder; a browser that sees only it."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from minillama.book.notebooks import ROOT
from minillama.book.pages import write_pages

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
GENERATED = ("chapters", "exercises", "vendor")


@dataclass
class Site:
    """One built site."""

    builder: str
    folder: Path
    log: str
    address: str = ""

    def pages(self) -> list[Path]:
        return sorted(path.relative_to(self.folder) for path in self.folder.rglob("*.html"))


@dataclass
class Visit:
    """A browser's tab, with what went wrong in it."""

    page: object
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A copy of mkdocs.yml and docs/, its generated pages written anew."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns(*GENERATED))
    shutil.copy(ROOT / "mkdocs.yml", folder)
    write_pages(folder / "docs", folder / "mkdocs.yml")
    return folder


def build(project: Path, *command: str) -> str:
    """Run a builder of the venv in the project; return what it said."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=project,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.fixture(scope="session")
def sites(project) -> Iterator[dict[str, Site]]:
    """Both sites, served on 127.0.0.1."""
    by_mkdocs = build(project, "mkdocs", "build", "--strict", "--site-dir", "by_mkdocs")
    by_zensical = build(project, "zensical", "build", "--strict")
    found = {
        "mkdocs": Site("mkdocs", project / "by_mkdocs", by_mkdocs),
        "zensical": Site("zensical", project / "site", by_zensical),
    }
    servers = []
    for site in found.values():
        handler = functools.partial(QuietHandler, directory=str(site.folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site.address = f"http://127.0.0.1:{server.server_port}"
        servers.append(server)
    yield found
    for server in servers:
        server.shutdown()
        server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve a folder without a line per request."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(params=["mkdocs", "zensical"])
def site(request, sites) -> Site:
    return sites[request.param]


@pytest.fixture(scope="session")
def browser():
    """Chromium, or a skip that says so; in CI it must be there."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        message = f"no browser: none of {', '.join(BROWSERS)} is installed"
        if os.environ.get("MINILLAMA_CI") == "1":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Open a tab of a given size and scheme in which every request to elsewhere is stopped and counted."""
    contexts = []

    def open_tab(width: int = 1280, height: int = 900, scheme: str = "light") -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        tab = Visit(context.new_page())

        def only_ours(route):
            if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
                route.continue_()
            else:
                tab.strangers.append(route.request.url)
                route.abort()

        context.route("**/*", only_ours)
        tab.page.on("console", lambda message: message.type == "error" and tab.errors.append(message.text))
        tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
        return tab

    yield open_tab
    for context in contexts:
        context.close()
