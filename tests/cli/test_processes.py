"""The command under torchrun: what is refused, and who says so; more in tests/training/test_parallel.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from minillama import cli
from minillama.config import LlamaConfig
from minillama.training.parallel.tensor import check_divisible

pytestmark = pytest.mark.error_contract


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    file = tmp_path / "text.txt"
    file.write_text("once upon a time " * 50)
    return str(file)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--tensor-parallel", "2"], "needs as many processes: begin the command with torchrun"),
        (["--parallel", "zero"], "expected one of ddp, fsdp"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    options: list[str], says: str, corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert cli.run(["train", "--corpus", corpus, "--out", str(out), *options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert says in said[0]
    assert not out.exists()


def test_what_all_processes_meet_the_first_one_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert cli.run(["train", "--corpus", "no/such/file", "--data", "both"]) == 2
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "0")
    assert cli.run(["train", "--corpus", "no/such/file", "--data", "both"]) == 2
    assert "one of them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "name"),
    [({"n_kv_heads": 3, "n_heads": 6}, "n_kv_heads is 3"), ({"hidden_dim": 101}, "hidden_dim is 101")],
)
def test_a_shape_that_cannot_be_cut_is_named(change: dict[str, int], name: str) -> None:
    cfg = LlamaConfig(**({"dim": 24, "n_heads": 4, "n_kv_heads": 2, "hidden_dim": 40} | change))
    with pytest.raises(ValueError, match=f"{name}: 2 tensor-parallel processes cannot share it evenly"):
        check_divisible(cfg, 2)
