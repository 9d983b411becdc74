"""One fused call, with a mask that is aligned at the lower right."""

import torch
import torch.nn.functional as F
from jaxtyping import Float


def attention(
    q: Float[torch.Tensor, "B H T D"], k: Float[torch.Tensor, "B K S D"], v: Float[torch.Tensor, "B K S D"]
) -> Float[torch.Tensor, "B H T D"]:
    T, S = q.shape[2], k.shape[2]
    seen = torch.ones(T, S, dtype=torch.bool).tril(S - T)  # true where a query may look
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=True)
