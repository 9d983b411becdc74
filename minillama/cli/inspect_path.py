"""`minillama inspect PATH`: what a checkpoint holds, told without reading its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import console
from .tokenizer import printable

if TYPE_CHECKING:
    from ..checkpoints import Source
    from ..tokenizer import Tokenizer

SHOWN = 8  # special tokens in the text
TEMPLATE = ("qk_norm_kind", "activation", "norm_placement")  # the same in every LLaMA
PARTS = ("embedding", "attention", "feed_forward", "norms", "output")


def inspect_path(
    path: Annotated[Path, typer.Argument(help="A GGUF file, or a directory of any format.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Show a checkpoint: configuration, parameters by part, tensors, tokenizer, sizes."""
    from ..checkpoints import open_source

    with open_source(path) as source:
        told = _told(source)
    if as_json:
        typer.echo(json.dumps(told))
    else:
        _show(told)


def _told(source: Source) -> dict[str, Any]:
    """Gather all that is shown."""
    from ..accounting import count_parameters

    count = count_parameters(source.cfg)
    return {
        "path": str(source.path),
        "format": source.format,
        "files": [{"name": file.name, "bytes": file.stat().st_size} for file in source.files],
        "config": source.cfg.to_dict(),
        "parameters": {"total": count.total, **{part: getattr(count, part) for part in PARTS}},
        "tensors": [
            {"name": name, "shape": list(info.shape), "dtype": info.stored, "bytes": info.n_bytes}
            for name, info in source.tensors.items()
        ],
        "bytes": sum(info.n_bytes for info in source.tensors.values()),
        "tokenizer": None if source.tokenizer is None else _tokenizer(source.tokenizer),
    }


def _tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    """Describe a tokenizer."""
    from ..tokenizer.byte_level import ByteLevelBPE

    names = tokenizer.specials.names
    ends = {"bos": tokenizer.bos_id, "eos": tokenizer.eos_id}
    kind = "byte-level BPE" if isinstance(tokenizer.model, ByteLevelBPE) else "SentencePiece BPE"
    return {
        "kind": kind,
        "vocab_size": tokenizer.vocab_size,
        **{key: None if i is None else {"id": i, "token": names[i]} for key, i in ends.items()},
        "special_tokens": tokenizer.special_tokens,
    }


def _show(told: dict[str, Any]) -> None:
    """Print it for people."""
    from rich.table import Table

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    files = told["files"]
    size = sum(file["bytes"] for file in files)
    names = files[0]["name"] if len(files) == 1 else f"{len(files)} files"
    say(f"{told['path']}: {told['format']}, {names}, {size / 1e6:,.1f} MB")
    say("\nconfiguration")
    for key, value in told["config"].items():
        if value not in (None, False) and key not in TEMPLATE:
            say(f"  {key:<16} {value}")
    say("\nparameters")
    total = told["parameters"]["total"]
    for part, n in told["parameters"].items():
        say(f"  {part:<16} {n:>16,}  {n / total:6.1%}")
    table = Table(box=None, pad_edge=False)
    for heading in ("\ntensor", "\nshape", "\ndtype", "\nbytes"):
        table.add_column(heading, no_wrap=True, justify="right" if "bytes" in heading else "left")
    for tensor in told["tensors"]:
        shape = " x ".join(map(str, tensor["shape"]))
        table.add_row(tensor["name"], shape, tensor["dtype"], f"{tensor['bytes']:,}")
    console.print(table)
    say(f"{len(told['tensors'])} tensors, {told['bytes']:,} bytes")
    say("\ntokenizer")
    if told["tokenizer"] is None:
        say("  none")
        return
    tokenizer = told["tokenizer"]
    say(f"  {tokenizer['kind']}, {tokenizer['vocab_size']:,} tokens")
    for key in ("bos", "eos"):
        if tokenizer[key] is not None:
            say(f"  {key:<16} {tokenizer[key]['id']} {_printable(tokenizer[key]['token'])}")
    special = list(tokenizer["special_tokens"])
    more = f" and {len(special) - SHOWN} more" if len(special) > SHOWN else ""
    say(f"  {'special':<16} {' '.join(map(_printable, special[:SHOWN]))}{more}")


def _printable(name: str) -> str:
    return printable(name.encode(errors="replace"))
