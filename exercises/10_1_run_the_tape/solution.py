"""Forward once to have the values, then back once, adding."""

import math
from collections.abc import Sequence


def gradients(inputs: Sequence[float], tape: Sequence[tuple]) -> list[float]:
    values = list(inputs)
    for op, *places in tape:
        x = [values[i] for i in places]
        values.append(math.exp(x[0]) if op == "exp" else x[0] + x[1] if op == "add" else x[0] * x[1])
    grads = [0.0] * len(values)
    grads[-1] = 1.0
    for place, (op, *places) in reversed(list(enumerate(tape, start=len(inputs)))):
        out = grads[place]  # complete: whatever used this value stands behind it on the tape
        if op == "exp":
            grads[places[0]] += out * values[place]
            continue
        i, j = places
        grads[i] += out * (values[j] if op == "mul" else 1.0)
        grads[j] += out * (values[i] if op == "mul" else 1.0)
    return grads[: len(inputs)]
