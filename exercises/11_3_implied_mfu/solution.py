"""Useful operations over possible ones."""


def implied_mfu(
    n_params: int,
    n_layers: int,
    n_heads: int,
    head_dim: int,
    seq_len: int,
    tokens: float,
    gpu_hours: float,
    peak_flops: float,
) -> float:
    per_token = 6 * n_params + 12 * n_layers * n_heads * head_dim * seq_len
    return per_token * tokens / (gpu_hours * 3600 * peak_flops)
