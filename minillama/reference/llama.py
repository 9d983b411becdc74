"""The whole model in NumPy: tokens to logits, loss to gradients, and text by feeding itself.

This is the specification: every later implementation of the book is compared with it. Left out: the
extensions by which followers of the template differ, which raise a clear error here.

References
----------
Touvron et al. 2023, LLaMA, arXiv 2302.13971, section 2; Llama 2, arXiv 2307.09288, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ..config import LlamaConfig
from .attention import causal_mask
from .block import Grads, Place, Record, block, block_backward, ignore, under, within
from .cache import KVCache
from .linear import embedding, embedding_backward, linear, linear_backward
from .norm import rms_norm, rms_norm_backward
from .rope import rope_table
from .softmax import cross_entropy, cross_entropy_backward, softmax
from .weights import Weights, checked_weights, init_weights


class ReferenceLlama:
    """A LLaMA in NumPy, forward and backward by hand.

    Parameters
    ----------
    cfg : LlamaConfig
    weights : mapping of name to array, optional
        By the names of `minillama.Llama.state_dict` (see `minillama.reference.weights`); they are copied.
        Without them, `init_weights` draws some.
    dtype : dtype
        Of weights and results: float64 for checks, float32 for speed.

    Attributes
    ----------
    cfg : LlamaConfig
    weights : dict of name to array
        The model's own copies. Change them in place, as the optimiser does.

    Raises
    ------
    ValueError
        If a weight is missing, unknown or misshapen, or the configuration is not a LLaMA's.

    Examples
    --------
    >>> cfg = LlamaConfig(vocab_size=300, dim=32, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=64)
    >>> model = ReferenceLlama(cfg)
    >>> tokens = np.array([[5, 17, 200, 3]])
    >>> model.forward(tokens).shape
    (1, 4, 300)
    >>> loss, grads = model.loss_and_grads(tokens[:, :-1], tokens[:, 1:])
    >>> grads["layers.1.attention.wk.weight"].shape
    (16, 32)
    """

    def __init__(
        self,
        cfg: LlamaConfig,
        weights: Mapping[str, Any] | None = None,
        dtype: type | np.dtype | str = np.float64,
    ) -> None:
        self.cfg = cfg
        self.dtype = np.dtype(dtype)
        if not np.issubdtype(self.dtype, np.floating):
            raise ValueError(f"dtype is {self.dtype}, expected a float")
        self.weights: Weights = (
            init_weights(cfg, dtype=self.dtype)
            if weights is None
            else checked_weights(cfg, weights, self.dtype)
        )

    def forward(
        self, tokens: Integer[np.ndarray, "B T"], cache: KVCache | None = None, record: Record = ignore
    ) -> Float[np.ndarray, "B T V"]:
        """Return the logits of the token that follows each position.

        Parameters
        ----------
        tokens : array (B, T), integer
            Token ids. With a cache, only the new ones.
        cache : KVCache, optional
            Continue from it; it is extended by these T positions.
        record : callable, optional
            Called as ``record(name, array)`` for the output of every operation, in order, such as
            ``"layers.0.attention.weights"``, (B, H, T, S).

        Returns
        -------
        array (B, T, V)

        Raises
        ------
        ValueError
            If a token is not in the vocabulary, or the positions go beyond `max_seq_len`.

        Examples
        --------
        >>> seen = {}
        >>> model = ReferenceLlama(LlamaConfig(n_layers=1))
        >>> logits = model.forward(np.array([[1, 2]]), record=seen.__setitem__)
        >>> seen["layers.0.attention.weights"][0, 0].round(2)[0]  # the first position sees itself alone
        array([1., 0.])
        """
        return self._forward(tokens, cache, record)[0]

    def loss(self, tokens: Integer[np.ndarray, "B T"], targets: Integer[np.ndarray, "B T"]) -> float:
        """Return the mean cross-entropy in nats per target; targets of -100 are ignored."""
        return cross_entropy(self.forward(tokens), targets)[0]

    def loss_and_grads(
        self, tokens: Integer[np.ndarray, "B T"], targets: Integer[np.ndarray, "B T"]
    ) -> tuple[float, Grads]:
        """Return the loss and its gradient by every weight.

        Parameters
        ----------
        tokens, targets : arrays (B, T), integer
            ``targets[b, t]`` is the token that should follow ``tokens[b, t]``; -100 is ignored.

        Returns
        -------
        loss : float
            Mean nats per target that counts.
        grads : dict of name to array
            The names and shapes of `weights`. A tied head's gradient is part of the embedding's.

        Raises
        ------
        ValueError
            As `forward`, or if the shapes differ.
        """
        if tokens.shape != targets.shape:
            raise ValueError(f"tokens have shape {tokens.shape}, targets {targets.shape}: expected the same")
        logits, saved = self._forward(tokens, None, ignore)
        loss, saved_loss = cross_entropy(logits, targets)
        d_logits = cross_entropy_backward(1.0, saved_loss)
        return loss, self._backward(d_logits, saved)

    def _forward(
        self, tokens: Integer[np.ndarray, "B T"], cache: KVCache | None, record: Record
    ) -> tuple[Float[np.ndarray, "B T V"], dict[str, Any]]:
        """Return the logits and what the backward needs."""
        cfg, w = self.cfg, self.weights
        start = 0 if cache is None else cache.length
        end = start + tokens.shape[1]
        if end > cfg.max_seq_len:
            raise ValueError(f"{end} positions, but max_seq_len is {cfg.max_seq_len}: shorten the input")
        cos, sin = rope_table(cfg, start, end, self.dtype)
        mask = causal_mask(end - start, end, cfg.sliding_window)
        saved: dict[str, Any] = {}
        x, saved["tok_embeddings"] = embedding(tokens, w["tok_embeddings.weight"])  # (B, T) -> (B, T, C)
        record("tok_embeddings", x)
        for layer in range(cfg.n_layers):
            name = f"layers.{layer}"
            place = Place(cos, sin, mask, cache, layer)
            x, saved[name] = block(x, within(w, f"{name}."), cfg, place, under(f"{name}.", record))
            record(name, x)
        x, saved["norm"] = rms_norm(x, w["norm.weight"], cfg.norm_eps)
        record("norm", x)
        logits, saved["output"] = linear(
            x, w["tok_embeddings.weight" if cfg.tie_embeddings else "output.weight"]
        )
        record("output", logits)
        return logits, saved

    def _backward(self, d_logits: Float[np.ndarray, "B T V"], saved: dict[str, Any]) -> Grads:
        """Walk the forward pass in reverse."""
        grads: Grads = {}
        d_x, d_head, _ = linear_backward(d_logits, saved["output"])
        d_x, grads["norm.weight"] = rms_norm_backward(d_x, saved["norm"])
        for layer in reversed(range(self.cfg.n_layers)):
            name = f"layers.{layer}"
            d_x, inner = block_backward(d_x, saved[name], self.cfg)
            grads |= {f"{name}.{key}": grad for key, grad in inner.items()}
        grads["tok_embeddings.weight"] = embedding_backward(d_x, saved["tok_embeddings"])
        if self.cfg.tie_embeddings:
            grads["tok_embeddings.weight"] += d_head  # the table was read twice
        else:
            grads["output.weight"] = d_head
        return {name: grads[name] for name in self.weights}

    def generate(
        self,
        prompt: Integer[np.ndarray, "B T"],
        max_new_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
        eos_id: int | None = None,
        use_cache: bool = True,
    ) -> Integer[np.ndarray, "B N"]:
        """Continue each row of `prompt`, one token after another.

        Parameters
        ----------
        prompt : array (B, T), integer, T >= 1
        max_new_tokens : int
            Upper bound; `max_seq_len` ends it too.
        temperature : float
            Logits are divided by it; 0 takes the most likely token.
        seed : int, optional
            Of the draws.
        eos_id : int, optional
            A row that has drawn this token goes on with nothing else; when all have, it is over.
        use_cache : bool
            Keep keys and values, so that each step runs one position and not all. Without, the results
            are the same but for rounding.

        Returns
        -------
        array (B, N), N <= max_new_tokens
            The new tokens alone.

        Raises
        ------
        ValueError
            If the prompt is empty, the temperature negative, or there is no room.

        Examples
        --------
        >>> model, prompt = ReferenceLlama(LlamaConfig(n_layers=1)), np.array([[1, 2, 3]])
        >>> a, b = (model.generate(prompt, 8, use_cache=cached) for cached in (True, False))
        >>> bool((a == b).all())
        True
        """
        room = self.cfg.max_seq_len - prompt.shape[1]
        if prompt.shape[1] < 1 or room < 0:
            raise ValueError(
                f"the prompt has {prompt.shape[1]} tokens, expected 1 to {self.cfg.max_seq_len}, the context"
            )
        if temperature < 0:
            raise ValueError(f"temperature is {temperature}, expected 0 or more")
        rng = np.random.default_rng(seed)
        cache = KVCache(self.cfg.n_layers) if use_cache else None
        tokens, ended = prompt, np.zeros(len(prompt), dtype=bool)
        for _ in range(min(max_new_tokens, room)):
            fed = tokens if cache is None else tokens[:, cache.length :]
            logits = self.forward(fed, cache)[:, -1]  # (B, V)
            chosen = logits.argmax(-1) if temperature == 0 else _draw(logits / temperature, rng)
            if eos_id is not None:
                chosen = np.where(ended, eos_id, chosen)
                ended |= chosen == eos_id
            tokens = np.concatenate([tokens, chosen[:, None]], axis=1)
            if ended.all():
                break
        return tokens[:, prompt.shape[1] :]


def _draw(logits: Float[np.ndarray, "B V"], rng: np.random.Generator) -> Integer[np.ndarray, " B"]:
    """Draw one token a row: the first at which the running sum of probabilities passes a random number."""
    cumulative = np.cumsum(softmax(logits.astype(np.float64))[0], axis=-1)
    return (cumulative > rng.random((len(logits), 1)) * cumulative[:, -1:]).argmax(axis=-1)
