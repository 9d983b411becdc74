"""Checks of 06.5: a checkpoint from the interleaved layout to the half layout."""

import numpy as np

from minillama.book.exercises import Hole

PERMUTATION = "One permutation between them"

convert_checkpoint = Hole("convert_checkpoint", exact_dtype=True)


def carried(array, n_heads):
    """Carry each row to its new place."""
    D = len(array) // n_heads
    out = np.empty_like(array)
    for head in range(n_heads):
        for row in range(D):
            pair, member = divmod(row, 2)
            out[head * D + member * (D // 2) + pair] = array[head * D + row]
    return out


def checkpoint(rng, n_layers, n_heads, n_kv_heads, D, C, bias):
    shapes = {"tok_embeddings.weight": (5, C), "norm.weight": (C,)}
    for i in range(n_layers):
        at = f"layers.{i}.attention"
        shapes[f"layers.{i}.attention_norm.weight"] = (C,)
        rows = {"wq": n_heads * D, "wk": n_kv_heads * D, "wv": n_kv_heads * D}
        shapes |= {f"{at}.{name}.weight": (n, C) for name, n in rows.items()}
        shapes |= {f"{at}.{name}.bias": (n,) for name, n in rows.items() if bias}
        shapes[f"{at}.wo.weight"] = (C, n_heads * D)
        shapes[f"layers.{i}.feed_forward.w_gate.weight"] = (C, C)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def by_hand():
    column = np.arange(16.0)[:, None]
    return {
        "layers.0.attention.wq.weight": column,
        "layers.0.attention.wk.weight": column[:8] + 100,
        "layers.0.attention.wv.weight": column[:8] + 200,
    }


EVENS_FIRST = [0, 2, 4, 6, 1, 3, 5, 7]
convert_checkpoint.case(
    "two query heads, one key head of eight rows, by hand",
    {
        "layers.0.attention.wq.weight": np.array(EVENS_FIRST + [8 + row for row in EVENS_FIRST])[:, None]
        * 1.0,
        "layers.0.attention.wk.weight": np.array(EVENS_FIRST)[:, None] + 100.0,
        "layers.0.attention.wv.weight": np.arange(8.0)[:, None] + 200,
    },
    weights=by_hand(),
    n_heads=2,
    n_kv_heads=1,
)
convert_checkpoint.case(
    "nothing in it that turns",
    {"norm.weight": np.array([1.0, 2.0]), "output.weight": np.eye(2)},
    weights={"norm.weight": np.array([1.0, 2.0]), "output.weight": np.eye(2)},
    n_heads=2,
    n_kv_heads=1,
)


def row_by_row(weights, n_heads, n_kv_heads):
    """Carry rows one by one where the name says queries or keys."""
    out = {}
    for name, array in weights.items():
        heads = n_heads if ".wq." in name else n_kv_heads if ".wk." in name else None
        out[name] = array if heads is None else carried(array, heads)
    return out


@convert_checkpoint.against(row_by_row, "whole checkpoints, against rows carried one by one", seeds=4)
def checkpoints(rng):
    n_kv_heads, bias = int(rng.integers(1, 3)), bool(rng.integers(2))
    n_heads, D = 2 * n_kv_heads, 2 * int(rng.integers(2, 4)) * 2
    weights = checkpoint(rng, 2, n_heads, n_kv_heads, D, n_heads * D, bias)
    return {"weights": weights, "n_heads": n_heads, "n_kv_heads": n_kv_heads}


@convert_checkpoint.against(row_by_row, "a checkpoint with biases", seeds=2)
def with_biases(rng):
    return {"weights": checkpoint(rng, 2, 4, 2, 8, 32, True), "n_heads": 4, "n_kv_heads": 2}


@convert_checkpoint.law("a key turned by halves scores as before, turned by neighbours", with_biases, seeds=2)
def scores(convert, weights, n_heads, n_kv_heads):
    rng = np.random.default_rng(0)
    stream, angles = rng.normal(size=(3, 32)), rng.uniform(0, 6, size=(3, 4))
    cos, sin = np.cos(angles), np.sin(angles)

    def projected(source, name, heads):
        at = f"layers.1.attention.{name}"
        x = stream @ source[f"{at}.weight"].T + source[f"{at}.bias"]
        return x.reshape(3, heads, -1).transpose(1, 0, 2)  # (T, heads D) -> (heads, T, D)

    def neighbours(x):
        a, b = x[..., 0::2], x[..., 1::2]
        return np.concatenate(
            [a * cos - b * sin, a * sin + b * cos], axis=-1
        )  # the order is nothing to a score

    def halves(x):
        a, b = np.split(x, 2, axis=-1)
        return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)

    found = []
    for source, turn in ((convert(weights, n_heads, n_kv_heads), halves), (weights, neighbours)):
        q, k = projected(source, "wq", n_heads), projected(source, "wk", n_kv_heads)
        k = k.repeat(n_heads // n_kv_heads, axis=0)
        found.append(turn(q) @ turn(k).transpose(0, 2, 1))
    return tuple(found)


def converted(weights, heads_of, layers=None, kinds=("weight", "bias"), back=False):
    """Convert with the head counts given by name, in some layers, some kinds, or backwards."""
    out = {}
    for name, array in weights.items():
        *_, part, kind = name.split(".")
        chosen = layers is None or any(name.startswith(f"layers.{i}.") for i in layers)
        if part in heads_of and kind in kinds and chosen:
            shape = (heads_of[part], 2, -1) if back else (heads_of[part], -1, 2)
            array = array.reshape(*shape, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
        out[name] = array
    return out


@convert_checkpoint.mistake(
    "The keys were cut into as many heads as the queries. With grouped queries they have fewer:"
    " `n_kv_heads`. The shapes fit all the same, so nothing warns you.",
    see=PERMUTATION,
)
def key_heads(weights, n_heads, n_kv_heads):
    return converted(weights, {"wq": n_heads, "wk": n_heads})


@convert_checkpoint.mistake(
    "The values were sorted too. They are not turned, and wo expects their numbers where they were.",
    see=PERMUTATION,
)
def values_too(weights, n_heads, n_kv_heads):
    return converted(weights, {"wq": n_heads, "wk": n_kv_heads, "wv": n_kv_heads})


@convert_checkpoint.mistake(
    "Only the queries were sorted. A score is a product of both: the keys must follow.", see=PERMUTATION
)
def queries_only(weights, n_heads, n_kv_heads):
    return converted(weights, {"wq": n_heads})


@convert_checkpoint.mistake(
    "Only the keys were sorted. A score is a product of both: the queries must follow.", see=PERMUTATION
)
def keys_only(weights, n_heads, n_kv_heads):
    return converted(weights, {"wk": n_kv_heads})


@convert_checkpoint.mistake(
    "You went the other way, from half to interleaved: rows 0, D/2, 1, D/2 + 1, ...", see=PERMUTATION
)
def other_direction(weights, n_heads, n_kv_heads):
    return converted(weights, {"wq": n_heads, "wk": n_kv_heads}, back=True)


@convert_checkpoint.mistake(
    "The biases stayed where they were. A bias is added to a query before it is turned, so it goes where"
    " its row goes.",
    see=PERMUTATION,
)
def no_biases(weights, n_heads, n_kv_heads):
    return converted(weights, {"wq": n_heads, "wk": n_kv_heads}, kinds=("weight",))


@convert_checkpoint.mistake("Only the first layer was converted. Every layer turns.", see=PERMUTATION)
def first_layer(weights, n_heads, n_kv_heads):
    return converted(weights, {"wq": n_heads, "wk": n_kv_heads}, layers=[0])


@convert_checkpoint.mistake(
    "All rows of a projection were sorted as if they were one head. Each head is sorted by itself.",
    see=PERMUTATION,
)
def one_head(weights, n_heads, n_kv_heads):
    return converted(weights, {"wq": 1, "wk": 1})


@convert_checkpoint.mistake("Nothing was moved: your result is the checkpoint as it came.", see=PERMUTATION)
def nothing(weights, n_heads, n_kv_heads):
    return dict(weights)
