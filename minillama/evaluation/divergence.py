"""Where do two implementations part? Compare what every operation of each put out, in order of execution.

A trace is a mapping from the name of an operation to its output, in the order of execution, as
``ReferenceLlama.forward(tokens, record=trace.__setitem__)`` fills one. A mistake shows itself at the first
operation whose outputs differ; what comes after is only its echo. Left out: gradients, which chapter 04
checks by finite differences. How a torch model is traced is in `minillama.evaluation.traces`.

    tok_embeddings   attention_norm   wq   wk   wv   q_rope   k_rope   weights   ...   output
         ok                ok         ok   ok   ok    0.31      0.4     0.08           0.02
                                                      ^ here

NumPy only: chapter 09 uses it before there is any torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from ..reference import ReferenceLlama, relative_error

Output = Float[np.ndarray, "..."]  # of an operation: any shape
Trace = Mapping[str, Output]

TOLERANCES = {"float64": 1e-9, "float32": 1e-4, "float16": 3e-2}
"""Relative error from which outputs count as different, by the coarser dtype of the two.

Each operation adds about one rounding (1e-16, 6e-8, 5e-4), and depth grows their sum, some hundredfold in a
hundred layers. Angles computed in float32 add `position * 6e-8` radians, 1e-4 near position 1,600: beyond
it, give a tolerance. Mistakes are larger: an epsilon of 1e-6 in place of 1e-5 makes 5e-6 / mean square.
"""


@dataclass(frozen=True)
class Divergence:
    """The first operation whose outputs part, and by how much; `str` makes one line of it.

    Parameters
    ----------
    name : str
        Of the operation, such as ``"layers.1.attention.q_rope"``.
    relative_error : float
        Largest difference over largest magnitude; infinite if the shapes differ or an entry is not finite.
    place, of : int
        It is operation number `place`, counted from 1, of the `of` that both traces have.
    shapes : tuple of two tuples
        Shape of the expected and of the found output.
    index : tuple of int, optional
        Of the worst entry. None where the shapes differ.
    expected, found : float, optional
        Both values of the worst entry. None where the shapes differ.
    last_agreed : str, optional
        The operation before. None if already the first one differs.
    agreed_to : float
        Largest relative error of the operations before.
    """

    name: str
    relative_error: float
    place: int
    of: int
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    index: tuple[int, ...] | None
    expected: float | None
    found: float | None
    last_agreed: str | None
    agreed_to: float

    def __str__(self) -> str:
        """Say it in one line."""
        if self.index is None:
            what = f"expected shape {self.shapes[0]}, found {self.shapes[1]}"
        else:
            what = f"relative error {self.relative_error:.2g}"
            what += f" (at {list(self.index)} expected {self.expected:.6g}, found {self.found:.6g})"
        before = (
            f"everything before agrees to {self.agreed_to:.1g}" if self.last_agreed else "it is the first"
        )
        return f"{self.name} (operation {self.place} of {self.of}), {what}; {before}"


def compare(expected: Trace, found: Trace) -> list[tuple[str, float]]:
    """Return name and relative error of every operation that both traces have, in the order of `expected`.

    Parameters
    ----------
    expected, found : mappings of name to array
        Traces. Operations that only one of them has are passed over.

    Returns
    -------
    list of (str, float)
        The error is infinite where the shapes differ or an entry is not finite.

    Raises
    ------
    ValueError
        If no operation is in both.

    Examples
    --------
    >>> compare({"norm": np.array([1.0, 2.0]), "output": np.ones(3)}, {"norm": np.array([1.0, 2.5])})
    [('norm', 0.2)]
    """
    names = [name for name in expected if name in found]
    if not names:
        raise ValueError(f"no operation in common: expected has {_some(expected)}, found has {_some(found)}")
    return [(name, _error(expected[name], found[name])) for name in names]


def first_divergence(expected: Trace, found: Trace, tolerance: float | None = None) -> Divergence | None:
    """Return the first operation whose outputs part, or None if all agree.

    Parameters
    ----------
    expected, found : mappings of name to array
        Traces of two implementations on one input; the order of `expected` counts.
    tolerance : float, optional
        Relative error, a ratio, above which outputs count as different. None: by the coarser dtype of
        the two outputs, see `TOLERANCES`: 1e-9 in float64, 1e-4 in float32.

    Returns
    -------
    Divergence or None

    Raises
    ------
    ValueError
        If no operation is in both traces, or the tolerance is negative.

    Examples
    --------
    Two models that differ in one entry of one matrix:

    >>> from minillama.config import LlamaConfig
    >>> cfg, tokens = LlamaConfig(dim=16, n_layers=2, n_heads=2, n_kv_heads=1), np.array([[3, 1, 4, 1, 5]])
    >>> right, wrong = ReferenceLlama(cfg), ReferenceLlama(cfg)
    >>> wrong.weights["layers.1.attention.wk.weight"][2, 0] += 1
    >>> parted = first_divergence(trace_reference(right, tokens), trace_reference(wrong, tokens))
    >>> parted.name, parted.index[-1], parted.last_agreed
    ('layers.1.attention.wk', 2, 'layers.1.attention.wq')
    """
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"tolerance is {tolerance}: expected a relative error, 0 or more")
    errors = compare(expected, found)
    last_agreed, agreed_to = None, 0.0
    for place, (name, error) in enumerate(errors, start=1):
        a, b = expected[name], found[name]
        if error > (default_tolerance(a, b) if tolerance is None else tolerance):
            index = _worst(a, b) if a.shape == b.shape else None
            return Divergence(
                name=name,
                relative_error=error,
                place=place,
                of=len(errors),
                shapes=(a.shape, b.shape),
                index=index,
                expected=None if index is None else float(a[index]),
                found=None if index is None else float(b[index]),
                last_agreed=last_agreed,
                agreed_to=agreed_to,
            )
        last_agreed, agreed_to = name, max(agreed_to, error)
    return None


def trace_reference(model: ReferenceLlama, tokens: Integer[np.ndarray, "B T"]) -> dict[str, Output]:
    """Return what every operation of the NumPy model puts out, by name, in order.

    Parameters
    ----------
    model : ReferenceLlama
    tokens : array (B, T), integer

    Returns
    -------
    dict of name to array
        In the model's dtype.

    Raises
    ------
    ValueError
        If a token is not in the vocabulary, or there are more than `max_seq_len`.

    Examples
    --------
    >>> from minillama.config import LlamaConfig
    >>> trace = trace_reference(ReferenceLlama(LlamaConfig(n_layers=1)), np.array([[1, 2, 3]]))
    >>> list(trace)[:3], trace["layers.0.attention.weights"].shape
    (['tok_embeddings', 'layers.0.attention_norm', 'layers.0.attention.wq'], (1, 4, 3, 3))
    """
    trace: dict[str, np.ndarray] = {}
    with np.errstate(all="ignore"):  # what is not finite is found in the trace
        model.forward(tokens, record=trace.__setitem__)
    return trace


def default_tolerance(a: Output, b: Output) -> float:
    """Return the tolerance for the coarser dtype of two arrays.

    Examples
    --------
    >>> default_tolerance(np.zeros(1), np.zeros(1, np.float32))
    0.0001
    """
    return max(TOLERANCES.get(x.dtype.name, TOLERANCES["float64"]) for x in (a, b))


def _error(a: Output, b: Output) -> float:
    """Return the relative error in float64; infinite if the shapes differ or an entry is not finite."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.inf
    return relative_error(b.astype(np.float64), a.astype(np.float64))


def _worst(a: Float[np.ndarray, "*shape"], b: Float[np.ndarray, "*shape"]) -> tuple[int, ...]:
    """Return the index of the first entry that is not finite, else of the largest difference."""
    broken = ~(np.isfinite(a) & np.isfinite(b))
    where = broken if broken.any() else np.abs(b.astype(np.float64) - a)
    return tuple(int(i) for i in np.unravel_index(where.argmax(), a.shape))


def _some(trace: Trace) -> str:
    """Name the first operations of a trace."""
    return ", ".join(list(trace)[:3]) or "none"
