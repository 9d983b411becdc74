"""The page on kernels: its tables are those of the saved report, and the report is of these kernels."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minillama.book.kernels_page import DATA, PAGE, with_tables
from minillama.kernels.compiled import DTYPES, TARGETS, Access, Compiled
from minillama.kernels.compiled.cases import CASES, LLAMA, THIN
from minillama.kernels.moved import Moved


@pytest.fixture
def found() -> dict[str, Any]:
    return json.loads(DATA.read_text(encoding="utf-8"))


def test_the_page_has_the_reports_tables(found: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page, found) == page
    found["kernels"][0]["registers"] += 1
    assert with_tables(page, found) != page


def test_the_report_is_whole_and_without_faults(found: dict[str, Any]) -> None:
    assert list(dict.fromkeys(row["operation"] for row in found["kernels"])) == list(CASES)
    assert {(row["target"], row["dtype"]) for row in found["kernels"]} == {
        (t, d) for t in TARGETS for d in DTYPES
    }
    assert (found["sizes"]["C"], found["counted"]["C"]) == (LLAMA.C, THIN.C)
    for row in found["kernels"]:
        fields = {k: v for k, v in row.items() if k not in ("narrow", "resident", "faults")}
        again = Compiled(**fields | {"accesses": tuple(Access(*a) for a in row["accesses"])})
        assert again.faults() == row["faults"] == []
        assert [*again.narrow, again.resident] == [*row["narrow"], row["resident"]]
    for row in found["moved"]:
        assert Moved(**{k: v for k, v in row.items() if k != "faults"}).faults() == row["faults"] == []
