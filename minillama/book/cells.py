"""An executed notebook's cells as Markdown for the site.

Text passes through, its links turned from files to pages. Code becomes a fenced block, folded if it is long
or tagged `hide`. Outputs become HTML that no Markdown can touch: `<pre class="output">`, or a figure with its
alt text, the picture in a file named by its content.

Left out: outputs that the book does not use (SVG, LaTeX, JSON, widgets); they are refused by name.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from .links import links_to_pages

FOLD_ABOVE = 40  # lines: more than fits a screen
_TERMINAL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class PageError(ValueError):
    """A notebook holds something that cannot be shown on the site."""


def cell_markdown(cell: NotebookNode, figures: Path) -> str:
    """Return one cell, with its outputs, as Markdown.

    Parameters
    ----------
    cell : NotebookNode
    figures : Path
        The folder for pictures, beside the page.

    Raises
    ------
    PageError
        If an output is of a kind that the site does not show, or a figure has no alt text.
    """
    if cell.cell_type == "markdown":
        return links_to_pages(cell.source)
    return "\n\n".join([code_markdown(cell), *outputs_markdown(cell, figures)])


def code_markdown(cell: NotebookNode) -> str:
    """Return a cell's code as a fenced block, within a fold if it is tagged `hide` or long."""
    lines = cell.source.count("\n") + 1
    block = fenced(cell.source)
    if lines > FOLD_ABOVE or "hide" in cell.metadata.get("tags", []):
        return f'??? example "Code, {lines} lines"\n\n' + indented(block)
    return block


def outputs_markdown(cell: NotebookNode, figures: Path) -> Iterator[str]:
    """Yield a cell's outputs; text that follows text is one block."""
    text = ""
    alts = iter(_alt_texts(cell))
    for output in cell.outputs:
        if (piece := _text_of(output)) is not None:
            text += piece if piece.endswith("\n") else piece + "\n"
            continue
        if text:
            yield text_html(text)
            text = ""
        if output.output_type == "error":
            yield text_html(f"{output.ename}: {output.evalue}", "error")
        elif "image/png" in output.data:
            alt = next(alts, None)
            if alt is None:
                raise PageError(f'cell {cell.id}: a figure without alt text; give the cell alt="..."')
            yield figure_markdown(output, alt, figures)
        else:
            yield f'<div class="output html">\n{_untouchable(output.data["text/html"])}\n</div>'
    if text:
        yield text_html(text)


def text_html(text: str, kind: str = "") -> str:
    """Return printed text as HTML, without the terminal's colours.

    Examples
    --------
    >>> text_html("a < b")
    '<pre class="output"><samp>a &lt; b</samp></pre>'
    """
    plain = html.escape(_TERMINAL.sub("", text).rstrip("\n"), quote=False)
    return f'<pre class="{f"output {kind}".strip()}"><samp>{_untouchable(plain)}</samp></pre>'


def figure_markdown(output: NotebookNode, alt: str, figures: Path) -> str:
    """Write a picture under a name made of its content; return Markdown that shows and links it."""
    picture = base64.b64decode(output.data["image/png"])
    name = hashlib.sha256(picture).hexdigest()[:16] + ".png"
    write_whole(figures / name, picture)
    size = output.metadata.get("image/png", {})
    shape = "".join(f" {side}={size[side]}" for side in ("width", "height") if side in size)
    escaped = re.sub(r"([\\`*_\[\]$])", r"\\\1", html.escape(alt))
    file = f"{figures.name}/{name}"
    return f"[![{escaped}]({file}){{ .figure loading=lazy{shape} }}]({file})"


def fenced(code: str, language: str = "python") -> str:
    """Return code between fences that are longer than any within it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def indented(markdown: str) -> str:
    """Return Markdown as the content of a fold."""
    return re.sub(r"^(?=.)", "    ", markdown, flags=re.MULTILINE)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, unless it holds this already: whoever watches it sees real changes only."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def _text_of(output: NotebookNode) -> str | None:
    """Return the text of an output that is nothing but text, else None."""
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error" or {"image/png", "text/html"} & set(output.data):
        return None
    if "text/plain" not in output.data:
        raise PageError(f"the site shows text, HTML and PNG; this output is {', '.join(output.data)}")
    return str(output.data["text/plain"])


def _alt_texts(cell: NotebookNode) -> list[str]:
    """Return the alt texts of a cell's figures: one, or a list for several."""
    alt = cell.metadata.get("alt", [])
    return [alt] if isinstance(alt, str) else list(alt)


def _untouchable(markup: str) -> str:
    """Return HTML without the signs that begin a code fence, before any other Markdown is looked at."""
    return markup.replace("`", "&#96;").replace("~~~", "&#126;&#126;&#126;")
