"""`tour`, `train` and `generate` as a user calls them: what they leave, how they stop, what they refuse."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import minillama
import minillama.cli

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


@pytest.fixture
def refused_here(capfd: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """As `refused`, within this process, which has torch already."""

    def check(*arguments: object, match: str) -> None:
        capfd.readouterr()
        assert minillama.cli.run([str(argument) for argument in arguments]) == 2
        line = capfd.readouterr().err
        assert match in " ".join(line.split())
        assert len(line.strip().splitlines()) == 1

    return check


def test_a_resumed_training_may_not_become_another_one(
    corpus: Path, tmp_path: Path, refused_here: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--corpus", corpus, "--vocab-size", 300, "--json", *SMALL]
    first = [*arguments, "--out", tmp_path / "run", "--steps", 3, "--accumulate", 2, "--dtype", "bfloat16"]
    assert minillama.cli.run([str(argument) for argument in first]) == 0
    again = (*arguments, "--resume", tmp_path / "run")
    refused_here(*again, "--lr", 1e-3, "--accumulate", 4, match="lr (0.002 to 0.001), accumulate (2 to 4)")
    refused_here(*again, "--layers", 2, match="n_layers of the model is 1, not 2")
    refused_here(*again, "--seed", 1, match="other data")
    assert minillama.cli.run([str(argument) for argument in (*again, "--evaluate-every", 1)]) == 0
    assert json.loads(capfd.readouterr().out)["loss"] > 0


def test_options_that_do_not_fit_get_one_line(
    corpus: Path, tmp_path: Path, refused_here: Callable[..., None]
) -> None:
    out = tmp_path / "run"
    refused_here("train", "--corpus", corpus, "--data", tmp_path, match="one of them")
    refused_here("train", "--data", tmp_path, "--out", out, match=str(tmp_path))
    refused_here("train", "--data", tmp_path, "--tokenizer", corpus, match="brings its own tokenizer")
    refused_here("train", "--corpus", corpus, "--out", out, "--dtype", "half", match="dtype is 'half'")
    refused_here(
        "train", "--corpus", corpus, "--out", out, "--accumulate", 3, match="a multiple of accumulate"
    )
    refused_here(
        "train", "--corpus", corpus, "--out", out, "--vocab-size", 300, "--lr", 1e30, "--warmup", 0,
        "--steps", 9, *SMALL, match="step 2: the gradient's norm is not finite, and first of all the",
    )  # fmt: skip


def test_training_on_token_files(tmp_path: Path) -> None:
    from minillama.data.files import sha256_of
    from minillama.data.manifest import Manifest, TokenizerFile
    from minillama.data.shard_writer import ShardWriter

    text = "The quick brown fox jumps over the lazy dog. "
    tokenizer = minillama.Tokenizer.train([text * 20], 300)
    shards = tmp_path / "shards"
    shards.mkdir()
    tokenizer.save(shards / "tokenizer.json")
    splits = {}
    for split, copies in (("train", 40), ("held_out", 5)):
        writer = ShardWriter(shards, split, "uint16", 500)
        for _ in range(copies):
            writer.add(tokenizer.encode(text, bos=True, eos=True))
        splits[split] = writer.close()
    assert tokenizer.bos_id is not None
    assert tokenizer.eos_id is not None
    pinned = TokenizerFile(
        "tokenizer.json", sha256_of(shards / "tokenizer.json"), tokenizer.vocab_size,
        tokenizer.bos_id, tokenizer.eos_id,
    )  # fmt: skip
    Manifest(1, 0, 24, "uint16", pinned, splits).write(shards)
    out = tmp_path / "run"
    small = [*SMALL[:8], *SMALL[10:]]  # without --seq-len: the data's own
    arguments = ["train", "--data", shards, *small, "--mask-documents", "--json"]
    result = json.loads(run(*arguments, "--out", out, "--steps", 4, "--evaluate-every", 2).stdout)
    assert 0 < result["nats_per_byte"] < result["loss"]
    assert minillama.load(out)[0].cfg.max_seq_len == 24
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "held_out" in line] == [2, 4]
    assert all(0 < line["mfu"] < 1 for line in lines)
    (shards / "train-00001.bin").unlink()
    refused(*arguments, "--resume", out, match="train-00001.bin")


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
