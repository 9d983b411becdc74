"""`tour`, `train` and `generate` as a user calls them: what they leave, how they stop, what they refuse."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import minillama

pytestmark = pytest.mark.slow  # each starts several processes that import torch

COMMAND = [sys.executable, "-m", "minillama"]
ENVIRONMENT = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "MINILLAMA_CHECK_SHAPES": "0"}


def run(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode == status, done.stderr or done.stdout
    assert "Traceback" not in done.stderr
    return done


def refused(*arguments: object, match: str) -> None:
    """The command ends with status 2 and one line that says `match`."""
    done = run(*arguments, status=2)
    assert match in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    directory = tmp_path_factory.mktemp("tour") / "run"
    done = run("tour", "--out", directory, "--steps", 4, "--threads", 1, "--json")
    assert len(done.stdout.splitlines()) == 1
    return directory, json.loads(done.stdout)


def test_a_tour_leaves_checkpoint_picture_samples_and_figures(toured: tuple[Path, dict[str, float]]) -> None:
    directory, result = toured
    assert set(result) == {"loss", "floor", "validity", "seconds", "tokens_per_second"}
    assert result["loss"] > result["floor"] > 0
    assert 0 <= result["validity"] <= 1
    assert json.loads((directory / "result.json").read_text()) == result
    assert (directory / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert len((directory / "samples.txt").read_text().splitlines()) >= 500
    assert [json.loads(line)["step"] for line in (directory / "log.jsonl").read_text().splitlines()] == [
        1,
        2,
        3,
        4,
    ]
    model, tokenizer = minillama.load(directory)
    assert tokenizer is not None
    assert model.cfg.n_kv_heads < model.cfg.n_heads


def test_generate_continues_from_the_tours_checkpoint(toured: tuple[Path, dict[str, float]]) -> None:
    arguments = ("generate", "--checkpoint", toured[0], "--prompt", "Once there was", "--temperature", 1)
    first = run(*arguments, "--seed", 3, "--max-new-tokens", 20).stdout
    assert first.startswith("Once there was")
    assert len(first) > len("Once there was\n")
    assert first == run(*arguments, "--seed", 3, "--max-new-tokens", 20).stdout


def test_a_tour_never_writes_over_another(toured: tuple[Path, dict[str, float]]) -> None:
    before = {path.name: path.read_bytes() for path in toured[0].iterdir()}
    refused("tour", "--out", toured[0], match="is there already and not empty")
    assert before == {path.name: path.read_bytes() for path in toured[0].iterdir()}


def test_without_out_the_next_free_directory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minillama.cli.tour import _new_directory

    monkeypatch.chdir(tmp_path)
    assert _new_directory(None) == Path("runs/tour")
    (tmp_path / "runs/tour").mkdir(parents=True)
    (tmp_path / "runs/tour-2").mkdir()
    assert _new_directory(None) == Path("runs/tour-3")


def interrupted(arguments: list[object], log: Path, after: int) -> list[int]:
    """Start a command, press Ctrl-C when `log` has more than `after` steps; return the steps then logged."""
    child = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    while child.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") > after):
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert "the checkpoint is in" in out
    return [json.loads(line)["step"] for line in log.read_text().splitlines()]


def test_ctrl_c_keeps_the_checkpoint_and_the_tour_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "run" / "log.jsonl"
    first = interrupted(["tour", "--out", log.parent, "--threads", 1], log, after=1)
    both = interrupted(["tour", "--resume", log.parent, "--threads", 1], log, after=len(first))
    assert both == list(range(1, len(both) + 1))
    assert len(both) > len(first)


SMALL = [
    "--dim",
    16,
    "--layers",
    1,
    "--heads",
    2,
    "--kv-heads",
    1,
    "--seq-len",
    16,
    "--batch-size",
    4,
    "--threads",
    1,
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("a.txt", "b.md"):
        (folder / name).write_text(
            "The quick brown fox jumps over the lazy dog. Où est le renard ? " * 60, encoding="utf-8"
        )
    return folder


def test_training_on_ones_own_files_and_generating_from_it(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = run("train", "--corpus", corpus, "--out", out, "--steps", 5, "--vocab-size", 300, "--json", *SMALL)
    result = json.loads(done.stdout)
    assert set(result) == {"loss", "nats_per_byte", "seconds", "tokens_per_second"}
    assert 0 < result["nats_per_byte"] < result["loss"]
    assert (out / "loss.png").exists()
    assert run("generate", "--checkpoint", out, "--prompt", "The qu").stdout.startswith("The qu")


def test_a_stopped_training_goes_on(corpus: Path, tmp_path: Path) -> None:
    log = tmp_path / "run" / "log.jsonl"
    arguments = ["train", "--corpus", corpus, "--steps", 100_000, "--vocab-size", 300, *SMALL]
    first = interrupted([*arguments, "--out", log.parent], log, after=2)
    both = interrupted([*arguments, "--resume", log.parent], log, after=len(first))
    assert both == list(range(1, len(both) + 1))


def test_bad_input_gets_one_line(corpus: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    broken = tmp_path / "broken.txt"
    broken.write_bytes(b"abc\xff\xfedef")
    out = tmp_path / "out"
    refused("train", match="--corpus")
    refused("train", "--corpus", tmp_path / "nowhere.txt", "--out", out, match="nowhere.txt")
    refused("train", "--corpus", empty, "--out", out, match="empty.txt")
    refused("train", "--corpus", broken, "--out", out, match="3")
    refused("train", "--corpus", corpus, "--out", out, "--vocab-size", 100, match="256")
    refused("train", "--corpus", corpus, "--out", out, "--heads", 5, "--kv-heads", 2, match="n_kv_heads")
    refused("train", "--corpus", corpus, "--out", out, "--seq-len", 10_000_000, match="--seq-len")
    refused("train", "--corpus", corpus, "--out", out, "--lr", "nan", match="lr is nan")
    refused("train", "--corpus", corpus, "--steps", "many", match="'--steps'")
    refused("generate", "--checkpoint", tmp_path / "nowhere", match="no checkpoint here")
    refused("generate", "--checkpoint", out, "--temperature", -1, match="temperature is -1")
    refused("tour", "--resume", tmp_path / "nowhere", match="holds no tour")
    refused("tour", "--resume", tmp_path, "--steps", 3, match="leave --level, --steps and --out away")
    assert not out.exists()


def test_a_checkpoint_of_another_shape_is_named(
    toured: tuple[Path, dict[str, float]], tmp_path: Path
) -> None:
    from minillama.checkpoints.native import FILE

    whole = (toured[0] / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: len(whole) // 2])
    refused("generate", "--checkpoint", tmp_path, match=f"{FILE}: not a whole file")


def test_no_room_for_the_checkpoint_gives_one_line_and_leaves_no_fragment(
    corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arguments = ["train", "--corpus", corpus, "--out", out, "--vocab-size", 300, "--steps", 3, *SMALL]
    quota = (50_000, 50_000)  # bytes a file may have
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, quota),
    )
    assert done.returncode == 2, done.stderr
    assert "too large" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in out.iterdir()] == ["log.jsonl"]
