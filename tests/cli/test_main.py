"""The command line's entry: help is cheap, each fault costs one line and its exit status."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest
import typer

import minillama
from minillama.cli import app, run
from minillama.cli.errors import UserError, explain

VERBS = ("tour", "train", "generate", "exercise", "data", "tokenizer", "inspect", "doctor")


def python(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    import os

    environment = {**os.environ, "COLUMNS": "100", **settings}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize("arguments", [["--help"], ["tour", "--help"], ["data", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = python(
        f"from minillama.cli import run; run({arguments}); import sys; print(*sys.modules, file=sys.stderr)"
    )
    assert done.returncode == 0
    assert set(done.stderr.split()).isdisjoint({"torch", "numpy", "matplotlib", "regex", "minillama.model"})


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(verb in told for verb in VERBS)
    assert run([]) == 0
    assert capsys.readouterr().out == told


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"minillama {minillama.__version__}\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("frobnicate", "No such command 'frobnicate' (minillama --help)"),
        ("data frobnicate", "No such command 'frobnicate' (minillama data --help)"),
        ("tour --seed many", "Invalid value for '--seed'"),
        ("tour --seed -1", "Invalid value for '--seed': Input should be greater than or equal to 0"),
        ("tour --speed 3", "No such option: --speed"),
        ("tokenizer show", "Missing argument 'text' (minillama tokenizer show --help)"),
        ("tokenizer show text --tokenizer nowhere.json", "nowhere.json: no such file"),
        ("data stats nowhere", "nowhere: there is no such file or folder"),
        ("data fetch milton", "there is no dataset 'milton': expected one of shakespeare"),
        pytest.param(  # the shape hook rejects typer's own context
            "train --corpus nowhere",
            "nowhere: there is no such file or folder",
            marks=pytest.mark.error_contract,
        ),
        ("generate --checkpoint nowhere", "nowhere: no checkpoint here"),
    ],
)
def test_bad_input_costs_one_line(line: str, told: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UserError("this\n  cannot be"), 2, "this cannot be"),
        (ValueError("that cannot be either"), 2, "that cannot be either"),
        (
            FileNotFoundError(2, "No such file or directory", "poem.txt"),
            2,
            "poem.txt: no such file or directory",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "a/b"),
            2,
            "a/b: the disk is full: make room there",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 2, "the disk is full: make room there"),
        (OSError("only words"), 2, "only words"),
        (MemoryError(), 2, "there is not enough memory for this"),
        (KeyboardInterrupt(), 130, "stopped"),
        (typer.Abort(), 1, "given up"),
        (
            TypeError("wrong"),
            1,
            "unexpected TypeError: wrong (this is a mistake in minillama; MINILLAMA_DEBUG=1",
        ),
    ],
)
def test_each_fault_has_its_line_and_status(error: BaseException, status: int, line: str) -> None:
    told = explain(error)
    assert told[0] == status
    assert told[1].startswith(line)
    assert "\n" not in told[1]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Let `minillama doctor` raise what the test wants."""

    def fail(error: BaseException) -> None:
        def examine() -> None:
            raise error

        monkeypatch.setattr("minillama.cli.doctor.examine", examine)

    return fail


def test_a_mistake_of_ours_shows_its_place_only_when_asked(
    failing, capfd, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(TypeError("wrong"))
    assert run(["doctor"]) == 1
    assert "Traceback" not in capfd.readouterr().err
    monkeypatch.setenv("MINILLAMA_DEBUG", "1")
    with pytest.raises(TypeError, match="wrong"):
        run(["doctor"])


def test_ctrl_c_is_130_and_says_so(failing, capfd: pytest.CaptureFixture[str]) -> None:
    failing(KeyboardInterrupt())
    assert run(["doctor"]) == 130
    assert "Traceback" not in capfd.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m minillama data stats stories --documents 20 --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "["
    assert done.stderr == ""


def test_python_m_minillama_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "minillama", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"minillama {minillama.__version__}\n"


def test_every_command_and_option_has_help() -> None:
    group = typer.main.get_command(app)
    pending = [("minillama", group)]
    while pending:
        name, command = pending.pop()
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"
        pending += [(f"{name} {key}", value) for key, value in getattr(command, "commands", {}).items()]
