"""Pairs for the FLOPs, tensors for the bytes."""


def attention_work(B: int, H: int, K: int, D: int, T: int, past: int, size: int) -> tuple[int, int]:
    pairs = B * H * (T * past + T * (T + 1) // 2)  # query t sees past + t + 1 keys
    queries = B * H * T * D  # and as many outputs
    keys = B * K * (past + T) * D  # and as many values
    return pairs * (4 * D + 5), size * 2 * (queries + keys)
