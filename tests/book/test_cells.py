"""A notebook's cells as Markdown: what a reader must see, and nothing that Markdown could spoil."""

from __future__ import annotations

import markdown
import pytest
from nbformat.v4 import new_code_cell, new_output

from minillama.book import cells, notebooks


def code(source="x = 1", outputs=(), **metadata):
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def printed(text, name="stdout"):
    return new_output("stream", text=text, name=name)


def test_printed_text_is_shown_as_it_was(tmp_path):
    text = "a < b & ``` $x$ ~~~ \x1b[31mred\x1b[0m\n\n    indented\n"
    shown = cells.cell_markdown(code("print(x)", [printed(text)]), tmp_path)
    html = markdown.markdown(shown, extensions=["pymdownx.superfences", "minillama.book.mathematics"])
    inside = html.partition("<samp>")[2].partition("</samp>")[0]
    assert inside == "a &lt; b &amp; &#96;&#96;&#96; $x$ &#126;&#126;&#126; red\n\n    indented"


def test_texts_that_follow_each_other_are_one_block_and_errors_another(tmp_path):
    outputs = [printed("one\n"), printed("two", "stderr"), new_output("execute_result", {"text/plain": "3"})]
    outputs.append(new_output("error", ename="ValueError", evalue="no", traceback=["a long one"]))
    shown = cells.cell_markdown(code(outputs=outputs), tmp_path)
    assert '<pre class="output"><samp>one\ntwo\n3</samp></pre>' in shown
    assert '<pre class="output error"><samp>ValueError: no</samp></pre>' in shown
    assert "a long one" not in shown


@pytest.mark.parametrize(
    ("cell", "folded"),
    [
        (code("x = 1", tags=["hide"]), "1 lines"),
        (code("\n".join(["x = 1"] * 41)), "41 lines"),
        (code("\n".join(["x = 1"] * 40)), None),
    ],
)
def test_long_and_hidden_code_is_folded(cell, folded, tmp_path):
    shown = cells.cell_markdown(cell, tmp_path)
    assert shown.startswith(
        f'??? example "Code, {folded}"\n\n    ```python\n    x = 1' if folded else "```python"
    )


def test_code_with_fences_gets_longer_ones(tmp_path):
    assert cells.cell_markdown(code('x = "````"'), tmp_path).startswith("`````python\n")


def picture():
    return new_output(
        "display_data", {"image/png": "AAAA"}, metadata={"image/png": {"width": 4, "height": 3}}
    )


def test_a_figure_becomes_a_file_with_alt_text_and_size(tmp_path):
    cell = code(outputs=[picture()], alt='Rises, [slowly] by $x_1$ & "so" <b>')
    shown = cells.cell_markdown(cell, tmp_path / "figures").splitlines()[-1]
    (file,) = (tmp_path / "figures").iterdir()
    assert file.read_bytes() == b"\0\0\0"
    html = markdown.markdown(shown, extensions=["attr_list", "minillama.book.mathematics"])
    assert f'src="figures/{file.name}"' in html
    assert f'href="figures/{file.name}"' in html, "a narrow screen shows it whole at a touch"
    assert 'alt="Rises, [slowly] by $x_1$ &amp; &quot;so&quot; &lt;b&gt;"' in html
    assert 'width="4"' in html
    assert 'height="3"' in html


def test_a_figure_without_alt_text_is_refused(tmp_path):
    with pytest.raises(cells.PageError, match="without alt text"):
        cells.cell_markdown(code(outputs=[picture()]), tmp_path)


def test_an_output_of_another_kind_is_refused(tmp_path):
    output = new_output("display_data", {"application/json": "{}"})
    with pytest.raises(cells.PageError, match="application/json"):
        cells.cell_markdown(code(outputs=[output]), tmp_path)


def test_html_output_stays_html(tmp_path):
    output = new_output("display_data", {"text/html": "<b>`x`</b>\n\n<i>y</i>", "text/plain": "HTML"})
    html = markdown.markdown(
        cells.cell_markdown(code(outputs=[output]), tmp_path), extensions=["pymdownx.superfences"]
    )
    assert '<div class="output html">\n<b>&#96;x&#96;</b>\n\n<i>y</i>\n</div>' in html


def test_a_file_that_is_right_is_not_touched(tmp_path):
    path = tmp_path / "page.md"
    cells.write_whole(path, b"one")
    before = path.stat().st_mtime_ns
    cells.write_whole(path, b"one")
    assert path.stat().st_mtime_ns == before
    cells.write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_the_small_chapter_reaches_its_page(built_once, tmp_path):
    notebook = notebooks.read_built(built_once.with_suffix(".ipynb"))
    page = "\n\n".join(cells.cell_markdown(cell, tmp_path / "figures") for cell in notebook.cells)
    assert "one 0.6666666666666666 and &lt;b&gt;no HTML&lt;/b&gt;" in page
    assert '??? example "Code, 6 lines"' in page
    assert "ZeroDivisionError: division by zero" in page
    assert len(list((tmp_path / "figures").iterdir())) == 1
