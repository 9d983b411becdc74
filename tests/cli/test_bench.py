"""`bench`: that it measures and says so; how fast things are is no test's business."""

from __future__ import annotations

import json

import pytest

from minillama.cli import run
from minillama.cli.bench import measuring


@pytest.mark.slow
@pytest.mark.parametrize("what", ["startup", "stories", "tokenizer", "train", "data", "kernels --no-liger"])
def test_figures_come_with_their_spread(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, "RUNS", 2)
    assert run(["bench", *what.split(), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) >= 3
    for row in rows:
        assert set(row) == {"what", "unit", "median", "min", "max"}
        assert 0 < row["min"] <= row["median"] <= row["max"]
