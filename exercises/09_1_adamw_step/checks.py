"""Checks of 09.1: one step of AdamW."""

import math
from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

ADAM = "Adam: every weight its own step"
CORRECTION = "Bias correction: the first steps"
DECAY = "The W: decay that keeps out of it"

adamw_step = Hole("adamw_step", tolerance=1e-9)

adamw_step.case(
    "the first step, by hand",
    (np.array([1.8, 1.0]), np.array([2.0, -0.5]), np.array([4.0, 0.25])),
    w=np.array([2.0, 0.9473684210526315]),
    g=np.array([4.0, -1.0]),
    m=np.zeros(2),
    v=np.zeros(2),
    step=1,
    lr=0.1,
    beta1=0.5,
    beta2=0.75,
    eps=0.0,
    weight_decay=0.5,
)
adamw_step.case(
    "the second step, by hand: the means have a past",
    (np.array([0.6]), np.array([6.0]), np.array([28.0])),
    w=np.array([1.0]),
    g=np.array([8.0]),
    m=np.array([4.0]),
    v=np.array([16.0]),
    step=2,
    lr=0.25,
    beta1=0.5,
    beta2=0.75,
    eps=2.0,
    weight_decay=0.8,
)


def entry_by_entry(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    """Each entry by itself, the means as exact fractions until the root has to be taken."""
    new_w, new_m, new_v = np.empty_like(w), np.empty_like(m), np.empty_like(v)
    b1, b2 = Fraction(beta1), Fraction(beta2)
    for at in np.ndindex(w.shape):
        gradient = Fraction(float(g[at]))
        first = b1 * Fraction(float(m[at])) + (1 - b1) * gradient
        second = b2 * Fraction(float(v[at])) + (1 - b2) * gradient * gradient
        length = float(first / (1 - b1**step)) / (math.sqrt(second / (1 - b2**step)) + eps)
        new_w[at] = float(w[at]) * (1 - lr * weight_decay) - lr * length
        new_m[at], new_v[at] = first, second
    return new_w, new_m, new_v


@adamw_step.against(entry_by_entry, "random arrays, against exact fractions entry by entry", seeds=6)
def arrays(rng):
    shape = [(3,), (2, 3), ()][int(rng.integers(3))]
    return {
        "w": np.asarray(rng.normal(size=shape)),
        "g": np.asarray(rng.normal(size=shape)),
        "m": np.asarray(rng.normal(size=shape)),
        "v": np.asarray(rng.uniform(0.1, 2.0, size=shape)),
        "step": int(rng.integers(2, 20)),
        "lr": float(rng.choice([0.01, 0.1])),
        "beta1": 0.9,
        "beta2": 0.95,
        "eps": float(rng.choice([1e-3, 0.5])),
        "weight_decay": float(rng.choice([0.1, 0.3])),
    }


@adamw_step.law(
    "without eps and decay, a gradient ten times as large from the start gives the same steps",
    arrays,
    seeds=2,
)
def scale(adamw_step, w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    rest = (step, lr, beta1, beta2, 0.0, 0.0)
    return adamw_step(w, 10 * g, 10 * m, 100 * v, *rest)[0], adamw_step(w, g, m, v, *rest)[0]


def adamw(
    w,
    g,
    m,
    v,
    step,
    lr,
    beta1,
    beta2,
    eps,
    weight_decay,
    correct=True,
    inside=False,
    decay="apart",
    root=True,
):
    """AdamW with some of its parts exchanged."""
    if decay == "coupled":
        g = g + weight_decay * w
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**step) if correct else m
    v_hat = v / (1 - beta2**step) if correct else v
    size = np.sqrt(v_hat + eps) if inside else (np.sqrt(v_hat) if root else v_hat) + eps
    taken = {"apart": lr * weight_decay, "without lr": weight_decay}.get(decay, 0.0)
    return w - taken * w - lr * m_hat / size, m, v


@adamw_step.mistake(
    "The decay went into the gradient: that is Adam with an L2 penalty. It is then divided by the root"
    " like the rest, so that weights with large gradients hardly decay. In AdamW it stays outside.",
    see=DECAY,
)
def coupled_decay(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    return adamw(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay, decay="coupled")


@adamw_step.mistake("The decay is missing: this is Adam, not AdamW.", see=DECAY)
def no_decay(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    return adamw(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay, decay="none")


@adamw_step.mistake(
    "The decay was not multiplied by the learning rate. A tenth of every weight would go in each step.",
    see=DECAY,
)
def decay_without_lr(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    return adamw(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay, decay="without lr")


@adamw_step.mistake(
    "The decay was added: the weights grow by it. It is subtracted, to pull them towards zero.", see=DECAY
)
def decay_added(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    return adamw(w, g, m, v, step, lr, beta1, beta2, eps, -weight_decay)


@adamw_step.mistake(
    "The bias correction is missing. The means began at zero and are still too small, the two of them by"
    " different factors: divide by 1 - beta**step.",
    see=CORRECTION,
)
def no_correction(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    return adamw(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay, correct=False)


@adamw_step.mistake(
    "The bias correction is one step late: it counts from 0, where it divides by zero. The first step is 1.",
    see=CORRECTION,
)
def counted_from_zero(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    with np.errstate(divide="ignore", invalid="ignore"):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / np.float64(1 - beta1 ** (step - 1)), v / np.float64(1 - beta2 ** (step - 1))
        return w - lr * weight_decay * w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@adamw_step.mistake(
    "The bias correction is one step ahead: beta ** (step + 1). `step` counts from 1 already.", see=CORRECTION
)
def counted_from_two(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat, v_hat = m / (1 - beta1 ** (step + 1)), v / (1 - beta2 ** (step + 1))
    return w - lr * weight_decay * w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@adamw_step.mistake(
    "The corrected means were stored. m and v go on uncorrected: the next step corrects them anew.",
    see=CORRECTION,
)
def corrected_stored(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    new_w, m, v = adamw(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay)
    return new_w, m / (1 - beta1**step), v / (1 - beta2**step)


@adamw_step.mistake(
    "eps stands inside the root. RMSNorm has it there; Adam adds it to the root, in the units of the"
    " gradient.",
    see=ADAM,
)
def eps_inside(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    return adamw(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay, inside=True)


@adamw_step.mistake(
    "The root is missing: m has the units of the gradient and v those of its square, so that only m over the"
    " root of v is a pure number.",
    see=ADAM,
)
def no_root(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    return adamw(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay, root=False)


@adamw_step.mistake("beta1 and beta2 have changed places: beta1 belongs to m, beta2 to v.", see=ADAM)
def betas_swapped(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    return adamw(w, g, m, v, step, lr, beta2, beta1, eps, weight_decay)


@adamw_step.mistake(
    "The shares are the wrong way round: beta is the share of the old mean that is *kept*, 1 - beta that"
    " of the new gradient.",
    see=ADAM,
)
def shares_swapped(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    m = (1 - beta1) * m + beta1 * g
    v = (1 - beta2) * v + beta2 * g * g
    m_hat, v_hat = m / (1 - beta1**step), v / (1 - beta2**step)
    return w - lr * weight_decay * w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@adamw_step.mistake(
    "The step goes uphill: you added the corrected mean. The gradient points to where the loss grows.",
    see=ADAM,
)
def uphill(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay):
    new_w, m, v = adamw(w, g, m, v, step, lr, beta1, beta2, eps, weight_decay)
    kept = w - lr * weight_decay * w
    return 2 * kept - new_w, m, v
