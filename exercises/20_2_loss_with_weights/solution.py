"""One loop: a chunk's logits become weighted gradients where they are, and are multiplied on at once."""

import numpy as np
from jaxtyping import Float, Int


def weighted_loss(
    x: Float[np.ndarray, "N C"],
    head: Float[np.ndarray, "V C"],
    targets: Int[np.ndarray, " N"],
    weights: Float[np.ndarray, " N"],
    rows: int,
) -> tuple[float, Float[np.ndarray, "N C"], Float[np.ndarray, "V C"]]:
    head = head.astype(np.float32)
    loss, dx, dhead = 0.0, np.empty(x.shape, np.float32), np.zeros(head.shape, np.float32)
    for at in range(0, len(x), rows):
        here = slice(at, at + rows)
        some, w = x[here].astype(np.float32), weights[here].astype(np.float32)
        place = np.arange(len(some)), np.maximum(targets[here], 0)  # any token does where the weight is 0
        z = some @ head.T  # (n, V)
        z -= z.max(axis=1, keepdims=True)
        of_target = z[place]
        np.exp(z, out=z)
        total = z.sum(axis=1)
        loss += float(w @ (np.log(total) - of_target))
        z *= (w / total)[:, None]
        z[place] -= w  # z is the weighted gradient now
        dx[here] = z @ head
        dhead += z.T @ some
    return loss, dx, dhead
