"""`minillama inspect ...`: look inside models.

`inspect PATH` shows what a checkpoint holds; `inspect diff` names the first operation at which two models
part.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .console import console
from .errors import UserError
from .inspect_path import inspect_path

if TYPE_CHECKING:
    import numpy as np

    from ..evaluation.divergence import Divergence
    from ..model import Llama
    from ..tokenizer import Tokenizer


class PathOrVerb(TyperGroup):
    """A group in which whatever is no verb is a path; one called diff is written ./diff."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the verb that shows a path before anything else."""
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if not args or args[0] in known else [PATH, *args])


PATH = "PATH"
app = typer.Typer(help="Look inside models and checkpoints.", no_args_is_help=True, cls=PathOrVerb)
app.command(PATH)(inspect_path)

IMPLEMENTATIONS = ("reference", "torch", "transformers")
RANDOM = {
    "vocab_size": 256,
    "dim": 64,
    "n_layers": 2,
    "hidden_dim": 172,
    "max_seq_len": 64,
}  # without checkpoint
TOKENS = 16  # random ones, without a text
PARTED = 1  # exit status, as of diff

Loaded = tuple["Llama", "Tokenizer | None"]


@app.command()
def diff(
    a: Annotated[
        str,
        typer.Argument(help="reference, torch or transformers, alone or with :CHECKPOINT; or a checkpoint."),
    ],
    b: Annotated[str, typer.Argument(help="The other one, in the same way.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="For those that name none. Default: the other's, or random weights.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Input. Without, random tokens; needs a checkpoint with a tokenizer.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="Relative error that counts as equal. Default: 1e-9.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Show every operation with its error.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of random weights and tokens.")] = 0,
) -> None:
    """Run two implementations on one input and name the first operation whose outputs part.

    All compute in float64. The exit status is 0 if all operations agree, 1 if they part, 2 on bad input.
    """
    from ..evaluation.divergence import TOLERANCES, compare, first_divergence

    (how_a, path_a), (how_b, path_b) = _parsed(a), _parsed(b)
    shared = checkpoint or path_a or path_b
    loaded_a = _load(path_a or shared, seed)
    loaded_b = loaded_a if (path_b or shared) == (path_a or shared) else _load(path_b or shared, seed)
    _check_comparable(a, loaded_a[0], b, loaded_b[0])
    tokens = _tokens(text, loaded_a, loaded_b, seed)
    expected, found = _trace(how_a, loaded_a[0], tokens), _trace(how_b, loaded_b[0], tokens)
    allowed = TOLERANCES["float64"] if tolerance is None else tolerance
    errors = compare(expected, found)
    first = first_divergence(expected, found, allowed)
    if as_json:
        typer.echo(json.dumps(_told(errors, first, allowed, show_all)))
    else:
        _show(errors, first, allowed, show_all)
    if first is not None:
        raise typer.Exit(PARTED)


def _parsed(side: str) -> tuple[str, Path | None]:
    """Split IMPLEMENTATION, IMPLEMENTATION:CHECKPOINT or CHECKPOINT."""
    implementation, colon, path = side.partition(":")
    if implementation in IMPLEMENTATIONS:
        if colon and not path:
            raise UserError(f"{side!r} ends before its checkpoint: expected a path after the colon")
        return implementation, Path(path) if path else None
    if Path(side).exists():
        return "torch", Path(side)
    names = ", ".join(IMPLEMENTATIONS)
    raise UserError(
        f"{side!r} is neither an implementation nor a checkpoint: expected one of {names},"
        " one of them with :CHECKPOINT, or the path of a checkpoint"
    )


def _load(path: Path | None, seed: int) -> Loaded:
    """Load a checkpoint in float64, or make a small random model."""
    import torch

    from ..checkpoints import load
    from ..config import LlamaConfig
    from ..model import Llama

    if path is not None:
        model, tokenizer = load(path)
        return model.double().eval(), tokenizer
    model = Llama(LlamaConfig.from_dict(RANDOM)).double().eval()
    generator = torch.Generator().manual_seed(seed)
    model.init_weights(generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:  # norms begin at one: nobody could tell whether they are used
                parameter.normal_(1.0, 0.2, generator=generator)
    return model, None


def _check_comparable(a: str, model_a: Llama, b: str, model_b: Llama) -> None:
    """Refuse what cannot be compared operation by operation; any other difference is for the finder."""
    for field, what in (("vocab_size", "tokens in its vocabulary"), ("n_layers", "layers")):
        in_a, in_b = getattr(model_a.cfg, field), getattr(model_b.cfg, field)
        if in_a != in_b:
            raise UserError(f"{a} has {in_a} {what}, {b} has {in_b}: expected the same number")


def _tokens(text: str | None, a: Loaded, b: Loaded, seed: int) -> np.ndarray:
    """Return the input, (1, T): the text by A's tokenizer, else by B's; without a text random tokens."""
    import numpy as np

    cfg = a[0].cfg
    if text is None:
        length = min(TOKENS, cfg.max_seq_len, b[0].cfg.max_seq_len)
        return np.random.default_rng(seed).integers(0, cfg.vocab_size, (1, length))
    tokenizer = a[1] or b[1]
    if tokenizer is None:
        raise UserError("--text needs a tokenizer: give a checkpoint that holds one, or leave --text out")
    ids = tokenizer.encode(text, bos=tokenizer.bos_id is not None)
    if not ids or max(ids) >= cfg.vocab_size:
        raise UserError(f"the text gives the tokens {ids[:8]}: expected some, all below {cfg.vocab_size}")
    return np.array([ids])


def _trace(implementation: str, model: Llama, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Run one implementation with the model's weights."""
    from ..evaluation.divergence import trace_reference
    from ..evaluation.traces import trace_torch, trace_transformers
    from ..reference import ReferenceLlama

    if implementation == "reference":
        return trace_reference(ReferenceLlama(model.cfg, model.state_dict()), tokens)
    if implementation == "torch":
        return trace_torch(model, tokens)
    if find_spec("transformers") is None:
        raise UserError("transformers is not installed: pip install 'minillama[test]' brings it")
    from ..evaluation.peers import transformers_twin

    twin: Any = transformers_twin(model.cfg, model.state_dict())
    twin.set_attn_implementation("eager")  # whose weights can be seen
    return trace_transformers(twin, tokens)


def _told(
    errors: list[tuple[str, float]], first: Divergence | None, tolerance: float, show_all: bool
) -> dict[str, Any]:
    """Return the result for JSON, which knows no infinity and no NaN: null."""
    told: dict[str, Any] = {
        "agree": first is None,
        "operations": len(errors),
        "tolerance": tolerance,
        "largest_error": _finite(max(error for _, error in errors)),
        "first": None if first is None else {key: _finite(value) for key, value in asdict(first).items()},
    }
    if show_all:
        told["errors"] = {name: _finite(error) for name, error in errors}
    return told


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(
    errors: list[tuple[str, float]], first: Divergence | None, tolerance: float, show_all: bool
) -> None:
    """Print the table, if asked for, and one line."""
    if show_all:
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        table.add_column("operation", no_wrap=True)
        table.add_column("relative error", justify="right")
        for name, error in errors:
            table.add_row(name, f"{error:.1e}", style=None if error <= tolerance else "red")
        console.print(table)
    if first is None:
        name, largest = max(errors, key=lambda pair: pair[1])
        line = f"all {len(errors)} operations agree: largest relative error {largest:.1g}"
        line += f" ({name})" if largest else ""
    else:
        line = f"first difference: {first}"
    console.print(
        line, style="green" if first is None else "red", markup=False, highlight=False, soft_wrap=True
    )
