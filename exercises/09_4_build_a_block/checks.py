"""Checks of 09.4: a whole block, forward and backward.

The oracle of the forwards is written with einsum, and takes complex numbers. So the oracle of the backwards
can nudge every number along the imaginary axis: the derivative comes out exact, by no formula for it.
"""

import math

import numpy as np

from minillama.book.exercises import Hole

FORWARD = "A block, forward"
BACKWARD = "A block, backward"

ATTENTION, FFN = ("wq", "wk", "wv", "wo"), ("w_gate", "w_up", "w_down")
NORMS = ("attention_norm", "ffn_norm")


# The oracles.


def true_feed_forward(x, w):
    gate, up = np.einsum("btc,fc->btf", x, w["w_gate"]), np.einsum("btc,fc->btf", x, w["w_up"])
    return np.einsum("btf,cf->btc", gate * up / (1 + np.exp(-gate)), w["w_down"])


def true_attention(x, w, cos, sin):
    D = 2 * cos.shape[-1]
    cut = {name: w[name].reshape(-1, D, x.shape[-1]) for name in ("wq", "wk", "wv")}
    q, k, v = (np.einsum("btc,ndc->bntd", x, cut[name]) for name in ("wq", "wk", "wv"))
    share = [h * k.shape[1] // q.shape[1] for h in range(q.shape[1])]
    matrix = np.zeros((len(cos), D, D))  # the rotation of each position, written out
    for i in range(D // 2):
        matrix[:, i, i] = matrix[:, i + D // 2, i + D // 2] = cos[:, i]
        matrix[:, i, i + D // 2], matrix[:, i + D // 2, i] = -sin[:, i], sin[:, i]
    q, k = np.einsum("tde,bnte->bntd", matrix, q), np.einsum("tde,bnte->bntd", matrix, k[:, share])
    power = np.exp(np.einsum("bhtd,bhsd->bhts", q, k) / math.sqrt(D)) * np.tri(x.shape[1])
    mixed = np.einsum("bhts,bhsd->bthd", power / power.sum(axis=-1, keepdims=True), v[:, share])
    return np.einsum("bthd,chd->btc", mixed, w["wo"].reshape(-1, len(share), D))


def true_norm(x, weight, eps):
    return weight * x * (np.einsum("btc,btc->bt", x, x) / x.shape[-1] + eps)[..., None] ** -0.5


def true_block(x, w, cos, sin, eps):
    h = x + true_attention(true_norm(x, w["attention_norm"], eps), w, cos, sin)
    return h + true_feed_forward(true_norm(h, w["ffn_norm"], eps), w)


def by_complex_step(layer):
    """Return the backward of a layer: every number nudged along the imaginary axis, one by one."""

    def backward(d_out, x, w, *rest):
        inputs = {"x": x, **w}

        def slope(name, at):
            nudged = {n: a.astype(complex) for n, a in inputs.items()}
            nudged[name][at] += 1e-30j
            out = layer(nudged.pop("x"), nudged, *rest)
            return np.sum(out * d_out).imag / 1e-30

        found = {
            name: np.array([slope(name, at) for at in np.ndindex(a.shape)]).reshape(a.shape)
            for name, a in inputs.items()
        }
        return found.pop("x"), found

    return backward


# Arguments.


def some(rng, ffn=False, attention=False, norms=False, backward=False):
    B, T, C, F, D = 2, int(rng.integers(2, 4)), int(rng.choice([3, 5])), int(rng.choice([2, 4])), 4
    H, K = (
        [(2, 1), (4, 2)][int(rng.integers(2))]
        if not backward
        else [(2, 1), (4, 2), (2, 2)][int(rng.integers(3))]
    )
    shapes = {}
    if attention:
        shapes |= {"wq": (H * D, C), "wk": (K * D, C), "wv": (K * D, C), "wo": (C, H * D)}
    if ffn:
        shapes |= {"w_gate": (F, C), "w_up": (F, C), "w_down": (C, F)}
    given = {"d_out": rng.normal(size=(B, T, C))} if backward else {}
    given |= {
        "x": rng.normal(0.2, 1.0, size=(B, T, C)),
        "w": {n: rng.normal(size=s) * 0.7 for n, s in shapes.items()},
    }
    if norms:
        given["w"] |= {name: rng.normal(1.0, 0.4, size=C) for name in NORMS}
    if attention:
        angles = np.outer(np.arange(T) + rng.integers(3), [1.0, 0.3])
        given |= {"cos": np.cos(angles), "sin": np.sin(angles)}
    if norms:
        given["eps"] = float(rng.choice([0.1, 0.5]))
    return given


# The wrong versions: one block with many switches.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def flat(x):
    return x.reshape(-1, x.shape[-1])


def ffn_forward(x, w, gate="w_gate", up="w_up", act=lambda z: z * sigmoid(z)):
    return (act(x @ w[gate].T) * (x @ w[up].T)) @ w["w_down"].T


def ffn_backward(d_out, x, w, slope="right", roads=("gate", "up"), swap=False, times_up=True):
    gate, up = x @ w["w_gate"].T, x @ w["w_up"].T
    s = sigmoid(gate)
    silu = gate * s
    slopes = {"right": s + silu * (1 - s), "sigmoid": s, "of the sigmoid": s * (1 - s), "silu": silu}
    d_hidden = d_out @ w["w_down"]
    d = {"gate": d_hidden * slopes[slope] * (up if times_up else 1.0), "up": d_hidden * silu}
    if swap:
        d = {"gate": d["up"], "up": d["gate"]}
    grads = {f"w_{name}": flat(d[name]).T @ flat(x) for name in d}
    grads["w_down"] = flat(d_out).T @ flat(silu * up)
    return sum(d[name] @ w[f"w_{name}"] for name in roads), grads


def turned(x, cos, sin, layout="half"):
    half = x.shape[-1] // 2
    one, two = (
        (slice(half), slice(half, None)) if layout == "half" else (slice(0, None, 2), slice(1, None, 2))
    )
    out = np.empty_like(x)
    out[..., one], out[..., two] = (
        x[..., one] * cos - x[..., two] * sin,
        x[..., two] * cos + x[..., one] * sin,
    )
    return out


def cut(x, D, transpose=True):
    B, T, N = x.shape
    return x.reshape(B, T, N // D, D).transpose(0, 2, 1, 3) if transpose else x.reshape(B, N // D, T, D)


def joined(x, transpose=True):
    B, N, T, D = x.shape
    return (x.transpose(0, 2, 1, 3) if transpose else x).reshape(B, T, N * D)


def spread(x, H, tile=False):
    return np.tile(x, (1, H // x.shape[1], 1, 1)) if tile else np.repeat(x, H // x.shape[1], axis=1)


def attention_parts(
    x,
    w,
    cos,
    sin,
    layout="half",
    turn="qk",
    mask="causal",
    tile=False,
    power=0.5,
    axis=-1,
    split=True,
    late=False,
):
    D = 2 * cos.shape[-1]
    q, k, v = (cut(x @ w[name].T, D, split) for name in ("wq", "wk", "wv"))
    q, k, v = (turned(a, cos, sin, layout) if n in turn else a for n, a in (("q", q), ("k", k), ("v", v)))
    H, T = q.shape[1], x.shape[1]
    k, v = spread(k, H, tile), spread(v, H, tile)
    scores = q @ k.swapaxes(-1, -2) * D**-power
    seen = {
        "causal": np.tri(T, dtype=bool),
        "none": np.ones((T, T), bool),
        "future": np.tri(T, dtype=bool).T,
    }[mask]
    if not late:
        scores = np.where(seen, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
    weights = weights / weights.sum(axis=axis, keepdims=True)
    return q, k, v, np.where(seen, weights, 0) if late else weights


def attention_forward(x, w, cos, sin, join=True, **switches):
    *_, v, weights = attention_parts(x, w, cos, sin, **switches)
    return joined(weights @ v, join) @ w["wo"].T


def attention_backward(
    d_out,
    x,
    w,
    cos,
    sin,
    roads=("wq", "wk", "wv"),
    group="sum",
    back=-1.0,
    scaled=True,
    projected=True,
    turn=True,
):
    D, K = 2 * cos.shape[-1], len(w["wk"]) // (2 * cos.shape[-1])
    q, k, v, weights = attention_parts(x, w, cos, sin)
    d_mixed = cut(d_out @ w["wo"], D)
    d_weights = d_mixed @ v.swapaxes(-1, -2)
    inner = (d_weights * weights).sum(axis=-1, keepdims=True) if projected else 0.0
    d_scores = weights * (d_weights - inner) * (D**-0.5 if scaled else 1.0)
    d_q, d_k, d_v = d_scores @ k, d_scores.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ d_mixed

    def gather(d):
        grouped = d.reshape(len(d), K, -1, *d.shape[2:])
        return {"sum": grouped.sum(2), "mean": grouped.mean(2), "first": grouped[:, :, 0]}[group]

    d_k, d_v = gather(d_k), gather(d_v)
    if turn:
        d_q, d_k = turned(d_q, cos, back * sin), turned(d_k, cos, back * sin)
    d = {"wq": joined(d_q), "wk": joined(d_k), "wv": joined(d_v)}
    grads = {name: flat(a).T @ flat(x) for name, a in d.items()}
    grads["wo"] = flat(d_out).T @ flat(joined(weights @ v))
    return sum(d[name] @ w[name] for name in roads), grads


def norm_backward(d_out, x, weight, eps, project=True):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    hat, d_hat = x / rms, d_out * weight
    along = np.mean(d_hat * hat, axis=-1, keepdims=True) if project else 0.0
    return (d_hat - hat * along) / rms, flat(d_out * hat).sum(axis=0)


def whole_backward(
    d_out,
    x,
    w,
    cos,
    sin,
    eps,
    roads=(1, 1),
    into="d_h",
    second_at="h",
    project=True,
    weight_at="right",
    stream=True,
):
    normed = true_norm(x, w["attention_norm"], eps)
    h = x + attention_forward(normed, w, cos, sin)
    d_normed, grads = ffn_backward(d_out, true_norm(h, w["ffn_norm"], eps), {n: w[n] for n in FFN})
    d_branch, grads["ffn_norm"] = norm_backward(
        d_normed, h if second_at == "h" else x, w["ffn_norm"], eps, project
    )
    d_h = roads[0] * d_out + d_branch
    d_in = d_h if into == "d_h" else d_out
    d_normed, more = attention_backward(d_in, normed, {n: w[n] for n in ATTENTION}, cos, sin)
    d_branch, grads["attention_norm"] = norm_backward(d_normed, x, w["attention_norm"], eps, project)
    straight = d_h if stream else d_out
    return roads[1] * straight + d_branch, grads | more


# SwiGLU.

feed_forward = Hole("feed_forward", tolerance=1e-9)
feed_forward.case(
    "one number, by hand: silu(ln 3) = 0.75 ln 3",
    np.array([[[15.0 * math.log(3) ** 2]]]),
    x=np.array([[[math.log(3)]]]),
    w={"w_gate": np.array([[1.0]]), "w_up": np.array([[2.0]]), "w_down": np.array([[10.0]])},
)
feed_forward.case(
    "a gate of zero is shut, by hand",
    np.zeros((1, 2, 2)),
    x=np.array([[[1.0, 2.0], [3.0, -4.0]]]),
    w={"w_gate": np.zeros((1, 2)), "w_up": np.array([[5.0, 6.0]]), "w_down": np.array([[7.0], [8.0]])},
)
feed_forward.against(true_feed_forward, "random arrays, against einsum", seeds=4)(
    lambda rng: some(rng, ffn=True)
)


@feed_forward.mistake("Gate and up have changed places: silu goes over what w_gate makes.", see=FORWARD)
def gate_and_up_swapped(x, w):
    return ffn_forward(x, w, gate="w_up", up="w_gate")


@feed_forward.mistake("The gate is ReLU here. SwiGLU's is silu(z) = z · sigmoid(z).", see=FORWARD)
def relu_gate(x, w):
    return ffn_forward(x, w, act=lambda z: np.maximum(z, 0))


@feed_forward.mistake("The gate is the sigmoid alone (GLU). silu is z times it.", see=FORWARD)
def sigmoid_gate(x, w):
    return ffn_forward(x, w, act=sigmoid)


@feed_forward.mistake("The gate is GELU here (GEGLU, as in Gemma). LLaMA's is silu.", see=FORWARD)
def gelu_gate(x, w):
    return ffn_forward(
        x, w, act=lambda z: z / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    )


@feed_forward.mistake("The gate has no nonlinearity at all: silu is missing.", see=FORWARD)
def no_activation(x, w):
    return ffn_forward(x, w, act=lambda z: z)


@feed_forward.mistake("Gate and up were added. They are multiplied.", see=FORWARD)
def added(x, w):
    gate = x @ w["w_gate"].T
    return (gate * sigmoid(gate) + x @ w["w_up"].T) @ w["w_down"].T


@feed_forward.mistake("silu went over the product of gate and up. It goes over the gate alone.", see=FORWARD)
def silu_of_product(x, w):
    product = (x @ w["w_gate"].T) * (x @ w["w_up"].T)
    return (product * sigmoid(product)) @ w["w_down"].T


feed_forward_backward = Hole("feed_forward_backward", tolerance=1e-9)
feed_forward_backward.case(
    "gate zero, by hand: silu'(0) is 1/2",
    (
        np.array([[[15.0, 0.0]]]),
        {
            "w_gate": np.array([[0.0, 15.0]]),
            "w_up": np.array([[0.0, 0.0]]),
            "w_down": np.array([[0.0], [0.0]]),
        },
    ),
    d_out=np.array([[[2.0, 0.0]]]),
    x=np.array([[[0.0, 1.0]]]),
    w={"w_gate": np.array([[1.0, 0.0]]), "w_up": np.array([[0.0, 3.0]]), "w_down": np.array([[5.0], [1.0]])},
)
feed_forward_backward.against(
    by_complex_step(true_feed_forward), "random arrays, against the derivative by complex steps", seeds=4
)(lambda rng: some(rng, ffn=True, backward=True))


@feed_forward_backward.law(
    "twice the gradient in, twice the gradients out", lambda rng: some(rng, ffn=True, backward=True), seeds=2
)
def linear_in_d_out(feed_forward_backward, d_out, x, w):
    d_x, grads = feed_forward_backward(d_out, x, w)
    return feed_forward_backward(2 * d_out, x, w), (2 * d_x, {name: 2 * g for name, g in grads.items()})


@feed_forward_backward.mistake(
    "d_x came back by the gate alone. x went two ways, through w_gate and w_up: two gradients add.",
    see=BACKWARD,
)
def gate_road_only(d_out, x, w):
    return ffn_backward(d_out, x, w, roads=("gate",))


@feed_forward_backward.mistake(
    "d_x came back by `up` alone. x went two ways, through w_gate and w_up: two gradients add.", see=BACKWARD
)
def up_road_only(d_out, x, w):
    return ffn_backward(d_out, x, w, roads=("up",))


@feed_forward_backward.mistake(
    "The slope of silu was taken to be the sigmoid. silu is a product, z · s(z), and both factors move:"
    " s + z s (1 - s).",
    see=BACKWARD,
)
def slope_is_sigmoid(d_out, x, w):
    return ffn_backward(d_out, x, w, slope="sigmoid")


@feed_forward_backward.mistake(
    "The slope is that of the sigmoid, s (1 - s). silu's is s + z s (1 - s).", see=BACKWARD
)
def slope_of_sigmoid(d_out, x, w):
    return ffn_backward(d_out, x, w, slope="of the sigmoid")


@feed_forward_backward.mistake("silu itself stands where its slope belongs.", see=BACKWARD)
def no_slope(d_out, x, w):
    return ffn_backward(d_out, x, w, slope="silu")


@feed_forward_backward.mistake(
    "The gradients of gate and up have changed places: d_up is d_hidden · silu(gate), d_gate is d_hidden ·"
    " up · silu'(gate).",
    see=BACKWARD,
)
def gate_and_up_gradients_swapped(d_out, x, w):
    return ffn_backward(d_out, x, w, swap=True)


@feed_forward_backward.mistake(
    "The factor `up` is missing in the gate's gradient: the gate multiplied it.", see=BACKWARD
)
def without_up(d_out, x, w):
    return ffn_backward(d_out, x, w, times_up=False)


# Attention.

LOUD = {
    "wq": np.array([[40.0, 0.0, 0.0], [0.0, 40.0, 0.0]]),
    "wv": np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]),
}
LOUD |= {"wk": LOUD["wq"], "wo": np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])}

attention_layer = Hole("attention_layer", tolerance=1e-9)
attention_layer.case(
    "queries of zero: means of all up to here, by hand",
    np.array([[[2.0, 0.0], [3.0, 0.0], [5.0, 1.0]]]),
    x=np.array([[[2.0, 0.0], [4.0, 0.0], [9.0, 3.0]]]),
    w={"wq": np.zeros((2, 2)), "wk": np.eye(2), "wv": np.eye(2), "wo": np.eye(2)},
    cos=np.ones((3, 1)),
    sin=np.zeros((3, 1)),
)
attention_layer.case(
    "one position: nothing to weigh, the value passes, by hand",
    np.array([[[2.0, 14.0]]]),
    x=np.array([[[1.0, 7.0]]]),
    w={"wq": np.eye(2), "wk": np.eye(2), "wv": 2 * np.eye(2), "wo": np.eye(2)},
    cos=np.zeros((1, 1)),
    sin=np.ones((1, 1)),
)
attention_layer.case(
    "scores beyond a thousand, equal ones, by hand: the mean of 3 and 7",
    np.array([[[3.0, 0.0, 0.0], [5.0, 0.0, 0.0]]]),
    x=np.array([[[1.0, 0.0, 3.0], [1.0, 0.0, 7.0]]]),
    w=LOUD,
    cos=np.ones((2, 1)),
    sin=np.zeros((2, 1)),
)
attention_layer.against(true_attention, "random arrays, against einsum and rotation matrices", seeds=6)(
    lambda rng: some(rng, attention=True)
)


@attention_layer.law(
    "later positions have no influence on earlier ones", lambda rng: some(rng, attention=True), seeds=2
)
def causal(attention_layer, x, w, cos, sin):
    other = x.copy()
    other[:, -1] += 1.0
    return attention_layer(other, w, cos, sin)[:, :-1], attention_layer(x, w, cos, sin)[:, :-1]


@attention_layer.mistake("There is no mask: positions look ahead, where the answers are.", see=FORWARD)
def no_mask(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, mask="none")


@attention_layer.mistake(
    "The mask is the wrong triangle: positions see only themselves and what comes after.", see=FORWARD
)
def other_triangle(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, mask="future")


@attention_layer.mistake(
    "The mask came after the softmax: the weights that are left do not sum to one. Mask the scores, with"
    " -inf.",
    see=FORWARD,
)
def mask_after_softmax(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, late=True)


@attention_layer.mistake("The scores were not divided by sqrt(D).", see=FORWARD)
def not_scaled(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, power=0.0)


@attention_layer.mistake("The scores were divided by D. It is its root.", see=FORWARD)
def scaled_by_d(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, power=1.0)


@attention_layer.mistake(
    "Key/value heads were dealt out in turn (np.tile). Neighbouring query heads share one: head h reads h"
    " // (H/K), as np.repeat does.",
    see=FORWARD,
)
def tiled(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, tile=True)


@attention_layer.mistake(
    "The pairs are those of the interleaved layout, (2i, 2i + 1). Asked for is half: (i, i + D/2).",
    see=FORWARD,
)
def other_layout(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, layout="interleaved")


@attention_layer.mistake("Nothing was rotated: cos and sin are not used.", see=FORWARD)
def not_turned(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, turn="")


@attention_layer.mistake(
    "Only the queries were rotated. The keys are, too: then scores depend on distance.", see=FORWARD
)
def keys_not_turned(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, turn="q")


@attention_layer.mistake("The values were rotated too. RoPE turns queries and keys only.", see=FORWARD)
def values_turned(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, turn="qkv")


@attention_layer.mistake(
    "The heads were cut by a reshape alone, (B, T, H D) to (B, H, T, D): that mixes positions with heads."
    " Reshape to (B, T, H, D), then swap the two axes.",
    see=FORWARD,
)
def cut_by_reshape(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, split=False)


@attention_layer.mistake(
    "The heads were joined by a reshape alone. Swap the axes back, (B, H, T, D) to (B, T, H, D), before"
    " they are put side by side.",
    see=FORWARD,
)
def joined_by_reshape(x, w, cos, sin):
    return attention_forward(x, w, cos, sin, join=False)


attention_layer_backward = Hole("attention_layer_backward", tolerance=1e-9)
attention_layer_backward.case(
    "even weights, by hand: position 0 is used whole by itself and half by position 1",
    (
        np.array([[[5.0, 0.0], [1.0, 0.0]]]),
        {name: np.zeros((2, 2)) for name in ATTENTION},
    ),
    d_out=np.array([[[4.0, 0.0], [2.0, 0.0]]]),
    x=np.zeros((1, 2, 2)),
    w={"wq": np.zeros((2, 2)), "wk": np.zeros((2, 2)), "wv": np.eye(2), "wo": np.eye(2)},
    cos=np.ones((2, 1)),
    sin=np.zeros((2, 1)),
)
attention_layer_backward.case(
    "scores beyond a thousand, by hand: the first position sees itself alone",
    (
        np.array([[[0.0, 0.0, 4.0], [0.0, 0.0, 0.0]]]),
        {
            "wq": np.zeros((2, 3)),
            "wk": np.zeros((2, 3)),
            "wv": np.array([[4.0, 0.0, 12.0], [0.0, 0.0, 0.0]]),
            "wo": np.array([[12.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
        },
    ),
    d_out=np.array([[[4.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]),
    x=np.array([[[1.0, 0.0, 3.0], [1.0, 0.0, 7.0]]]),
    w=LOUD,
    cos=np.ones((2, 1)),
    sin=np.zeros((2, 1)),
)
attention_layer_backward.against(
    by_complex_step(true_attention), "random arrays, against the derivative by complex steps", seeds=4
)(lambda rng: some(rng, attention=True, backward=True))


@attention_layer_backward.law(
    "a gradient at the first position says nothing about later ones",
    lambda rng: some(rng, attention=True, backward=True),
    seeds=2,
)
def causal_backwards(attention_layer_backward, d_out, x, w, cos, sin):
    d_out = d_out * (np.arange(x.shape[1]) == 0)[:, None]
    return attention_layer_backward(d_out, x, w, cos, sin)[0][:, 1:], np.zeros_like(x[:, 1:])


@attention_layer_backward.mistake(
    "d_x came back through the values alone. x went three ways, through wq, wk and wv: three gradients add.",
    see=BACKWARD,
)
def values_road_only(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, roads=("wv",))


@attention_layer_backward.mistake(
    "The road through the queries is missing in d_x. x went three ways, through wq, wk and wv.", see=BACKWARD
)
def without_queries(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, roads=("wk", "wv"))


@attention_layer_backward.mistake(
    "The road through the keys is missing in d_x. x went three ways, through wq, wk and wv.", see=BACKWARD
)
def without_keys(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, roads=("wq", "wv"))


@attention_layer_backward.mistake(
    "The gradients of keys and values are those of the first query head of each group. One key served the"
    " whole group: sum over it.",
    see=BACKWARD,
)
def first_of_group(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, group="first")


@attention_layer_backward.mistake(
    "Over a group of query heads the mean was taken. Gradients of what was used several times add.",
    see=BACKWARD,
)
def mean_of_group(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, group="mean")


@attention_layer_backward.mistake(
    "The gradients of queries and keys were turned once more in the same direction. The way back turns"
    " back: the transpose of a rotation is its inverse.",
    see=BACKWARD,
)
def turned_forward(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, back=1.0)


@attention_layer_backward.mistake(
    "The gradients of queries and keys were not turned back. The rotation is a layer like any other.",
    see=BACKWARD,
)
def not_turned_back(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, turn=False)


@attention_layer_backward.mistake(
    "1 / sqrt(D) is missing on the way back: the scores were divided by it.", see=BACKWARD
)
def backward_not_scaled(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, scaled=False)


@attention_layer_backward.mistake(
    "The second part of the softmax's gradient is missing: one score up means all other weights down."
    " Subtract sum(d_weights · weights).",
    see=BACKWARD,
)
def softmax_alone(d_out, x, w, cos, sin):
    return attention_backward(d_out, x, w, cos, sin, projected=False)


# The block.

HAND = {"wq": np.eye(2), "wk": np.eye(2), "wv": 10 * np.eye(2), "wo": np.eye(2)}
HAND |= {"w_gate": np.zeros((1, 2)), "w_up": np.ones((1, 2)), "w_down": np.ones((2, 1))}
HAND |= {"attention_norm": np.ones(2), "ffn_norm": np.ones(2)}

block = Hole("block", tolerance=1e-9)
block.case(
    "one position and a shut gate, by hand: (1, 7) normed is (0.2, 1.4), ten times that is added",
    np.array([[[3.0, 21.0]]]),
    x=np.array([[[1.0, 7.0]]]),
    w=HAND,
    cos=np.ones((1, 1)),
    sin=np.zeros((1, 1)),
    eps=0.0,
)
block.case(
    "both writing matrices zero: x passes, by hand",
    np.array([[[3.0, -4.0], [0.0, 0.0]]]),
    x=np.array([[[3.0, -4.0], [0.0, 0.0]]]),
    w=HAND | {"wo": np.zeros((2, 2)), "w_down": np.zeros((2, 1))},
    cos=np.ones((2, 1)),
    sin=np.zeros((2, 1)),
    eps=1.0,
)
block.against(true_block, "random arrays, against einsum", seeds=4)(
    lambda rng: some(rng, ffn=True, attention=True, norms=True)
)


@block.mistake(
    "This is post-norm: the sums were normalised. LLaMA normalises what enters each layer.", see=FORWARD
)
def post_norm(x, w, cos, sin, eps):
    with np.errstate(invalid="ignore"):
        h = true_norm(x + attention_forward(x, w, cos, sin), w["attention_norm"], eps)
        return true_norm(h + ffn_forward(h, w), w["ffn_norm"], eps)


@block.mistake("There is no residual connection: each layer *adds* to the stream.", see=FORWARD)
def no_residual(x, w, cos, sin, eps):
    h = attention_forward(true_norm(x, w["attention_norm"], eps), w, cos, sin)
    return ffn_forward(true_norm(h, w["ffn_norm"], eps), w)


@block.mistake(
    "The feed-forward layer reads the x from before attention, side by side with it. In LLaMA it reads the"
    " sum.",
    see=FORWARD,
)
def parallel(x, w, cos, sin, eps):
    branch = attention_forward(true_norm(x, w["attention_norm"], eps), w, cos, sin)
    return x + branch + ffn_forward(true_norm(x, w["ffn_norm"], eps), w)


@block.mistake("The norms stand on the stream: what is added to must be x itself.", see=FORWARD)
def norm_on_the_stream(x, w, cos, sin, eps):
    x = true_norm(x, w["attention_norm"], eps)
    x = x + attention_forward(x, w, cos, sin)
    x = true_norm(x, w["ffn_norm"], eps)
    return x + ffn_forward(x, w)


@block.mistake("The two norms have changed places.", see=FORWARD)
def norms_swapped(x, w, cos, sin, eps):
    h = x + attention_forward(true_norm(x, w["ffn_norm"], eps), w, cos, sin)
    return h + ffn_forward(true_norm(h, w["attention_norm"], eps), w)


@block.mistake("The feed-forward layer reads the stream without its norm.", see=FORWARD)
def second_norm_missing(x, w, cos, sin, eps):
    h = x + attention_forward(true_norm(x, w["attention_norm"], eps), w, cos, sin)
    return h + ffn_forward(h, w)


@block.mistake("eps was added to the root. It belongs inside, to the mean square.", see=FORWARD)
def eps_outside(x, w, cos, sin, eps):
    def norm(u, weight):
        return weight * u / (np.sqrt(np.mean(u**2, axis=-1, keepdims=True)) + eps)

    h = x + attention_forward(norm(x, w["attention_norm"]), w, cos, sin)
    return h + ffn_forward(norm(h, w["ffn_norm"]), w)


block_backward = Hole("block_backward", tolerance=1e-9)
block_backward.case(
    "both writing matrices zero: the straight road alone, by hand",
    (
        np.array([[[5.0, 7.0]]]),
        {name: np.zeros_like(a) for name, a in HAND.items()} | {"wo": np.array([[10.0, 70.0], [14.0, 98.0]])},
    ),
    d_out=np.array([[[5.0, 7.0]]]),
    x=np.array([[[1.0, 7.0]]]),
    w=HAND | {"wo": np.zeros((2, 2)), "w_down": np.zeros((2, 1))},
    cos=np.ones((1, 1)),
    sin=np.zeros((1, 1)),
    eps=0.0,
)
block_backward.against(
    by_complex_step(true_block), "random arrays, against the derivative by complex steps", seeds=3
)(lambda rng: some(rng, ffn=True, attention=True, norms=True, backward=True))


@block_backward.law(
    "twice the gradient in, twice the gradients out",
    lambda rng: some(rng, ffn=True, attention=True, norms=True, backward=True),
    seeds=2,
)
def whole_linear_in_d_out(block_backward, d_out, x, w, cos, sin, eps):
    d_x, grads = block_backward(d_out, x, w, cos, sin, eps)
    doubled = {name: 2 * g for name, g in grads.items()}
    return block_backward(2 * d_out, x, w, cos, sin, eps), (2 * d_x, doubled)


@block_backward.mistake(
    "The straight roads are missing: only what came through the branches was handed down. Each residual"
    " connection passes its gradient on, and adds the branch's.",
    see=BACKWARD,
)
def branches_only(d_out, x, w, cos, sin, eps):
    return whole_backward(d_out, x, w, cos, sin, eps, roads=(0, 0))


@block_backward.mistake(
    "The straight road past attention is missing in d_x: it is d_h plus what came through the branch.",
    see=BACKWARD,
)
def lower_road_missing(d_out, x, w, cos, sin, eps):
    return whole_backward(d_out, x, w, cos, sin, eps, roads=(1, 0))


@block_backward.mistake(
    "The straight road past the feed-forward layer is missing in d_h: it is d_out plus what came through"
    " the branch.",
    see=BACKWARD,
)
def upper_road_missing(d_out, x, w, cos, sin, eps):
    return whole_backward(d_out, x, w, cos, sin, eps, roads=(0, 1))


@block_backward.mistake(
    "Attention got d_out for its gradient. What reaches it is d_h: the feed-forward layer read its output,"
    " too.",
    see=BACKWARD,
)
def attention_gets_d_out(d_out, x, w, cos, sin, eps):
    return whole_backward(d_out, x, w, cos, sin, eps, into="d_out")


@block_backward.mistake(
    "d_x is d_out plus attention's branch: what came through the feed-forward layer's branch got lost on"
    " the straight road.",
    see=BACKWARD,
)
def upper_branch_lost(d_out, x, w, cos, sin, eps):
    return whole_backward(d_out, x, w, cos, sin, eps, stream=False)


@block_backward.mistake(
    "The second norm's gradient was taken at x. It normalised h, the sum after attention.", see=BACKWARD
)
def second_norm_at_x(d_out, x, w, cos, sin, eps):
    return whole_backward(d_out, x, w, cos, sin, eps, second_at="x")


@block_backward.mistake(
    "The norms' gradient lacks its projection: the root mean square depends on x, too (chapter 05).",
    see=BACKWARD,
)
def careless_norm(d_out, x, w, cos, sin, eps):
    return whole_backward(d_out, x, w, cos, sin, eps, project=False)


LARGEST = "scores - scores.max(axis=-1, keepdims=True) -> scores + scores.max(axis=-1, keepdims=True)"
for hole in (block, block_backward):
    hole.survives(
        LARGEST, "any constant may be added to scores; attention_layer's cases have scores that overflow"
    )
