"""Checks of 14.1: the best N and D for a budget."""

import numpy as np

from minillama.book.exercises import Hole

LAW = "The law"

best_size = Hole("best_size", tolerance=1e-6)

best_size.case("by hand", (40.0, 2.5), A=8.0, B=2.0, alpha=0.5, beta=0.5, flops=600.0)
best_size.case("equal terms share the budget", (10.0, 10.0), A=3.0, B=3.0, alpha=0.4, beta=0.4, flops=600.0)


def bisect(A, B, alpha, beta, flops):
    """Walk towards the lower side, in extended precision, until both sides are level."""
    A, B, alpha, beta = map(np.longdouble, (A, B, alpha, beta))
    budget = np.longdouble(flops) / 6

    def loss(log_n):
        n = np.exp(log_n)
        return A * n**-alpha + B * (budget / n) ** -beta

    low, high, step = np.longdouble(-50), np.longdouble(100), np.longdouble(1e-5)
    for _ in range(120):
        middle = (low + high) / 2
        if loss(middle + step) < loss(middle - step):
            low = middle
        else:
            high = middle
    n = np.exp(low)
    return float(n), float(budget / n)


@best_size.against(bisect, "random laws, against a search", seeds=5)
def random_law(rng):
    return {
        "A": float(rng.uniform(1, 9)),
        "B": float(rng.uniform(1, 9)),
        "alpha": round(float(rng.uniform(0.2, 0.9)), 2),
        "beta": round(float(rng.uniform(0.2, 0.9)), 2),
        "flops": float(10 ** rng.integers(2, 6)),
    }


@best_size.law("the whole budget is spent", random_law, seeds=2)
def spent(best_size, A, B, alpha, beta, flops):
    n_params, tokens = best_size(A, B, alpha, beta, flops)
    return 6 * n_params * tokens / flops, 1.0


def solve(ratio, share, budget, root):
    n = ratio**root * budget**share
    return n, budget / n


@best_size.mistake(
    "The budget was taken as N D. A token costs six operations a parameter in training: N D = C / 6.", see=LAW
)
def six_forgotten(A, B, alpha, beta, flops):
    return solve(alpha * A / (beta * B), beta / (alpha + beta), flops, 1 / (alpha + beta))


@best_size.mistake(
    "The exponents are swapped: N grows with C to the power beta / (alpha + beta). The longer data go on"
    " helping (small beta), the more of a growing budget goes into them, and the slower N grows.",
    see=LAW,
)
def exponents_swapped(A, B, alpha, beta, flops):
    return solve(alpha * A / (beta * B), alpha / (alpha + beta), flops / 6, 1 / (alpha + beta))


@best_size.mistake(
    "The two terms were made equal. Their slopes have to be: alpha A / N^alpha = beta B / D^beta.", see=LAW
)
def terms_equal(A, B, alpha, beta, flops):
    return solve(A / B, beta / (alpha + beta), flops / 6, 1 / (alpha + beta))


@best_size.mistake(
    "The factor G is upside down: a large A makes size matter, and N larger. alpha A is above, beta B below.",
    see=LAW,
)
def factor_inverted(A, B, alpha, beta, flops):
    return solve(beta * B / (alpha * A), beta / (alpha + beta), flops / 6, 1 / (alpha + beta))


@best_size.mistake(
    "The root is missing: the balance gives N^(alpha + beta), so alpha A / (beta B) is raised to"
    " 1 / (alpha + beta).",
    see=LAW,
)
def root_forgotten(A, B, alpha, beta, flops):
    return solve(alpha * A / (beta * B), beta / (alpha + beta), flops / 6, 1.0)


@best_size.mistake(
    "These are 20 tokens per parameter: the rule of thumb, which belongs to Chinchilla's runs. Here the law"
    " is given.",
    see=LAW,
)
def rule_of_thumb(A, B, alpha, beta, flops):
    n = (flops / 120) ** 0.5
    return n, 20 * n


@best_size.mistake("N is right, but D is C / N: the six operations a token were forgotten there.", see=LAW)
def six_forgotten_in_tokens(A, B, alpha, beta, flops):
    n, d = solve(alpha * A / (beta * B), beta / (alpha + beta), flops / 6, 1 / (alpha + beta))
    return n, 6 * d
