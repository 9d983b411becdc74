"""Solution of 14.1."""


def best_size(A: float, B: float, alpha: float, beta: float, flops: float) -> tuple[float, float]:
    """Put D = C / (6 N) into the balance of the two slopes and solve for N."""
    G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    n_params = G * (flops / 6) ** (beta / (alpha + beta))
    return n_params, flops / (6 * n_params)
