"""Checks of 14.4: training and use of a model that reaches a loss."""

import math

from minillama.book.exercises import Hole

LLAMA = "In the real LLaMA: past the optimum, on purpose"

lifetime_flops = Hole("lifetime_flops", tolerance=1e-6)

HAND = (1.0, 4.0, 6.0, 0.5, 0.5)

lifetime_flops.case(
    "training alone, by hand", 6.0 * 16 * 36, n_params=16.0, loss=3.0, inference_tokens=0.0, law=HAND
)
lifetime_flops.case(
    "training and use, by hand", 6656.0, n_params=16.0, loss=3.0, inference_tokens=100.0, law=HAND
)
lifetime_flops.case("too small by far", math.inf, n_params=1.0, loss=3.0, inference_tokens=7.0, law=HAND)
lifetime_flops.case("too small by a hair", math.inf, n_params=4.0, loss=3.0, inference_tokens=7.0, law=HAND)


def by_bisection(n_params, loss, inference_tokens, law):
    """Search the D at which the law gives the loss, by halving."""
    E, A, B, alpha, beta = law
    if E + A * n_params**-alpha >= loss:
        return math.inf
    low, high = -100.0, 200.0  # log D
    for _ in range(200):
        middle = (low + high) / 2
        if E + A * n_params**-alpha + B * math.exp(-beta * middle) > loss:
            low = middle
        else:
            high = middle
    forward = 2 * n_params
    return 3 * forward * math.exp(low) + forward * inference_tokens


@lifetime_flops.against(by_bisection, "random models, against a search", seeds=6)
def random_model(rng):
    E, A, B = (round(float(v), 2) for v in (rng.uniform(0.5, 2), rng.uniform(2, 9), rng.uniform(2, 9)))
    alpha, beta = (round(float(v), 2) for v in rng.uniform(0.3, 0.8, 2))
    n_params = float(rng.integers(20, 200))
    loss = E + A * n_params**-alpha + round(float(rng.uniform(0.3, 0.9)), 2)
    return {
        "n_params": n_params,
        "loss": loss,
        "inference_tokens": float(rng.integers(10, 500)),
        "law": (E, A, B, alpha, beta),
    }


def left_over(n_params, loss, law):
    E, A, _, alpha, _ = law
    return loss - E - A / n_params**alpha


def bill(n_params, tokens, inference_tokens):
    return 6 * n_params * tokens + 2 * n_params * inference_tokens


def tokens_of(n_params, loss, law):
    left = left_over(n_params, loss, law)
    return (law[2] / left) ** (1 / law[4]) if left > 0 else math.inf


@lifetime_flops.mistake(
    "A token of use was charged 6 N, as in training. Use is the forward pass alone: 2 N.", see=LLAMA
)
def six_for_use(n_params, loss, inference_tokens, law):
    return 6 * n_params * (tokens_of(n_params, loss, law) + inference_tokens)


@lifetime_flops.mistake(
    "A token of training was charged 2 N. Backward costs twice forward: 6 N in all.", see=LLAMA
)
def two_for_training(n_params, loss, inference_tokens, law):
    return 2 * n_params * (tokens_of(n_params, loss, law) + inference_tokens)


@lifetime_flops.mistake(
    "The training tokens lack the root: B / left is D to the power beta, so D = (B / left)^(1 / beta).",
    see=LLAMA,
)
def root_forgotten(n_params, loss, inference_tokens, law):
    left = left_over(n_params, loss, law)
    return bill(n_params, law[2] / left, inference_tokens) if left > 0 else math.inf


@lifetime_flops.mistake(
    "The root is beta in place of 1 / beta: solving B / D^beta = left for D inverts the exponent.", see=LLAMA
)
def root_inverted(n_params, loss, inference_tokens, law):
    left = left_over(n_params, loss, law)
    return bill(n_params, (law[2] / left) ** law[4], inference_tokens) if left > 0 else math.inf


@lifetime_flops.mistake(
    "E was left out: the floor takes its share of the loss before size and data do.", see=LLAMA
)
def floor_forgotten(n_params, loss, inference_tokens, law):
    return bill(n_params, tokens_of(n_params, loss, (0.0, *law[1:])), inference_tokens)


@lifetime_flops.mistake(
    "The price of the finite size, A / N^alpha, was left out: then every model could reach every"
    " loss above E.",
    see=LLAMA,
)
def size_forgotten(n_params, loss, inference_tokens, law):
    return bill(n_params, tokens_of(n_params, loss, (law[0], 0.0, *law[2:])), inference_tokens)


@lifetime_flops.mistake(
    "A and alpha have changed places with B and beta: the term of N is A / N^alpha.", see=LLAMA
)
def swapped(n_params, loss, inference_tokens, law):
    E, A, B, alpha, beta = law
    return bill(n_params, tokens_of(n_params, loss, (E, B, A, beta, alpha)), inference_tokens)


@lifetime_flops.mistake(
    "A model too small for this loss got a finite bill, or a division by zero. What is left for the data is"
    " zero or below: no amount of text is enough, so infinity.",
    see=LLAMA,
)
def reached_anyway(n_params, loss, inference_tokens, law):
    return bill(n_params, (law[2] / left_over(n_params, loss, law)) ** (1 / law[4]), inference_tokens)


@lifetime_flops.mistake(
    "Nothing at all is left for the data, and it was divided by. Zero is not enough either: infinity.",
    see=LLAMA,
)
def zero_left(n_params, loss, inference_tokens, law):
    if left_over(n_params, loss, law) < 0:
        return math.inf
    return reached_anyway(n_params, loss, inference_tokens, law)
