"""The bill of a lifetime.

Exercise 14.4 · 14_scaling_laws · medium · 20 minutes

Two models of one loss: a large one, trained as cheaply as can be, and a small one, trained for longer.
Which of them costs less depends on how much they are going to be used.
"""


def lifetime_flops(
    n_params: float,
    loss: float,
    inference_tokens: float,
    law: tuple[float, float, float, float, float],
) -> float:
    r"""Return the compute of training a model until it reaches a loss, and of using it from then on.

    $6\,N D + 2\,N D_{\text{inf}}$, where D is the number of training tokens with which N parameters reach
    the loss, by $L = E + A N^{-\alpha} + B D^{-\beta}$. A model too small to reach it with any amount of
    text costs infinity.

    Parameters
    ----------
    n_params : float
        N.
    loss : float
        L, to be reached, in nats a token.
    inference_tokens : float
        All tokens that the model will read and write in use.
    law : tuple of five floats
        E, A, B, alpha, beta.

    Returns
    -------
    float
        FLOPs, or `float("inf")`.

    Examples
    --------
    >>> law = (1.0, 4.0, 6.0, 0.5, 0.5)  # with N = 16, 4 / sqrt(N) = 1; D = 36 gives 6 / sqrt(D) = 1
    >>> round(lifetime_flops(16.0, 3.0, 100.0, law), 6)  # 6 * 16 * 36 + 2 * 16 * 100
    6656.0
    >>> lifetime_flops(4.0, 3.0, 100.0, law)  # 1 + 4 / sqrt(4) = 3 already: nothing is left for the data
    inf
    """
    raise NotImplementedError
