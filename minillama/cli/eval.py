"""`minillama eval`: a checkpoint's score on the story benchmark, on a task file, or on a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import console
from .errors import UserError

if TYPE_CHECKING:
    from ..evaluation.multiple_choice import Judged
    from ..evaluation.prompts import Example
    from ..model import Llama
    from ..tokenizer import Tokenizer

LARGEST_TEXT = 256 * 2**20  # bytes
NEW_TOKENS = 32  # of a written answer

Row = dict[str, Any]
Told = Callable[[int, int], None] | None


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A run, a Hugging Face or Meta directory, a GGUF file.")],
    suite: Annotated[
        str | None, typer.Option(help="A built-in benchmark: stories. What is done if nothing is asked for.")
    ] = None,
    task: Annotated[Path | None, typer.Option(help="Questions of your own, one JSON object a line.")] = None,
    perplexity: Annotated[Path | None, typer.Option(help="A text file to read.")] = None,
    level: Annotated[int, typer.Option(min=1, max=3, help="Of the stories.")] = 1,
    questions: Annotated[int | None, typer.Option(min=1, help="At most so many (of each kind).")] = None,
    shots: Annotated[int, typer.Option(min=0, help="Examples in front of each question of a task.")] = 0,
    form: Annotated[
        str, typer.Option("--format", help="How a task's questions are written: plain, questions, letters.")
    ] = "plain",
    context: Annotated[int | None, typer.Option(min=1, help="Tokens a window of the text reads.")] = None,
    stride: Annotated[int | None, typer.Option(min=1, help="Tokens a window scores. Default: half.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of stories and shots.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Score a checkpoint: stories by default, or a --task, or the --perplexity of a text."""
    if sum(asked is not None for asked in (suite, task, perplexity)) > 1:
        raise UserError("--suite, --task and --perplexity exclude each other: give one of them")
    if suite not in (None, "stories"):
        raise UserError(f"--suite is {suite!r}: expected stories")
    from ..evaluation.prompts import FORMATS

    if form not in FORMATS:
        raise UserError(f"--format is {form!r}: expected one of {', '.join(FORMATS)}")
    asked_text = None if perplexity is None else _read_text(perplexity)
    examples = None if task is None else _read_task(task)

    from ..checkpoints import load

    model, tokenizer = load(checkpoint)
    if tokenizer is None:
        raise UserError(f"{checkpoint}: the checkpoint holds no tokenizer, so it cannot read text")
    with _progress(quiet=as_json) as told:
        if asked_text is not None:
            rows = [_text(model, tokenizer, asked_text, context, stride, told)]
        elif examples is not None:
            rows = _task(model, tokenizer, examples, questions, shots, form, seed, told)
        else:
            rows = _stories(model, tokenizer, level, questions or 200, seed, told)
    if as_json:
        typer.echo(json.dumps({"checkpoint": str(checkpoint), "results": rows}))
    else:
        _show(rows)


def _read_text(path: Path) -> str:
    if path.stat().st_size > LARGEST_TEXT:
        raise UserError(f"{path} has more than {LARGEST_TEXT:,} bytes: give a part of it")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 at byte {error.start}: give a text file") from None


def _read_task(path: Path) -> list[Example]:
    from ..evaluation.task_file import read_task

    return read_task(path)


def _text(
    model: Llama, tokenizer: Tokenizer, text: str, context: int | None, stride: int | None, told: Told
) -> Row:
    from ..evaluation.perplexity import perplexity

    reading = perplexity(model, tokenizer, text, context, stride, told)
    context = model.cfg.max_seq_len if context is None else context
    return {
        "tokens": len(reading.nats),
        "bytes": reading.bytes,
        "context": context,
        "stride": max(1, context // 2) if stride is None else stride,
        "nats_per_token": reading.nats_per_token,
        "perplexity": reading.perplexity,
        "bits_per_byte": reading.bits_per_byte,
    }


def _stories(model: Llama, tokenizer: Tokenizer, level: int, count: int, seed: int, told: Told) -> list[Row]:
    from ..evaluation.multiple_choice import judge
    from ..evaluation.story_suite import story_suite

    rows = []
    for task in story_suite(level, count, seed):
        judged = judge(model, tokenizer, task.questions, progress=told)
        row = _accuracy(task.name, judged, "raw", task.chance)
        rows.append(row | {"ceiling": task.ceiling})
    return rows


def _task(
    model: Llama,
    tokenizer: Tokenizer,
    examples: list[Example],
    count: int | None,
    shots: int,
    form: str,
    seed: int,
    told: Told,
) -> list[Row]:
    from ..evaluation.exact_match import answer_all, exact_match
    from ..evaluation.multiple_choice import NORMALISATIONS, judge
    from ..evaluation.prompts import FORMATS, choose_shots

    style, asked = FORMATS[form], examples[:count]
    shown = [choose_shots(examples, shots, seed, i, one.question) for i, one in enumerate(asked)]
    if not asked[0].choices:
        if style.letters:
            raise UserError("--format letters needs choices, and the task has none: use plain or questions")
        prompts = [style.prompt(one, before) for one, before in zip(asked, shown, strict=True)]
        answers = answer_all(model, tokenizer, prompts, NEW_TOKENS, told)
        right = [exact_match(a, one.answers) for a, one in zip(answers, asked, strict=True)]
        return [{"score": "exact match", **_share(right)}]
    posed = [style.multiple_choice(one, before) for one, before in zip(asked, shown, strict=True)]
    chance = sum(one.chance for one in posed) / len(posed)
    judged = judge(model, tokenizer, posed, unconditional=True, progress=told)
    return [_accuracy(name, judged, name, chance) for name in NORMALISATIONS]


def _accuracy(name: str, judged: list[Judged], normalisation: str, chance: float) -> Row:
    from ..evaluation.multiple_choice import correct

    return {"score": name, **_share(correct(judged, normalisation).tolist()), "chance": chance}


def _share(right: list[bool]) -> Row:
    """Count right answers; `low` and `high` are the ends of the share's 95 % interval."""
    from ..evaluation.intervals import share_interval

    found = share_interval(sum(right) / len(right), len(right))
    return {"questions": len(right), "accuracy": found.estimate, "low": found.low, "high": found.high}


@contextmanager
def _progress(quiet: bool) -> Iterator[Told]:
    """Show a bar on a terminal."""
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("scored"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("scored", total=None)
        yield lambda done, total: bar.update(line, completed=done, total=total)


def _show(rows: list[Row]) -> None:
    """Lay results out as a table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="left" if name == "score" else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            *(
                f"{value:.3f}"
                if isinstance(value, float)
                else f"{value:,}"
                if isinstance(value, int)
                else value
                for value in row.values()
            )
        )
    console.print(table)
