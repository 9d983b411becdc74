"""The reader's file in its own process, where it may do what it likes."""

from __future__ import annotations

import time

import pytest

from minillama.book.exercises import Exercise
from minillama.book.exercises.runner import check_work

HEAD = "def gap_to_floor(model_nats, story_nats, tokens):\n"


def write(exercise: Exercise, text: str) -> None:
    exercise.work_path.write_text(text, encoding="utf-8")


def test_the_solution_is_right_within_two_seconds_of_processor_time(solved: Exercise) -> None:
    begun = time.monotonic()
    told = check_work(solved)
    assert told.right, str(told)
    assert time.monotonic() - begun < 10  # a bound for a loaded machine; alone it takes half a second


def test_the_blank_is_not_started(exercise: Exercise) -> None:
    assert check_work(exercise).blank


def test_no_file_is_not_started(exercise: Exercise) -> None:
    exercise.work_path.unlink()
    told = check_work(exercise)
    assert told.blank
    assert "minillama exercise start 01.1" in str(told)


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("def gap_to_floor(:\n", "error", "SyntaxError: invalid syntax"),
        ("import no_such_module\n", "error", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("import sys\nsys.exit(3)\n", "error", "SystemExit: the code calls sys.exit()"),
        ("gap = 1\n", "wrong", "The file has no function `gap_to_floor`: was it renamed?"),
        ("gap_to_floor = 1\n", "wrong", "`gap_to_floor` is the int 1, not a function."),
        (
            HEAD + "    return 1 / 0\n",
            "error",
            "line 2, in gap_to_floor:\n    return 1 / 0\nZeroDivisionError",
        ),
        (HEAD + "    import os\n    os._exit(7)\n", "stopped", "The process ended itself (status 7)"),
        (HEAD + "    import os\n    os.kill(os.getpid(), 9)\n", "stopped", "The process died of SIGKILL"),
        (HEAD + "    import os\n    os.abort()\n", "stopped", "The process died of SIGABRT"),
        (HEAD + "    return bytearray(10**15)\n", "error", "MemoryError"),
        (
            HEAD + "    import numpy as np\n    return np.zeros(10**9)\n",
            "error",
            "Unable to allocate 7.45 GiB",
        ),
    ],
)
def test_a_file_that_does_harm_to_itself(exercise: Exercise, text: str, status: str, said: str) -> None:
    write(exercise, text)
    told = check_work(exercise)
    assert told.findings[0].status == status
    assert said in str(told)
    assert "Traceback" not in str(told)


@pytest.mark.parametrize(
    "text",
    [HEAD + "    while True:\n        pass\n", "while True:\n    pass\n"],
    ids=["in the function", "while loading"],
)
def test_an_endless_loop_is_reported(exercise: Exercise, text: str) -> None:
    write(exercise, text)
    told = check_work(exercise, seconds=0.5)
    assert told.findings[0].status == "stopped"


@pytest.mark.parametrize(
    "text",
    [
        "import time\n"
        + HEAD
        + "    while True:\n        try:\n            time.sleep(9)\n"
        + "        except BaseException:\n            pass\n",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
        + HEAD
        + "    while True:\n        pass\n",
    ],
    ids=["catching everything", "deaf to signals"],
)
def test_a_loop_that_cannot_be_interrupted_is_killed(
    exercise: Exercise, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("minillama.book.exercises.runner.GRACE", 1.5)
    write(exercise, text)
    told = check_work(exercise, seconds=2.0)  # long enough to reach the loop on a busy machine
    assert "could not be interrupted" in told.findings[0].says


def test_endless_printing_is_cut(solved: Exercise) -> None:
    text = solved.work_path.read_text(encoding="utf-8")
    noise = (
        "import os\nprint('begun')\n[print('x' * 1000) for _ in range(5000)]\nos.write(1, b'y' * 100000)\n"
    )
    noisy = text.replace("    # Sum first", "    print('sum of', len(tokens), 'z' * 10**6)\n    # Sum first")
    assert noisy != text
    write(solved, noise + noisy)
    told = check_work(solved)
    assert told.right
    assert told.findings[0].printed.startswith("sum of 1 zzz")
    assert len(told.to_json()) < 5000


def test_a_thread_left_running_does_not_hold_up_the_answer(solved: Exercise) -> None:
    text = solved.work_path.read_text(encoding="utf-8")
    write(solved, "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n" + text)
    begun = time.monotonic()
    assert check_work(solved).right
    assert time.monotonic() - begun < 20


def test_the_same_second_and_size_are_no_reason_to_run_old_code(solved: Exercise) -> None:
    text = solved.work_path.read_text(encoding="utf-8")
    assert check_work(solved).right
    write(solved, text.replace("sum() - story", "sum() + story"))
    assert not check_work(solved).right
    write(solved, text)
    assert check_work(solved).right
