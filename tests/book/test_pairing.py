"""A chapter's pair: built the same twice, carried over when only text changed, faults named."""

from __future__ import annotations

import json

import pytest

from minillama.book import notebooks, pairing

pytestmark = pytest.mark.slow  # a kernel starts


@pytest.fixture
def no_execution(monkeypatch):
    """Make it an error to execute anything."""

    def refuse(*arguments):
        raise AssertionError("executed, though nothing had changed")

    monkeypatch.setattr(pairing, "execute", refuse)


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_fresh_pair_has_no_faults_and_is_left_alone(pair, no_execution):
    before = pair.with_suffix(".ipynb").read_bytes()
    assert pairing.faults(pair) == []
    assert pairing.build(pair) == "unchanged"
    assert pair.with_suffix(".ipynb").read_bytes() == before


def test_two_builds_differ_only_where_a_cell_prints_the_time(pair):
    target = pair.with_suffix(".ipynb")
    before = json.loads(target.read_text(encoding="utf-8"))
    assert pairing.build(pair, again=True) == "executed"
    after = json.loads(target.read_text(encoding="utf-8"))
    assert before["metadata"] == after["metadata"]
    for one, other in zip(before["cells"], after["cells"], strict=True):
        if "nbval-ignore-output" in one["metadata"].get("tags", []):
            one["outputs"] = other["outputs"] = []
        assert one == other


def test_changed_text_keeps_the_outputs_without_execution(pair, no_execution):
    before = notebooks.read_built(pair.with_suffix(".ipynb"))
    change(pair, "It follows.", "Look at it.")
    assert pairing.faults(pair) == ["cell 3: text differs", "cell 3: id differs"]
    assert pairing.build(pair) == "text only"
    after = notebooks.read_built(pair.with_suffix(".ipynb"))
    assert pairing.faults(pair) == []
    assert [cell.get("outputs") for cell in before.cells] == [cell.get("outputs") for cell in after.cells]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("2 / 3", "2 / 7", "cell 1: text differs"),
        ('tags=["hide"]', 'tags=["hide", "nbval-skip"]', "cell 5: tags or alt text differs"),
        ("A line that rises", "A curve that rises", "cell 4: tags or alt text differs"),
        ("# %% [markdown]\n# ## Exercises", "# %%\n# ## Exercises", "cell 9: type differs"),
        ("# %%\nnp.arange(3)\n\n", "", "9 cells in the source, 10 in the notebook"),
    ],
)
def test_a_stale_pair_is_named(pair, old, new, fault):
    change(pair, old, new)
    assert fault in pairing.faults(pair)


def test_changed_code_is_executed(pair):
    change(pair, "2 / 3", "2 / 8")
    assert pairing.build(pair) == "executed"
    assert "0.25" in notebooks.read_built(pair.with_suffix(".ipynb")).cells[1].outputs[0].text


def test_a_failing_cell_stops_the_build_and_keeps_the_notebook(pair):
    before = pair.with_suffix(".ipynb").read_bytes()
    change(pair, "np.arange(3)", "np.arange(3).no_such_name")
    with pytest.raises(notebooks.ChapterError, match=r"90_a_small_chapter\.py(.|\n)*no_such_name"):
        pairing.build(pair)
    assert pair.with_suffix(".ipynb").read_bytes() == before


def test_an_endless_cell_is_stopped(pair):
    change(pair, "np.arange(3)", "while True: pass")
    with pytest.raises(notebooks.ChapterError, match="timed out"):
        pairing.build(pair, cell_seconds=4)


def spoil(pair, change_cells):
    target = pair.with_suffix(".ipynb")
    stored = json.loads(target.read_text(encoding="utf-8"))
    change_cells(stored["cells"])
    target.write_text(json.dumps(stored), encoding="utf-8")


@pytest.mark.parametrize(
    ("change_cells", "fault"),
    [
        (lambda cells: cells[1].update(execution_count=None), "cell 1: execution count None, expected 1"),
        (lambda cells: cells[8].update(execution_count=1), "cell 8: execution count 1, expected 7"),
        (lambda cells: cells[6]["metadata"].update(tags=[]), "cell 6: ZeroDivisionError: division by zero"),
        (
            lambda cells: cells[1]["outputs"][0].update(text=[f"read {notebooks.ROOT}/chapters"]),
            "cell 1: an output names a path of this machine",
        ),
    ],
)
def test_outputs_that_no_build_would_leave_are_named(pair, change_cells, fault):
    spoil(pair, change_cells)
    assert fault in pairing.faults(pair)


def test_tracebacks_name_no_path_of_this_machine(pair):
    change(pair, "1 / 0", "from minillama.book import notebooks\nnotebooks.read_source(None)")
    assert pairing.build(pair) == "executed"
    text = pair.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert "minillama/book/notebooks.py" in text
    assert str(notebooks.ROOT) not in text


def test_command_line(pair, capsys):
    assert pairing.main(["check", str(pair)]) == 0
    change(pair, "It follows.", "See.")
    assert pairing.main(["check", str(pair)]) == 1
    assert "90_a_small_chapter:\n  cell 3: text differs" in capsys.readouterr().out
    assert pairing.main(["build", str(pair)]) == 0
    assert "text only" in capsys.readouterr().out
    assert pairing.main(["check", str(pair)]) == 0
    assert pairing.main(["check", str(pair.with_name("91_none.py"))]) == 2


def test_a_notebook_that_cannot_be_read_is_built_again(pair):
    pair.with_suffix(".ipynb").write_text("{not json", encoding="utf-8")
    assert pairing.faults(pair) == ["no notebook yet"]


def test_a_source_without_cells_is_refused(tmp_path):
    path = tmp_path / "91_empty.py"
    with pytest.raises(notebooks.ChapterError, match="no such chapter"):
        notebooks.read_source(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(notebooks.ChapterError, match="no cells"):
        notebooks.read_source(path)
