"""A minillama model inside lm-evaluation-harness, with its hundreds of tasks.

    import lm_eval
    import minillama.evaluation.harness            # registers "minillama"

    lm_eval.simple_evaluate(model="minillama", model_args="pretrained=runs/tour", tasks=["hellaswag"])

The harness asks three things of a model: how likely a text is after another, how likely a whole text is, and
what it writes. All three are answered by the functions that our own evaluation uses.

Left out: chat templates, and splitting requests over processes. References: EleutherAI/lm-evaluation-harness,
``lm_eval/api/model.py``; Gao et al. 2021, doi 10.5281/zenodo.5371628.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.models.utils import normalize_gen_kwargs

from ..checkpoints import load
from ..inference import Sampling
from ..model import Llama
from ..tokenizer import Tokenizer
from .exact_match import continue_until
from .pairs import Request, prefix_id
from .perplexity import perplexity
from .scoring import Score, score

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

MAX_NEW_TOKENS = 256
"""Written at most, where a task does not say."""
SAMPLING = {"temperature", "top_k", "top_p", "min_p"}
"""What a task may set, besides length, stop texts and whether to sample."""


@register_model("minillama")
class HarnessModel(TemplateLM):
    """The adapter.

    Parameters
    ----------
    pretrained : path or (Llama, Tokenizer)
        A checkpoint that `minillama.load` reads, or a model and its tokenizer.
    add_bos_token : bool
        Whether a prompt begins with the token that begins a text, where the vocabulary has one. The LLaMAs
        were trained so.
    max_length : int, optional
        Tokens of context; the model's own by default.
    device : str, optional
        Where to compute.
    batch_size, max_batch_size : ignored
        The harness passes them on; our batches are cut by length.

    Raises
    ------
    CheckpointError, ValueError
        If the checkpoint cannot be read, or holds no tokenizer.
    """

    def __init__(
        self,
        pretrained: str | Path | tuple[Llama, Tokenizer],
        add_bos_token: bool = True,
        max_length: int | None = None,
        device: str | None = None,
        batch_size: Any = None,
        max_batch_size: Any = None,
    ) -> None:
        super().__init__()
        model, tokenizer = pretrained if isinstance(pretrained, tuple) else load(pretrained)
        if tokenizer is None:
            raise ValueError(f"{pretrained} holds no tokenizer, so the model cannot read a task")
        self.model = model.eval() if device is None else model.to(device).eval()
        self.tokenizer = tokenizer
        self.add_bos_token = add_bos_token and tokenizer.bos_id is not None
        self.max_length = model.cfg.max_seq_len if max_length is None else max_length
        self._device = model.tok_embeddings.weight.device

    @property
    def eot_token_id(self) -> int:
        """Id of the token that ends a text."""
        return prefix_id(self.tokenizer) if self.tokenizer.eos_id is None else self.tokenizer.eos_id

    @property
    def prefix_token_id(self) -> int:
        """Id of the token before a text."""
        return prefix_id(self.tokenizer)

    @property
    def tokenizer_name(self) -> str:
        """Name under which the harness keeps requests."""
        return repr(self.tokenizer)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Turn a text into ids."""
        bos = self.add_bos_token if add_special_tokens is None else add_special_tokens
        return self.tokenizer.encode(string, bos=bos)

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **kwargs: Any
    ) -> list[tuple[float, bool]]:
        """Score continuations that are ids already."""
        scored = self._score([Request(tuple(context), tuple(target)) for _, context, target in requests])
        answers = [(one.log_likelihood, one.greedy) for one in scored]
        for (texts, _, _), answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial("loglikelihood", texts, answer)
        return answers

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Return the log-likelihood of whole texts, in windows that do not overlap."""
        answers = []
        for request in requests:
            (text,) = request.args
            reading = perplexity(self.model, self.tokenizer, text, self.max_length, self.max_length)
            answers.append(-float(reading.nats.sum()))
            self.cache_hook.add_partial("loglikelihood_rolling", (text,), answers[-1])
        return answers

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Continue prompts until one of a task's stop texts; a prompt that is too long loses its beginning.

        Raises
        ------
        ValueError
            If a task asks for a way of generating that is not known here.
        """
        answers = []
        for request in requests:
            prompt, asked = request.args
            answers.append(self._continue(prompt, asked))
            self.cache_hook.add_partial("generate_until", (prompt, asked), answers[-1])
        return answers

    def _score(self, requests: list[Request]) -> list[Score]:
        """Score, with no more context than `max_length`."""
        room = self.max_length + 1
        return score(self.model, [Request(c[-max(1, room - len(t)) :], t) for c, t in requests])

    def _continue(self, prompt: str, asked: dict[str, Any]) -> str:
        """Write one continuation, as the task's settings ask."""
        settings = normalize_gen_kwargs(asked, MAX_NEW_TOKENS)
        until, new, sampled = (settings.pop(key) for key in ("until", "max_gen_toks", "do_sample"))
        unknown = sorted(set(settings) - SAMPLING)
        if unknown:
            raise ValueError(
                f"the task sets {', '.join(unknown)}: expected only {', '.join(sorted(SAMPLING))}"
            )
        room = self.max_length - new
        if room < 1:
            raise ValueError(f"the task sets max_gen_toks {new}: expected less than {self.max_length}")
        ids = self.tok_encode(prompt)[-room:]
        sampling = Sampling(**settings) if sampled else None
        return continue_until(self.model, self.tokenizer, ids, until, new, sampling)
