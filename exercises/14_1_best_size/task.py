"""The best size for a budget.

Exercise 14.1 · 14_scaling_laws · easy · 15 minutes

Chinchilla's law says which loss N parameters reach on D tokens. A budget of C FLOPs binds the two:
C = 6 N D. Somewhere between a large model that has seen little and a small one that has seen much lies the
best use of the budget, and it has a closed form.
"""


def best_size(A: float, B: float, alpha: float, beta: float, flops: float) -> tuple[float, float]:
    r"""Return the N and D with $6ND = C$ at which $L(N, D) = E + A N^{-\alpha} + B D^{-\beta}$ is least.

    At the optimum neither side gains by another per cent: $\alpha A N^{-\alpha} = \beta B D^{-\beta}$.
    (E moves nothing, so it is not given.)

    Parameters
    ----------
    A, alpha : float
        Of the term that falls with the parameters; both above 0.
    B, beta : float
        Of the term that falls with the tokens; both above 0.
    flops : float
        C, the budget of the training.

    Returns
    -------
    n_params : float
    tokens : float

    Examples
    --------
    >>> N, D = best_size(A=8.0, B=2.0, alpha=0.5, beta=0.5, flops=600.0)
    >>> round(N, 6), round(D, 6)  # 4 / sqrt(40) = 1 / sqrt(2.5), and 6 * 40 * 2.5 = 600
    (40.0, 2.5)
    """
    raise NotImplementedError
