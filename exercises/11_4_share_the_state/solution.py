"""Slices within a replica, shares among the replicas, stage by stage."""


def share_the_state(n_params: int, data: int, tensor: int, stage: int) -> tuple[int, int, int]:
    if stage not in (0, 1, 2, 3):
        raise ValueError(f"stage is {stage}: expected 0, 1, 2 or 3")
    whole = -(-n_params // tensor)  # parameters in one slice, rounded up
    shared = -(-whole // data)
    weights, gradients, optimizer = (shared if stage >= first else whole for first in (3, 2, 1))
    return 2 * weights, 2 * gradients, 12 * optimizer
