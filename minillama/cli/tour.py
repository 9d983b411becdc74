"""`minillama tour`: train a small LLaMA on the stories, watch it learn, keep what came of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from .console import console, program
from .errors import UserError

if TYPE_CHECKING:
    from ..data.stories import Story
    from ..evaluation import StoryLoss
    from ..tokenizer import Tokenizer
    from ..training import Trainer
    from .live import RunDisplay

READINGS = 12  # times that the held-out loss is read during a run
WATCHED = 100  # held-out stories in each reading but the last, which uses all
SAMPLED = 32  # stories sampled and parsed at each reading
JUDGED = 500  # stories sampled and parsed at the end


def tour(
    out: Annotated[
        Path | None,
        typer.Option(help="Directory for the results. Default: runs/tour, or the next free runs/tour-N."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="All that is random follows from it.")] = 0,
    level: Annotated[
        int,
        typer.Option(min=1, max=3, help="Level of the story world: 2 takes some ten minutes, 3 an hour."),
    ] = 1,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps. Default: the level's own.")
    ] = None,
    threads: Annotated[
        int,
        typer.Option(
            min=1, help="CPU threads. A second one helps on an idle machine, and harms on a busy one."
        ),
    ] = 1,
    resume: Annotated[Path | None, typer.Option(help="Go on with a tour that was stopped.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON at the end, and nothing else.")
    ] = False,
) -> None:
    """Train a LLaMA on the embedded stories in a minute or two, offline, and let it tell some."""
    if resume is not None and (steps is not None or out is not None or level != 1):
        raise UserError(
            "--resume goes on with a run as it was planned: leave --level, --steps and --out away"
        )
    directory = _new_directory(out) if resume is None else resume
    plan = _write_plan(directory, seed, level, steps) if resume is None else _read_plan(directory)

    import torch

    torch.set_num_threads(threads)
    result = Tour(directory, **plan, quiet=as_json).run(resuming=resume is not None)
    if as_json:
        print(json.dumps(result))


def _new_directory(out: Path | None) -> Path:
    """Return the directory to write to: never one that holds anything already."""
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(
                f"{out} is there already and not empty: name another directory, or use --resume {out}"
            )
        return out
    number, directory = 1, Path("runs/tour")
    while directory.exists():
        number += 1
        directory = Path(f"runs/tour-{number}")
    return directory


def _write_plan(directory: Path, seed: int, level: int, steps: int | None) -> dict[str, int]:
    """Write down what was asked for, so that `--resume` can go on with it."""
    from ..training.tour import Recipe

    plan = {"seed": seed, "level": level, "steps": Recipe.for_level(level, steps).training.steps}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tour.json").write_text(json.dumps(plan) + "\n")
    return plan


def _read_plan(directory: Path) -> dict[str, int]:
    try:
        plan = json.loads((directory / "tour.json").read_text())
        return {key: int(plan[key]) for key in ("seed", "level", "steps")}
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{directory} holds no tour to go on with (expected the file tour.json)") from None


class Tour:
    """One run of the tour in one directory."""

    def __init__(self, directory: Path, seed: int, level: int, steps: int, quiet: bool = False) -> None:
        from ..training.tour import Recipe

        self.recipe = Recipe.for_level(level, steps)
        self.directory = directory
        self.seed = seed
        self.quiet = quiet
        self.held_out: list[Story] = []
        self.readings: list[tuple[int, float]] = []

    def run(self, resuming: bool) -> dict[str, float]:
        """Prepare, train, judge, write; return what `--json` prints."""
        from .live import RunDisplay
        from .running import run_steps

        trainer = self._prepare(resuming)
        assert trainer.tokenizer is not None
        n_params = sum(p.numel() for p in trainer.model.parameters())
        title = f"minillama tour · a LLaMA with {n_params:,} parameters, from nothing"
        steps = trainer.config.steps
        display = RunDisplay(console, title, steps, self.quiet)
        read_at = {
            max(1, round(steps * (k / READINGS) ** 1.5)) for k in range(1, READINGS)
        }  # more at the start
        begun = time.monotonic()
        finished = run_steps(trainer, display, read_at, lambda: self._read(trainer, display))
        seconds = time.monotonic() - begun
        if not finished:
            self._say(f"\nstopped at step {trainer.step}; the checkpoint is in {self.directory}")
            self._say(f"go on:  {program()} tour --resume {self.directory}", command=True)
            raise KeyboardInterrupt
        return self._finish(trainer, display, seconds)

    def _say(self, text: str = "", command: bool = False) -> None:
        """Print text; a command stays on one line, however long, so that it can be copied."""
        if not self.quiet:
            console.print(text, soft_wrap=command, highlight=False)

    def _tell(self, story: str) -> None:
        """Print a story, indented, its lines broken between words."""
        if not self.quiet:
            console.print(Padding(Text(story, style="italic"), (0, 2)), width=min(92, console.width))

    def _prepare(self, resuming: bool) -> Trainer:
        """Write the stories, learn the tokens, lay out the rows; a new model or the stopped one."""
        from ..training import Trainer

        recipe = self.recipe
        start = time.monotonic()
        stories = recipe.write_stories(self.seed)
        self.held_out = recipe.held_out_stories(self.seed)
        tokenizer = recipe.train_tokenizer(stories)
        rows = recipe.rows(stories, tokenizer, self.seed)
        words = sum(len(story.text.split()) for story in stories)
        self._say(
            f"{len(stories):,} stories written ({words:,} words), {tokenizer.vocab_size} tokens learnt "
            f"in {time.monotonic() - start:.1f} s. The first:"
        )
        self._tell(stories[0].text)
        self._say()
        if resuming:
            trainer = Trainer.resume(self.directory, rows)
            self._say(f"going on at step {trainer.step}")
            return trainer
        model = recipe.new_model(self.seed, tokenizer.vocab_size)
        return Trainer(model, rows, recipe.training, tokenizer, self.directory)

    def _read(self, trainer: Trainer, display: RunDisplay) -> None:
        """Read loss, floor and validity, and show a sample."""
        from ..evaluation import story_loss, validity
        from ..inference import sample_texts

        tokenizer = _tokenizer(trainer)
        reading = story_loss(trainer.model, tokenizer, self.held_out[:WATCHED])
        self.readings.append((trainer.step, reading.loss))
        texts = sample_texts(trainer.model, tokenizer, SAMPLED, self._longest(), seed=trainer.step)
        display.held_out, display.floor = reading.loss, reading.floor
        display.valid, display.sample = validity(texts, self.recipe.level), texts[0]

    def _longest(self) -> int:
        """Return the number of tokens that a story may take before it is cut off."""
        return self.recipe.model.max_seq_len // 2

    def _finish(self, trainer: Trainer, display: RunDisplay, seconds: float) -> dict[str, float]:
        """Judge the trained model, write samples and picture, and say what can be done next."""
        from ..evaluation import story_loss, validity
        from ..evaluation.curve import draw_curve
        from ..inference import sample_texts

        tokenizer = _tokenizer(trainer)
        last = story_loss(trainer.model, tokenizer, self.held_out)
        self.readings.append((trainer.step, last.loss))
        texts = sample_texts(trainer.model, tokenizer, JUDGED, self._longest(), seed=self.seed)
        valid = validity(texts, self.recipe.level)
        losses = [
            json.loads(line)["loss"] for line in (self.directory / "log.jsonl").read_text().splitlines()
        ]
        draw_curve(losses, self.readings, last.floor, self.directory / "loss.png")
        (self.directory / "samples.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        result = {
            "loss": last.loss,
            "floor": last.floor,
            "validity": valid,
            "seconds": seconds,
            "tokens_per_second": display.tokens_per_second,
        }
        (self.directory / "result.json").write_text(json.dumps(result) + "\n")
        self._report(last, valid, seconds, texts)
        return result

    def _report(self, last: StoryLoss, valid: float, seconds: float, texts: list[str]) -> None:
        self._say("\nThree stories that it tells now:")
        for text in texts[:3]:
            self._tell(text)
        self._say(
            f"\nAfter {seconds:.0f} s of training: loss {last.loss:.4f}, floor {last.floor:.4f}, "
            f"[bold]gap {last.gap:.4f} nats a token[/bold] on {last.stories} stories it never saw.\n"
            f"Of {JUDGED} stories sampled at temperature 1, [bold]{valid:.1%}[/bold] "
            "obey the world's grammar and logic."
        )
        here = self.directory
        self._say(f"\n{here}/  checkpoint, loss.png, samples.txt, log.jsonl")
        self._say("\nWhat next:")
        self._say(
            f'  {program()} generate --checkpoint {here} --prompt "{_opening(texts)}" --temperature 1',
            command=True,
        )
        self._say("  make lab             the same in chapter 01, cell by cell")
        self._say("  make exercises       do the exercises")


def _tokenizer(trainer: Trainer) -> Tokenizer:
    assert trainer.tokenizer is not None
    return trainer.tokenizer


def _opening(texts: list[str]) -> str:
    """Return the first words of a sample, as a prompt to try."""
    return " ".join(texts[0].split()[:4])
