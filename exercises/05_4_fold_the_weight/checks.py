"""Checks of 05.4: a norm's weight folded into the matrices behind it."""

import numpy as np

from minillama.book.exercises import Hole

REAL = "In the real LLaMA"

fold = Hole("fold", exact_dtype=True)

fold.case(
    "one matrix, by hand",
    (np.ones(2), [np.array([[2.0, 4.0, 6.0], [40.0, 50.0, 60.0]])]),
    weight=np.array([2.0, 10.0]),
    matrices=[np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])],
)
fold.case(
    "two square matrices, by hand",
    (np.ones(2), [np.array([[2.0, 2.0], [10.0, 10.0]]), np.array([[0.0, -2.0], [10.0, 5.0]])]),
    weight=np.array([2.0, 10.0]),
    matrices=[np.ones((2, 2)), np.array([[0.0, -1.0], [1.0, 0.5]])],
)
fold.case(
    "float32 stays float32",
    (np.ones(1, dtype=np.float32), [np.full((1, 2), 1.5, dtype=np.float32)]),
    weight=np.full(1, 0.5, dtype=np.float32),
    matrices=[np.full((1, 2), 3.0, dtype=np.float32)],
)
fold.case(
    "no matrix at all",
    (np.ones(3), []),
    weight=np.array([1.0, 2.0, 3.0]),
    matrices=[],
)


def by_diagonal(weight, matrices):
    """Multiply by a diagonal matrix, entry by entry, as linear algebra writes it."""
    return np.ones(len(weight)), [np.einsum("cd,df->cf", np.diag(weight), matrix) for matrix in matrices]


@fold.against(by_diagonal, "random matrices, against products with a diagonal matrix", seeds=3)
def arrays(rng):
    dim = int(rng.integers(2, 5))
    return {
        "weight": rng.normal(1.0, 0.5, size=dim),
        "matrices": [rng.normal(size=(dim, n)) for n in (dim, 3, dim)],
    }


@fold.law("the outputs stay what they were", arrays, seeds=3)
def same_outputs(fold, weight, matrices):
    x_hat = np.random.default_rng(0).normal(size=(4, len(weight)))
    new_weight, new_matrices = fold(weight, matrices)
    return (
        [(x_hat * new_weight) @ matrix for matrix in new_matrices],
        [(x_hat * weight) @ matrix for matrix in matrices],
    )


def rows(weight, matrices):
    return [weight[:, None] * matrix for matrix in matrices]


@fold.mistake(
    "The columns were scaled: weight * matrix stretches the weight along the rows. Channel c is row c: use"
    " weight[:, None].",
    see=REAL,
)
def columns(weight, matrices):
    return np.ones_like(weight), [weight * matrix for matrix in matrices]


@fold.mistake(
    "The columns were scaled. That is right for matrices kept as (F, C), as PyTorch's Linear does; here"
    " they are (C, F).",
    see=REAL,
)
def columns_of_square_matrices(weight, matrices):
    square = len(weight), len(weight)
    return np.ones_like(weight), [
        weight * matrix if matrix.shape == square else weight[:, None] * matrix for matrix in matrices
    ]


@fold.mistake(
    "The norm kept its weight, so every channel is now scaled twice. What was folded away must leave ones"
    " behind.",
    see=REAL,
)
def weight_kept(weight, matrices):
    return weight, rows(weight, matrices)


@fold.mistake(
    "The new weight is zero. It multiplies the normalised vector, so what changes nothing is one. (Zero"
    " would be right in Gemma, which multiplies by 1 + w.)",
    see=REAL,
)
def zeros(weight, matrices):
    return np.zeros_like(weight), rows(weight, matrices)


@fold.mistake(
    "Only the first matrix was changed. All of them read the same normed vector, and it has lost its"
    " weight for all.",
    see=REAL,
)
def first_only(weight, matrices):
    return np.ones_like(weight), rows(weight, matrices[:1]) + matrices[1:]


@fold.mistake(
    "The rows were divided by the weight. What the norm no longer multiplies, the matrix must.", see=REAL
)
def divided(weight, matrices):
    return np.ones_like(weight), rows(1 / weight, matrices)


@fold.mistake(
    "The weight was added to the rows. (x * w) @ M is x @ (diag(w) M): the rows are multiplied.", see=REAL
)
def added(weight, matrices):
    return np.ones_like(weight), [weight[:, None] + matrix for matrix in matrices]
