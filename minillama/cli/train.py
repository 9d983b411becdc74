"""`minillama train`: train a LLaMA on your own text files, or on what `minillama data make` wrote."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import console, program
from .errors import UserError
from .processes import placed

if TYPE_CHECKING:
    from ..tokenizer import Tokenizer
    from ..training import Placement, Trainer
    from .training_text import TrainingText

READINGS = 8  # times that the held-out loss is read and a sample written, where the user does not say
SEQ_LEN = 256  # where neither the user nor the data says
MODEL = ("dim", "n_layers", "n_heads", "n_kv_heads", "hidden_dim")  # options that are LlamaConfig's fields
ELSEWHERE = (
    "corpus",
    "data",
    "out",
    "tokenizer",
    "vocab_size",
    "seq_len",
    "seed",
    "threads",
    "parallel",
    "tensor_parallel",
    "device",
    "backend",
    "resume",
    "as_json",
)

SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # names that --dtype knows besides


def train(
    context: typer.Context,
    corpus: Annotated[
        Path | None, typer.Option(help="A text file (UTF-8), or a folder of .txt and .md files.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="A folder that `minillama data make` wrote.")] = None,
    out: Annotated[
        Path, typer.Option(help="Directory for checkpoint, log and picture; new or empty.")
    ] = Path("runs/train"),
    tokenizer: Annotated[
        Path | None, typer.Option(help="With --corpus: use this tokenizer instead of training one.")
    ] = None,
    vocab_size: Annotated[int, typer.Option(help="Tokens to learn from the corpus.")] = 1024,
    dim: Annotated[int, typer.Option(min=2, help="Width of the residual stream.")] = 192,
    n_layers: Annotated[int, typer.Option("--layers", min=1, help="Blocks.")] = 4,
    n_heads: Annotated[int, typer.Option("--heads", min=1, help="Query heads.")] = 6,
    n_kv_heads: Annotated[int, typer.Option("--kv-heads", min=1, help="Key/value heads.")] = 2,
    hidden_dim: Annotated[
        int | None, typer.Option(min=1, help="Feed-forward width. Default: 8/3 of dim.")
    ] = None,
    seq_len: Annotated[
        int | None,
        typer.Option(min=2, help="Tokens per row, and the model's context. Default: 256, or the data's."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows per step.")] = 8,
    accumulate: Annotated[
        int, typer.Option(min=1, help="Micro-batches that a step's rows are cut into, to save memory.")
    ] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 1000,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 2e-3,
    warmup: Annotated[int, typer.Option(min=0, help="Steps of linear warm-up.")] = 50,
    min_lr: Annotated[float, typer.Option(help="Learning rate at the end, as a share of the peak.")] = 0.1,
    weight_decay: Annotated[float, typer.Option(help="Of AdamW, on matrices.")] = 0.1,
    grad_clip: Annotated[float, typer.Option(help="Longest gradient.")] = 1.0,
    z_loss: Annotated[float, typer.Option(help="Weight of (log Z)^2; PaLM took 1e-4.")] = 0.0,
    dtype: Annotated[
        str, typer.Option(help="Of matrix products: float32, bf16, or fp16 with a scaled loss.")
    ] = "float32",
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, or auto (the default): a GPU where PyTorch sees one.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="Whose kernels: eager, cpp, triton, triton-interpret, or auto. Default: MINILLAMA_BACKEND's."
        ),
    ] = None,
    mask_documents: Annotated[
        bool, typer.Option("--mask-documents", help="Positions see their own document only.")
    ] = False,
    on_spike: Annotated[
        str, typer.Option(help="Where loss or gradient jump: log it, or skip the update.")
    ] = "log",
    compile: Annotated[
        bool, typer.Option("--compile", help="Let torch.compile fuse operations: slow to begin, then faster.")
    ] = False,
    evaluate_every: Annotated[
        int | None,
        typer.Option(min=0, help="Steps between readings of the held-out loss. Default: an eighth."),
    ] = None,
    evaluate_rows: Annotated[int, typer.Option(min=1, help="Held-out rows in a reading.")] = 64,
    sample_every: Annotated[
        int | None, typer.Option(min=0, help="Steps between samples. Default: an eighth of the run.")
    ] = None,
    checkpoint_every: Annotated[
        int, typer.Option(min=0, help="Steps between checkpoints; 0: at the end only.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="All that is random follows from it.")] = 0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads. Default: 2, or 1 in each of torchrun's processes.")
    ] = None,
    parallel: Annotated[
        str, typer.Option(help="Under torchrun: ddp, a copy of the model each, or fsdp, a part of it each.")
    ] = "ddp",
    tensor_parallel: Annotated[
        int, typer.Option(min=1, help="Under torchrun: processes that share every matrix.")
    ] = 1,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Compute activations twice rather than keep them.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(help="Go on with a run that was stopped (give its --corpus or --data, and --seed)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON at the end, and nothing else.")
    ] = False,
) -> None:
    """Train a LLaMA on your own text, with a tokenizer of its own."""
    options = dict(context.params)
    options["dtype"] = SHORT.get(dtype, dtype)
    given = {name for name in options if _was_given(context, name)}
    _check_paths(corpus, data, tokenizer, out, resume)

    began = _began(resume)
    device = device or began.get("device") or "auto"
    with placed(parallel, tensor_parallel, threads, resume or out, device) as placement:
        from ..training.throughput import peak_flops

        where = _computed_by(placement, backend, began)

        settings = {name: value for name, value in options.items() if name not in (*MODEL, *ELSEWHERE)}
        if resume is not None:
            chosen = {name: settings[name] for name in settings.keys() & given}
            trainer, text = _resumed(options, chosen, given, placement)
        else:
            trainer, text = _new(options, settings, placement)
        trainer.peak_flops = placement.processes * peak_flops(trainer.update.device, trainer.config.dtype)
        n_params = sum(p.numel() for p in trainer.model.parameters())
        _say(as_json, f"{text.n_tokens:,} tokens to train on, {n_params:,} parameters; {where}")
        _run(trainer, text, as_json)


def _was_given(context: typer.Context, name: str) -> bool:
    """Whether the user wrote this option, rather than leaving its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _check_paths(
    corpus: Path | None, data: Path | None, tokenizer: Path | None, out: Path, resume: Path | None
) -> None:
    if (corpus is None) == (data is None):
        raise UserError(
            "what shall it read? Give --corpus FILE_OR_FOLDER or --data FOLDER, one of them"
            " (or `minillama tour` for the stories)"
        )
    if data is not None and tokenizer is not None:
        raise UserError("--data brings its own tokenizer: leave --tokenizer away")
    if resume is None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already and not empty: name another by --out, or use --resume {out}")


def _began(resume: Path | None) -> dict[str, str]:
    """Return what computed the run in `resume` so far, "device" and "backend", as far as it can be read."""
    from ..checkpoints.runs import latest_values

    values = {} if resume is None else latest_values(resume)
    return {name: values[name] for name in ("device", "backend") if isinstance(values.get(name), str)}


def _computed_by(placement: Placement, backend: str | None, began: dict[str, str]) -> str:
    """Choose the kernels, those that the run began with unless others are asked for; say what computes."""
    from .. import kernels
    from ..training.device import use_backend

    assert placement.device is not None
    kind = placement.device.type
    asked = backend or kernels.chosen()
    if backend is None and asked == "auto" and began.get("backend") != kernels.backend(kind):
        asked = began.get("backend", asked)
    use_backend(asked, placement.device)
    now = {"device": kind, "backend": kernels.backend(kind)}
    said = f"{now['backend']} on {kind}"
    if began and began != now:
        return f"{said}, and not as it began: the last digits may part"
    return said


def _new(
    options: dict[str, Any], settings: dict[str, Any], placement: Placement
) -> tuple[Trainer, TrainingText]:
    """Check everything, read the text, and return a run at its beginning."""
    import torch

    from ..config import LlamaConfig
    from ..model import Llama
    from ..training import TrainConfig, Trainer

    for name in ("evaluate_every", "sample_every"):
        settings[name] = options["steps"] // READINGS if settings[name] is None else settings[name]
    config = TrainConfig(**settings)
    shape = {name: options[name] for name in MODEL}
    shape["hidden_dim"] = shape["hidden_dim"] or 8 * math.ceil(options["dim"] / 3)
    cfg = LlamaConfig(**shape)
    text = _text(options, None, options["seq_len"])
    tokens, _ = text.rows.batch(0, 1)
    model = Llama(cfg.replace(vocab_size=text.tokenizer.vocab_size, max_seq_len=tokens.shape[1]))
    model.init_weights(torch.Generator().manual_seed(options["seed"]))
    out, held_out = options["out"], text.held_out
    return Trainer(model, text.rows, config, text.tokenizer, out, placement, held_out), text


def _resumed(
    options: dict[str, Any], settings: dict[str, Any], given: set[str], placement: Placement
) -> tuple[Trainer, TrainingText]:
    """Return the run in ``--resume`` where it stands; options that would alter it are refused by name."""
    from ..training import Trainer

    directory = options["resume"]
    model, tokenizer, _ = placement.load(directory)
    if tokenizer is None:
        raise UserError(f"{directory}: the checkpoint holds no tokenizer")
    for name in MODEL:
        began = getattr(model.cfg, name)
        if name in given and options[name] != began:
            raise UserError(
                f"{directory}: {name} of the model is {began}, not {options[name]}: leave it away"
            )
    text = _text(options, tokenizer, options["seq_len"] or model.cfg.max_seq_len)
    return Trainer.resume(directory, text.rows, placement, text.held_out, changes=settings), text


def _text(options: dict[str, Any], tokenizer: Tokenizer | None, seq_len: int | None) -> TrainingText:
    """Read what is to be trained on, with `tokenizer` or else the one that the options say."""
    from ..data.corpora import read_corpus
    from ..tokenizer import Tokenizer
    from .training_text import from_documents, from_shards

    if options["data"] is not None:
        return from_shards(options["data"], seq_len, options["seed"])
    documents = read_corpus(options["corpus"])
    if tokenizer is None and options["tokenizer"] is not None:
        tokenizer = Tokenizer.load(options["tokenizer"])
    elif tokenizer is None:
        size = sum(len(text) for text in documents) / 1e6
        _say(
            options["as_json"],
            f"learning {options['vocab_size']} tokens from {size:.1f} million characters ...",
        )
        tokenizer = Tokenizer.train(documents, options["vocab_size"])
    return from_documents(documents, tokenizer, seq_len or SEQ_LEN, options["seed"])


def _run(trainer: Trainer, text: TrainingText, quiet: bool) -> None:
    """Train to the end or to Ctrl-C, and report."""
    from ..evaluation.curve import draw_curve
    from ..training import log
    from .live import RunDisplay
    from .running import run_steps

    directory = trainer.run_dir
    assert directory is not None
    display = RunDisplay(console, "minillama train", trainer.config.steps, quiet)
    begun = time.monotonic()
    if not run_steps(trainer, display):
        _say(quiet, f"stopped at step {trainer.step}; the checkpoint is in {directory}")
        _say(quiet, f"go on: the same command with --resume {directory}")
        raise KeyboardInterrupt
    lines = log.read(directory)
    loss = trainer.evaluate(text.held_out, text.read_rows)
    readings = [(line["step"], line["held_out"]) for line in lines if "held_out" in line]
    if not trainer.placement.is_main:
        return
    draw_curve(
        [line["loss"] for line in lines], [*readings, (trainer.step, loss)], None, directory / "loss.png"
    )
    result = {
        "loss": loss,
        "nats_per_byte": loss / text.bytes_per_token,
        "seconds": time.monotonic() - begun,
        "tokens_per_second": display.tokens_per_second,
    }
    if quiet:
        print(json.dumps(result))
        return
    per_byte = result["nats_per_byte"]
    _say(
        quiet,
        f"\nheld-out loss {loss:.3f} nats a token, {per_byte:.3f} nats a byte "
        f"({per_byte / math.log(2):.3f} bits), after {result['seconds']:.0f} s\n"
        f"{directory}/  checkpoint, loss.png, log.jsonl\n\n"
        f'  {program()} generate --checkpoint {directory} --prompt "The" --temperature 0.8',
    )


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        console.print(text, soft_wrap=True, highlight=False)
