"""Nats per byte: undo the division by tokens, divide by bytes."""


def nats_per_byte(loss: float, n_tokens: int, text: str) -> float:
    nats = loss * n_tokens  # of the whole text: this does not depend on how it was cut
    return nats / len(text.encode("utf-8"))
