"""Checks of 10.5: a whole decoder, by its parameters, logits, logits in portions, and gradients.

The oracle is Part I's model: NumPy, with its own backward pass.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from minillama.book.exercises import Hole
from minillama.config import LlamaConfig
from minillama.reference import ReferenceLlama, init_weights, weight_shapes

MODEL = "The model, again"
NAMES = "Modules: weights with names"
CHECK = "Check: the same model, to the last digits"
MOUNTAIN = "The mountain, and how to flatten it"
PLANTED = "Planted mistakes"


def measured(kind, asked, cfg, weights, tokens):
    """Build the model and load it; return what was asked for."""
    model = kind(LlamaConfig(**cfg)).double()
    parameters = dict(model.named_parameters())
    shapes = {name: tuple(p.shape) for name, p in parameters.items()}
    if asked == "parameters" or shapes != {name: w.shape for name, w in weights.items()}:
        return shapes
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.from_numpy(weights[name]))
    ids = torch.from_numpy(tokens)
    if asked == "portions":
        past, pieces = None, []
        with torch.no_grad():
            for part in ids.split([4, 1, 2], dim=1):
                logits, past = model(part, past)
                pieces.append(logits)
            _, past = model(ids[:, :4])
            model(ids[:, 5:6], past)
            again, _ = model(ids[:, 4:5], past)  # the same past: the call before left it as it was
        return {"logits": torch.cat(pieces, dim=1), "the same past used again": again}
    logits, _ = model(ids)
    if asked == "logits":
        return logits.detach()
    F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    return {name: p.grad for name, p in parameters.items()}


def numpy_says(asked, cfg, weights, tokens):
    if asked == "parameters":
        return weight_shapes(LlamaConfig(**cfg))
    model = ReferenceLlama(LlamaConfig(**cfg), weights)
    if asked == "gradients":
        _, grads = model.loss_and_grads(tokens[:, :-1], tokens[:, 1:])
        return {name: torch.from_numpy(grad) for name, grad in grads.items()}
    logits = torch.from_numpy(model.forward(tokens))
    if asked == "portions":
        return {"logits": logits, "the same past used again": logits[:, 4:5]}
    return logits


Llama = Hole("Llama", through=measured, tolerance=1e-8)


def given(rng, asked, **changes):
    cfg = {
        "vocab_size": 11,
        "dim": 12,
        "n_layers": 2,
        "n_heads": 4,
        "n_kv_heads": 2,
        "head_dim": 6,
        "hidden_dim": 10,
        "max_seq_len": 16,
        "rope_theta": 50.0,
        "norm_eps": 0.1,
    } | changes
    start = init_weights(LlamaConfig(**cfg), seed=int(rng.integers(99)), dtype=np.float64)
    weights = {name: 2 * w * rng.normal(1, 0.3, size=w.shape) for name, w in start.items()}
    return {
        "asked": asked,
        "cfg": cfg,
        "weights": weights,
        "tokens": rng.integers(0, 11, size=(2, 7)),
    }


for tied, head in ((False, "a head of its own"), (True, "a tied head")):
    Llama.against(numpy_says, f"names and shapes of the parameters, {head}", seeds=1)(
        lambda rng, tied=tied: given(rng, "parameters", tie_embeddings=tied)
    )

SMALL = {"vocab_size": 2, "dim": 2, "n_layers": 1, "n_heads": 1, "n_kv_heads": 1, "hidden_dim": 1}
SMALL |= {"norm_eps": 1e-12}
SILENT = {name: np.zeros(shape) for name, shape in weight_shapes(LlamaConfig(**SMALL)).items()}
SILENT |= {
    "tok_embeddings.weight": np.array([[5.0, 5.0], [0.1, -0.1]]),
    "norm.weight": np.array([1.0, 2.0]),
    "output.weight": np.array([[3.0, 0.0], [0.0, 4.0]]),
}
Llama.case(
    "silent blocks, by hand: the head reads the normalised embedding, (1, 1) and (1, -1)",
    torch.tensor([[[3.0, 8.0], [3.0, -8.0]]], dtype=torch.float64),
    asked="logits",
    cfg=SMALL,
    weights=SILENT,
    tokens=np.array([[0, 1]]),
)
Llama.against(numpy_says, "logits, against NumPy", seeds=2)(lambda rng: given(rng, "logits"))
Llama.against(numpy_says, "logits with a tied head, against NumPy", seeds=1)(
    lambda rng: given(rng, "logits", tie_embeddings=True)
)
Llama.against(numpy_says, "a text in portions, against NumPy's in one", seeds=2)(
    lambda rng: given(rng, "portions")
)
Llama.against(numpy_says, "every gradient, against NumPy's backward pass", seeds=1)(
    lambda rng: given(rng, "gradients")
)
Llama.against(numpy_says, "every gradient with a tied head", seeds=1)(
    lambda rng: given(rng, "gradients", tie_embeddings=True)
)


SAME_LENGTH = "keys and values, and all layers, have the same number of positions"
Llama.survives("past[0] -> past[1] #2", SAME_LENGTH)
Llama.survives("past[0][0] -> past[0][1]", SAME_LENGTH)


class Wrong(nn.Module):
    """The whole model in one class, with switches for what can go wrong."""

    def __init__(self, cfg, **switches):
        super().__init__()
        self.cfg, self.switches = cfg, switches
        C, F_, D = cfg.dim, cfg.hidden_dim, cfg.head_dim
        bare = nn.Module
        self.tok_embeddings = nn.Embedding(cfg.vocab_size, C)
        layers = []
        for _ in range(cfg.n_layers):
            layer = bare()
            for name in ("attention_norm", "ffn_norm"):
                layer.add_module(name, bare())
                getattr(layer, name).weight = nn.Parameter(torch.ones(C))
            layer.attention, layer.feed_forward = bare(), bare()
            for name, heads in (("wq", cfg.n_heads), ("wk", cfg.n_kv_heads), ("wv", cfg.n_kv_heads)):
                layer.attention.add_module(name, nn.Linear(C, heads * D, bias=self.on("biases")))
            layer.attention.wo = nn.Linear(cfg.n_heads * D, C, bias=False)
            layer.feed_forward.w_gate = nn.Linear(C, F_, bias=False)
            layer.feed_forward.w_up = nn.Linear(C, F_, bias=False)
            layer.feed_forward.w_down = nn.Linear(F_, C, bias=False)
            layers.append(layer)
        self.layers = layers if self.on("list") else nn.ModuleList(layers)
        self.norm = bare()
        self.norm.weight = nn.Parameter(torch.ones(C))
        self.output = nn.Linear(C, cfg.vocab_size, bias=False)
        if cfg.tie_embeddings and not self.on("untied"):
            self.output.weight = self.tok_embeddings.weight

    def on(self, name):
        """Whether this mistake is made."""
        return self.switches.get(name, False)

    def normed(self, x, norm):
        """RMSNorm."""
        mean = x.square().mean(-1, keepdim=True)
        if self.on("eps outside"):
            return x / (mean.sqrt() + self.cfg.norm_eps) * norm.weight
        return x / (mean + self.cfg.norm_eps).sqrt() * norm.weight

    def turned(self, x, start):
        """Rotate."""
        T, D = x.shape[2:]
        theta = 10_000.0 if self.on("theta") else self.cfg.rope_theta
        pairs = torch.arange(0, D, 2, dtype=x.dtype)
        positions = torch.arange(T, dtype=x.dtype) + (0 if self.on("restart") else start)
        angle = torch.outer(positions, theta ** (-pairs / D))
        a, b = (x[..., ::2], x[..., 1::2]) if self.on("interleaved") else x.chunk(2, dim=-1)
        one, two = a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()
        if self.on("interleaved"):
            return torch.stack([one, two], dim=-1).flatten(-2)
        return torch.cat([one, two], dim=-1)

    def mixed(self, x, w, old, start):
        """Attend."""
        D = self.cfg.head_dim
        q, k, v = (m(x).unflatten(-1, (-1, D)).transpose(1, 2) for m in (w.wq, w.wk, w.wv))
        q, k = self.turned(q, start), self.turned(k, start)
        if old is not None:
            k, v = (torch.cat(pair, dim=2) for pair in zip(old, (k, v), strict=True))
        new, T, S = (k, v), q.shape[2], k.shape[2]
        share = q.shape[1] // k.shape[1]
        if self.on("tiled"):
            k, v = (a.repeat(1, share, 1, 1) for a in (k, v))
        else:
            k, v = (a.repeat_interleave(share, dim=1) for a in (k, v))
        scores = q @ k.transpose(-1, -2) * (1.0 if self.on("not scaled") else D**-0.5)
        seen = torch.ones(T, S, dtype=torch.bool).tril(0 if self.on("upper left") else S - T)
        if not self.on("no mask"):
            scores = scores.masked_fill(~seen, -math.inf)
        return w.wo((scores.softmax(-1) @ v).transpose(1, 2).flatten(2)), new

    def forward(self, tokens, past=None):
        """Return logits and the new past."""
        x, start = self.tok_embeddings(tokens), 0 if past is None else past[0][0].shape[2]
        pasts = past or [None] * len(self.layers)
        news = pasts if self.on("in place") else pasts.copy()
        for i, (layer, old) in enumerate(zip(self.layers, pasts, strict=True)):
            h = self.normed(x, layer.attention_norm)
            branch, new = self.mixed(h, layer.attention, old, start)
            news[i] = new
            x = (h if self.on("from the norm") else x) + branch
            w = layer.feed_forward
            h = self.normed(x, layer.ffn_norm)
            gate, up = (w.w_up(h), w.w_gate(h)) if self.on("swapped") else (w.w_gate(h), w.w_up(h))
            x = (h if self.on("from the norm") else x) + w.w_down(F.silu(gate) * up)
        return self.output(x if self.on("no last norm") else self.normed(x, self.norm)), news


@Llama.mistake(
    "The layers are in a Python list: their parameters are not registered, so that nobody loads, trains or"
    " saves them. nn.ModuleList registers what it holds.",
    see=PLANTED,
)
def layers_in_a_list(cfg):
    return Wrong(cfg, list=True)


@Llama.mistake("The head is not tied where the configuration asks for it.", see=PLANTED)
def never_tied(cfg):
    return Wrong(cfg, untied=True)


@Llama.mistake("Queries, keys and values have a bias. nn.Linear has one unless told otherwise.", see=NAMES)
def with_biases(cfg):
    return Wrong(cfg, biases=True)


@Llama.mistake(
    "The rotation pairs neighbours, (2i, 2i + 1), as Meta's files do. These weights are in the half layout.",
    see=MODEL,
)
def interleaved(cfg):
    return Wrong(cfg, interleaved=True)


@Llama.mistake("theta was taken to be 10,000, whatever the configuration says.", see=CHECK)
def theta_fixed(cfg):
    return Wrong(cfg, theta=True)


@Llama.mistake("Key/value heads were repeated in the order 0 1 0 1 in place of 0 0 1 1.", see=MODEL)
def tiled(cfg):
    return Wrong(cfg, tiled=True)


@Llama.mistake("Positions see what comes after them: there is no mask.", see=MODEL)
def no_mask(cfg):
    return Wrong(cfg, **{"no mask": True})


@Llama.mistake(
    "With a past the mask is aligned at the upper left, as is_causal=True does: a new query sees the"
    " beginning of the text only.",
    see=MOUNTAIN,
)
def upper_left(cfg):
    return Wrong(cfg, **{"upper left": True})


@Llama.mistake(
    "With a past the angles begin at 0 again. A token's position counts from the beginning of the text.",
    see=MODEL,
)
def angles_restart(cfg):
    return Wrong(cfg, restart=True)


@Llama.mistake(
    "The list of the past was changed in place: whoever goes on from it a second time, with another token,"
    " finds the first one in it. Make a new list.",
    see="In the real LLaMA",
)
def past_in_place(cfg):
    return Wrong(cfg, **{"in place": True})


@Llama.mistake("The scores were not divided by the root of D.", see=MODEL)
def not_scaled(cfg):
    return Wrong(cfg, **{"not scaled": True})


@Llama.mistake(
    "The branches were added to the normalised copy. The residual stream itself is never normalised.",
    see=MODEL,
)
def from_the_norm(cfg):
    return Wrong(cfg, **{"from the norm": True})


@Llama.mistake("The last norm is missing: the head reads the bare stream.", see=MODEL)
def no_last_norm(cfg):
    return Wrong(cfg, **{"no last norm": True})


@Llama.mistake("Gate and up have changed places: silu goes over what w_gate makes.", see=NAMES)
def gate_and_up_swapped(cfg):
    return Wrong(cfg, swapped=True)


@Llama.mistake("The norm's eps was added outside the root.", see=NAMES)
def eps_outside(cfg):
    return Wrong(cfg, **{"eps outside": True})
