"""Share out the state.

Exercise 11.4 · 11_the_family_by_the_numbers · medium · 20 minutes

AdamW in mixed precision keeps 16 bytes for every parameter: 2 for the 16-bit weight, 2 for the gradient, 12
for the optimiser (a 32-bit weight and two 32-bit moments). Let `data` copies of the model, the replicas,
train side by side, each on `tensor` GPUs. Then each GPU holds only a part. Which part depends on the stage of
ZeRO, the scheme that shares the state out.
"""


def share_the_state(n_params: int, data: int, tensor: int, stage: int) -> tuple[int, int, int]:
    """Return the bytes of weights, gradients and optimiser on one GPU.

    The `tensor` GPUs of a replica cut every matrix, so each holds one of `tensor` slices of everything. The
    `data` replicas are copies of each other, and share out what the stage says:

    | stage | shared out among the replicas |
    |---|---|
    | 0 | nothing |
    | 1 | the optimiser's state |
    | 2 | the gradients as well |
    | 3 | the weights as well |

    Where something does not divide evenly, the largest part is meant: round up to a whole parameter after
    each division, first by `tensor`, then by `data`.

    Parameters
    ----------
    n_params : int
        Of the whole model.
    data : int
        Replicas.
    tensor : int
        GPUs in a replica.
    stage : int
        0, 1, 2 or 3.

    Returns
    -------
    tuple of int
        Bytes of weights, of gradients, and of the optimiser's state.

    Raises
    ------
    ValueError
        If `stage` is none of the four.

    Examples
    --------
    100 parameters in slices of 50. The optimiser's 12 bytes are shared out among 5 replicas, 10 parameters
    each:

    >>> share_the_state(100, data=5, tensor=2, stage=1)
    (100, 100, 120)
    >>> share_the_state(100, data=5, tensor=2, stage=3)
    (20, 20, 120)
    """
    raise NotImplementedError
