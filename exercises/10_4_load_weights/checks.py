"""Checks of 10.4: what a module is after loading, or after refusing.

A module is made by its kind, and looked at from outside; the oracle knows the arrays only.
"""

import numpy as np
import torch
from torch import nn

from minillama.book.exercises import Hole

NAMES = "Modules: weights with names"
CHECK = "Check: the same model, to the last digits"
REAL = "Real weights in it"


class Tied(nn.Module):
    """An embedding and a head that is the same parameter."""

    def __init__(self, V, C):
        super().__init__()
        self.tok_embeddings = nn.Embedding(V, C)
        self.output = nn.Linear(C, V, bias=False)
        self.output.weight = self.tok_embeddings.weight


def build(kind):
    torch.manual_seed(0)
    if kind == "one layer":
        return nn.Linear(2, 2, bias=False)
    if kind == "tied":
        return Tied(5, 3)
    stack = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 4, bias=False))
    return stack.double() if kind == "stack in float64" else stack


SHAPES = {
    "one layer": {"weight": (2, 2)},
    "tied": {"tok_embeddings.weight": (5, 3)},
    "stack": {"0.weight": (3, 3), "0.bias": (3,), "1.weight": (4, 3)},
}
SHAPES["stack in float64"] = SHAPES["stack"]


def observed(function, kind, arrays):
    """Load into a fresh module, and say what can be seen of it."""
    module, arrays = build(kind), {name: array.copy() for name, array in arrays.items()}
    before = dict(module.named_parameters())
    values = {name: p.detach().clone() for name, p in before.items()}
    try:
        function(module, arrays)
    except ValueError:
        after = dict(module.named_parameters())
        touched = any(not torch.equal(after[name], values[name]) for name in values)
        return {"refused with a ValueError": True, "changed all the same": touched}
    after = dict(module.named_parameters())
    found = {name: p.detach().numpy().copy() for name, p in after.items()}
    dtypes = {str(p.dtype) for p in after.values()}
    for array in arrays.values():
        array += 1.0
    shared = any(not np.array_equal(p.detach().numpy(), found[name]) for name, p in after.items())
    return {
        "values": found,
        "dtypes": dtypes,
        "parameters are the same objects": all(p is before.get(name) for name, p in after.items()),
        "all require a gradient": all(p.requires_grad for p in after.values()),
        "memory shared with the arrays": shared,
    }


REFUSED = {"refused with a ValueError": True, "changed all the same": False}


def expected(kind, arrays):
    """Say what must be seen, from the arrays alone."""
    shapes = SHAPES[kind]
    if {name: a.shape for name, a in arrays.items()} != shapes:
        return REFUSED
    wide = kind == "stack in float64"
    return {
        "values": {name: arrays[name].astype(float if wide else np.float32) for name in shapes},
        "dtypes": {"torch.float64" if wide else "torch.float32"},
        "parameters are the same objects": True,
        "all require a gradient": True,
        "memory shared with the arrays": False,
    }


load_arrays = Hole("load_arrays", through=observed)

SQUARE = np.array([[1.0, 2.0], [3.0, 4.0]])
load_arrays.case(
    "one square layer, by hand",
    {
        "values": {"weight": SQUARE.astype(np.float32)},
        "dtypes": {"torch.float32"},
        "parameters are the same objects": True,
        "all require a gradient": True,
        "memory shared with the arrays": False,
    },
    kind="one layer",
    arrays={"weight": SQUARE},
)


def some(rng, kind, dtype=np.float64):
    return {
        "kind": kind,
        "arrays": {name: rng.normal(size=shape).astype(dtype) for name, shape in SHAPES[kind].items()},
    }


for place, stage in (
    ("tied", "a tied head"),
    ("stack", "several layers"),
    ("stack in float64", "a module in float64"),
):
    load_arrays.against(expected, stage, seeds=2)(lambda rng, place=place: some(rng, place))
load_arrays.against(expected, "arrays in float32 for a module in float32", seeds=1)(
    lambda rng: some(rng, "stack", np.float32)
)


def spoilt(rng, how):
    given = some(rng, "stack")
    arrays = given["arrays"]
    if how == "missing":
        del arrays["1.weight"]
    elif how == "left over":
        arrays["1.bias"] = rng.normal(size=4)
    elif how == "row":
        arrays["1.weight"] = rng.normal(size=3)
    else:
        arrays["1.weight"] = rng.normal(size=(5, 3))
    return given


for how, stage in (
    ("missing", "a name is missing: refused, and nothing changed"),
    ("left over", "a name is left over: refused, and nothing changed"),
    ("row", "a row for a matrix: refused, and nothing changed"),
    ("size", "another size: refused, and nothing changed"),
):
    load_arrays.against(expected, stage, seeds=1)(lambda rng, how=how: spoilt(rng, how))


def checked(module, arrays, names=True, shapes=True):
    parameters = dict(module.named_parameters())
    if names and parameters.keys() != arrays.keys():
        raise ValueError("names")
    if shapes and any(arrays[n].shape != p.shape for n, p in parameters.items() if n in arrays):
        raise ValueError("shapes")
    return parameters


@torch.no_grad()
def copied(parameters, arrays, turn=lambda a: a):
    for name, parameter in parameters.items():
        if name in arrays:
            parameter.copy_(torch.from_numpy(turn(arrays[name])))


@load_arrays.mistake(
    "Names that are missing or left over were passed over: what was not loaded keeps its random start, and"
    " nobody hears of it. That is strict=False.",
    see=CHECK,
)
def not_strict(module, arrays):
    copied(checked(module, arrays, names=False), arrays)


@load_arrays.mistake(
    "A name that is left over was not refused. It belongs to something that this module does not have: a"
    " bias, a head of its own.",
    see=CHECK,
)
def left_over(module, arrays):
    parameters = dict(module.named_parameters())
    if parameters.keys() - arrays.keys():
        raise ValueError("missing")
    copied(checked(module, arrays, names=False), arrays)


@load_arrays.mistake(
    "A row was stretched into a matrix: copy_ broadcasts. Compare the shapes yourself.", see=CHECK
)
def stretched(module, arrays):
    parameters = checked(module, arrays, shapes=False)
    if any(arrays[n].ndim == p.ndim and arrays[n].shape != p.shape for n, p in parameters.items()):
        raise ValueError("size")
    copied(parameters, arrays)


@load_arrays.mistake(
    "The matrices were transposed. nn.Linear keeps one row for each output, as Part I did.", see=NAMES
)
def transposed(module, arrays):
    parameters = checked(module, arrays)
    turned = {n: a.T if a.T.shape == a.shape else a for n, a in arrays.items()}
    copied(parameters, turned, turn=np.ascontiguousarray)


@load_arrays.mistake(
    "New parameters took the place of the old ones. Whoever held an old one, a tied head or an optimiser,"
    " still has it: copy into them instead.",
    see=REAL,
)
def replaced(module, arrays):
    for name, parameter in checked(module, arrays).items():
        path, _, last = name.rpartition(".")
        new = nn.Parameter(torch.from_numpy(arrays[name].copy()).to(parameter.dtype))
        setattr(module.get_submodule(path), last, new)


@load_arrays.mistake(
    "`.data` was set to the array's own memory: the parameter took over its dtype, and whoever changes the"
    " array changes the model.",
    see="Tensors: arrays with three more things to know",
)
def data_shared(module, arrays):
    for name, parameter in checked(module, arrays).items():
        parameter.data = torch.from_numpy(arrays[name])


@load_arrays.mistake(
    "Names and shapes were checked while copying: what came before the fault has been loaded, and the module"
    " is now half of one model and half of another. Look first, then copy.",
    see=CHECK,
)
def half_loaded(module, arrays):
    parameters = dict(module.named_parameters())
    if arrays.keys() - parameters.keys():
        raise ValueError("left over")
    for name, parameter in parameters.items():
        if name not in arrays or arrays[name].shape != parameter.shape:
            raise ValueError(name)
        copied({name: parameter}, arrays)


@load_arrays.mistake(
    "The parameters no longer require a gradient: an optimiser would leave them as they are. Copy under"
    " no_grad, and do not switch it off.",
    see="Tensors: arrays with three more things to know",
)
def frozen(module, arrays):
    for name, parameter in checked(module, arrays).items():
        parameter.requires_grad_(False)
        parameter.copy_(torch.from_numpy(arrays[name]))
