"""Read a model card.

Exercise 11.3 · 11_the_family_by_the_numbers · easy · 15 minutes

A model card prints tokens and GPU-hours, a data sheet the FLOP/s of the GPU. With the count of operations
that is a statement about how well the GPUs were used: useful operations over possible ones, the model FLOPs
utilisation (MFU). Write the function that reads it, in PaLM's convention: all parameters count, and
attention's scores as if every query met all T keys.
"""


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
    r"""Return the utilisation that a run's GPU-hours imply.

    $(6P + 12\,L\,H\,D\,T) \times \mathrm{tokens}$ operations were useful, and the GPUs could have done
    `peak_flops` in each of their seconds.

    Parameters
    ----------
    n_params : int
        P.
    n_layers : int
        L, blocks.
    n_heads : int
        H, query heads in a block.
    head_dim : int
        D, width of a head.
    seq_len : int
        T, tokens in a sequence.
    tokens : float
        Tokens trained on, in all.
    gpu_hours : float
        Hours, over all GPUs.
    peak_flops : float
        FLOP/s of one GPU.

    Returns
    -------
    float
        A share: 0.5 for one half.

    Examples
    --------
    6 x 10 + 12 x 1 x 1 x 2 x 5 = 180 FLOPs a token, 1000 tokens; one hour at 100 FLOP/s has 360,000:

    >>> implied_mfu(10, 1, 1, head_dim=2, seq_len=5, tokens=1000, gpu_hours=1, peak_flops=100)
    0.5

    LLaMA 65B, from table 15 of its paper:

    >>> round(implied_mfu(65_285_660_672, 80, 64, 128, 2048, 1.4e12, 1_022_362, 312e12), 3)
    0.497
    """
    raise NotImplementedError
