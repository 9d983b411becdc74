"""`minillama kernels report`: tables, JSON, a file; and what it says where it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minillama.cli import kernels, run
from minillama.kernels import report
from minillama.kernels.compiled import Access, Compiled
from minillama.kernels.moved import Moved


def row(spilled: int = 0, target: str = "sm_90") -> Compiled:
    loads = Access("load", 16, 4), Access("store", 16, 2)
    return Compiled("swiglu", "swiglu_forward", "bfloat16", target, 24576, 256, 32, spilled, 2048, loads)


COUNTED = Moved("swiglu", "bfloat16", asked=1056768, once=1056768, least=1056768, races=0)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[Compiled]:
    """Give the report these kernels of either library, without compiling or counting."""
    rows = [row(), row(target="gfx942")]

    def compiled(names: Any, *_: Any, told: Any, **__: Any) -> list[Compiled]:
        for each in rows:
            told(each)
        return rows

    monkeypatch.setattr(report, "resources", compiled)
    monkeypatch.setattr(report, "moved", lambda *_, **__: [COUNTED])
    monkeypatch.setattr("minillama.kernels.compiled.liger.fetch_liger", lambda: None)
    return rows


def test_tables_say_what_kernels_take_and_move(
    known: list[Compiled], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["kernels", "report", "swiglu", "--dtype", "bfloat16"]) == 0
    told = capsys.readouterr().out
    assert "swiglu_forward sm_90" in told
    line = next(line for line in told.splitlines() if "gfx942" in line)
    assert line.split() == ["swiglu_forward", "gfx942", "32", "0", "2.0", "0+0"]
    assert next(line for line in told.splitlines() if line.startswith("swiglu ")).split() == [
        "swiglu",
        "1.00",
        "0.667",
    ]
    assert "no spills" in told


def test_faults_are_told(known: list[Compiled], capsys: pytest.CaptureFixture[str]) -> None:
    known.append(row(spilled=8))
    assert run(["kernels", "report", "swiglu", "--dtype", "bfloat16"]) == 0
    told = capsys.readouterr().out
    assert "swiglu (bfloat16): 8 spilled" in told
    assert "no spills" not in told


def test_json_and_the_file_hold_the_same(
    known: list[Compiled], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / "kernels.json"
    assert run(["kernels", "report", "swiglu", "--liger", "--json", "--output", str(place)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(place.read_text())
    assert set(found) == {"triton", "sizes", "counted", "kernels", "moved", "intensity", "liger"}
    assert found["liger"]["kernels"][0]["registers"] == 32
    assert "faults" not in found["liger"]["kernels"][0]
    assert report.beside(found)[0] == (
        "swiglu",
        "sm_90",
        "32/32",
        "0/0",
        "2.0/2.0",
        "0/0",
        "2048/2048",
        "1.00/1.00",
    )


def test_liger_stands_beside(known: list[Compiled], capsys: pytest.CaptureFixture[str]) -> None:
    kernels.beside_liger()
    assert "32/32" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gelu"], "there is no 'gelu' to compile: expected one of rms_norm"),
        (["--target", "sm_70"], "there is no 'sm_70' to compile: expected one of sm_80"),
        (["--dtype", "int8"], "there is no 'int8' to compile: expected one of bfloat16"),
        (
            ["--output", "nowhere/kernels.json"],
            "nowhere is not a folder: choose another place for the report",
        ),
    ],
)
def test_what_is_unknown_is_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["kernels", "report", *arguments]) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_without_triton_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("minillama.kernels.compiled.find_spec", lambda name: None)
    assert run(["kernels", "report"]) == 2
    assert "triton is not installed: pip install 'minillama[gpu]' (Linux)" in " ".join(
        capsys.readouterr().err.split()
    )
