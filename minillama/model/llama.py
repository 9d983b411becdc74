"""LLaMA as one PyTorch module: embedding, blocks, final norm, output head.

One class for LLaMA 1, 2 and 3: grouped queries, tied or untied head, scaled rotary positions,
query/key norms and a sliding window are choices of `LlamaConfig`. Left out: mixtures of experts
and the other templates' own changes, which raise a clear error here.

References
----------
Touvron et al. 2023, arXiv 2302.13971, section 2; Llama 2, arXiv 2307.09288, section 2.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..config import LlamaConfig
from ..kernels import ops
from ..kernels.eager import IGNORE_INDEX
from .cache import KVCache
from .layers import Block, RMSNorm
from .mask import first_visible
from .rope import rope_table


class Llama(nn.Module):
    """A decoder-only transformer of the LLaMA family.

    Parameters
    ----------
    cfg : LlamaConfig

    Raises
    ------
    ValueError
        If the configuration asks for what a follower of the template added: it is named.

    Examples
    --------
    >>> model = Llama(LlamaConfig(vocab_size=300, dim=32, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=64))
    >>> model(torch.zeros(1, 5, dtype=torch.int64)).shape
    torch.Size([1, 5, 300])
    """

    def __init__(self, cfg: LlamaConfig) -> None:
        super().__init__()
        if cfg.extensions:
            raise ValueError(f"Llama cannot build {', '.join(cfg.extensions)}: leave them at their defaults")
        self.cfg = cfg
        self.tok_embeddings = nn.Embedding(cfg.vocab_size, cfg.dim)
        self.layers = nn.ModuleList(Block(cfg) for _ in range(cfg.n_layers))
        self.norm = RMSNorm(cfg.dim, cfg.norm_eps)
        self.output = nn.Linear(cfg.dim, cfg.vocab_size, bias=False)
        if cfg.tie_embeddings:
            self.output.weight = self.tok_embeddings.weight
        self.init_weights()

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights anew: normal with standard deviation 1/sqrt(fan-in), norms at one.

        The two matrices of a block that write to the residual stream are divided by
        ``sqrt(2 n_layers)``, so that the stream's variance does not grow with depth (Radford et
        al. 2019, GPT-2, section 2.3). The papers on LLaMA do not say how its weights began.
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() == 1:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            std = self.cfg.dim**-0.5 if name.startswith("tok_") else parameter.shape[1] ** -0.5
            if name.endswith(("wo.weight", "w_down.weight")):
                std /= (2 * self.cfg.n_layers) ** 0.5
            parameter.normal_(0.0, std, generator=generator)

    def forward(self, tokens: Int[Tensor, "B T"], cache: KVCache | None = None) -> Float[Tensor, "B T V"]:
        """Return the logits of the token that follows each position.

        Parameters
        ----------
        tokens : int64 tensor, shape (B, T)
            Token ids. With a cache, only the new ones.
        cache : KVCache, optional
            Continue from it; it is extended by these T positions.

        Returns
        -------
        Tensor, shape (B, T, vocab_size)

        Raises
        ------
        ValueError
            If the positions go beyond `max_seq_len` or the cache's capacity.
        """
        return self.output(self.hidden(tokens, cache))

    def hidden(
        self,
        tokens: Int[Tensor, "B T"],
        cache: KVCache | None = None,
        documents: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """Return the normalised last residual stream, which the output head reads.

        Parameters
        ----------
        tokens, cache
            As in `forward`.
        documents : int64 tensor, shape (B, T), optional
            The number of the document that each position belongs to: it sees its own document alone (Llama 3,
            arXiv 2407.21783, section 3.2). Not behind a cache that holds positions.

        Returns
        -------
        Tensor, shape (B, T, dim)

        Raises
        ------
        ValueError
            As in `forward`; if `documents` have another shape than `tokens`.
        """
        start = 0 if cache is None else cache.length
        end = start + tokens.shape[1]
        if end > self.cfg.max_seq_len:
            raise ValueError(f"{end} positions, but max_seq_len is {self.cfg.max_seq_len}: shorten the input")
        if documents is not None and documents.shape != tokens.shape:
            raise ValueError(f"documents have shape {tuple(documents.shape)}, tokens {tuple(tokens.shape)}")
        x = self.tok_embeddings(tokens)  # (B, T) -> (B, T, C)
        cos, sin = rope_table(self.cfg, start, end, x.dtype, x.device)
        mask = self._mask(start, end, documents)
        for index, block in enumerate(self.layers):
            x = block(x, cos, sin, mask, cache, index)
        if cache is not None:
            cache.length = end
        return self.norm(x)

    def _mask(
        self, start: int, end: int, documents: Int[Tensor, "B T"] | None
    ) -> Int[Tensor, "*rows T"] | Bool[Tensor, "*rows T S"] | None:
        """Return what each of the queries from `start` on may see, as `kernels.eager.attention` reads it."""
        device = self.tok_embeddings.weight.device
        return first_visible(start, end, self.cfg.sliding_window, documents, device)

    def loss(
        self,
        tokens: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"],
        documents: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean cross-entropy in nats per target.

        Parameters
        ----------
        tokens, targets : int64 tensors, shape (B, T)
            ``targets[b, t]`` is the token that should follow ``tokens[b, t]``; -100 is ignored.
        documents : int64 tensor, shape (B, T), optional
            As in `hidden`.

        Returns
        -------
        Tensor, shape ()
            NaN where no target counts.

        Examples
        --------
        >>> model = Llama(LlamaConfig(vocab_size=300, dim=32, n_layers=2, n_heads=4, n_kv_heads=2))
        >>> tokens = torch.tensor([[1, 2, 3, 4]])
        >>> bool(model.loss(tokens[:, :-1], tokens[:, 1:]) > 0)
        True
        """
        loss, _ = self.loss_sums(tokens, targets, documents)
        return loss / (targets != IGNORE_INDEX).sum()

    def loss_sums(
        self,
        tokens: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"],
        documents: Int[Tensor, "B T"] | None = None,
        z_loss: float = 0.0,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return two sums over all targets: the loss, nats + ``z_loss * (log Z)**2``, and its nats alone.

        Sums, so that micro-batches and processes can be added before one division. The nats are for
        reporting: they carry no gradient. No more than `kernels.eager.LOGITS_AT_ONCE` logits exist at a time.

        Parameters
        ----------
        tokens, targets, documents
            As in `loss`.
        z_loss : float
            Weight of (log Z)**2; chapter 13 says what it is for.

        Returns
        -------
        loss, nats : tensors, shape ()

        Raises
        ------
        ValueError
            As in `hidden`; if `targets` have another shape than `tokens`.

        References
        ----------
        z-loss: Chowdhery et al. 2022, PaLM, arXiv 2204.02311, section 5.
        """
        if tokens.shape != targets.shape:
            raise ValueError(f"tokens have shape {tuple(tokens.shape)}, targets {tuple(targets.shape)}")
        x = self.hidden(tokens, documents=documents).flatten(0, 1)  # (B, T, C) -> (N, C)
        return self._head_loss(x, targets.flatten(), z_loss)

    def _head_loss(
        self, x: Float[Tensor, "N C"], targets: Int[Tensor, " N"], z_loss: float
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the two sums for N positions."""
        return ops.linear_cross_entropy(x, self.output.weight, targets, z_loss)
