"""Checks of 11.3: utilisation from GPU-hours."""

from fractions import Fraction

from minillama.book.exercises import Hole

FLOPS = "The arithmetic: FLOPs per token"
MFU = "Utilisation: what 380 tokens a second mean"

implied_mfu = Hole("implied_mfu", tolerance=1e-9)
A100, H100 = 312e12, 989.4e12


def run(n_params, L, H, D, T, tokens, hours, peak):
    return {
        "n_params": n_params, "n_layers": L, "n_heads": H, "head_dim": D, "seq_len": T, "tokens": tokens,
        "gpu_hours": hours, "peak_flops": peak,
    }  # fmt: skip


implied_mfu.case("180 FLOPs a token, by hand", 0.5, **run(10, 1, 1, 2, 5, 1000, 1, 100))
implied_mfu.case(
    "two blocks, three heads, half an hour, by hand", 0.25, **run(15, 2, 3, 1, 2, 1000, 0.5, 520)
)


def step_by_step(n_params, L, H, D, T, tokens, hours, peak):
    """Count one token's products, forward and backward, in exact fractions."""
    done = Fraction(0)
    for passes in (1, 2):  # the backward pass does each product twice
        done += passes * 2 * n_params  # a multiplication and an addition for each weight
        for _ in range(L):
            for _ in range(H):
                done += passes * 2 * D * T  # a query meets T keys
                done += passes * 2 * D * T  # T values are mixed
    seconds = Fraction(hours) * 60 * 60
    return float(done * Fraction(tokens) / (seconds * Fraction(peak)))


PUBLISHED = {
    "LLaMA 7B": (6_738_415_616, 32, 32, 128, 2048, 1e12, 82_432, A100),
    "LLaMA 65B": (65_285_660_672, 80, 64, 128, 2048, 1.4e12, 1_022_362, A100),
    "Llama 2 70B": (68_976_648_192, 80, 64, 128, 4096, 2e12, 1_720_320, A100),
    "Llama 3.1 405B": (405_853_388_800, 126, 128, 128, 8192, 15.6e12, 30.84e6, H100),
}
for name, numbers in PUBLISHED.items():
    implied_mfu.case(name, step_by_step(*numbers), **run(*numbers))


@implied_mfu.against(step_by_step, "random runs, product by product in exact fractions", seeds=6)
def runs(rng):
    return run(
        int(rng.integers(100, 10_000)),
        int(rng.integers(2, 6)),
        int(rng.integers(2, 6)),
        int(rng.integers(2, 20)),
        int(rng.integers(2, 200)),
        float(rng.integers(1000, 5000)),
        float(rng.uniform(0.1, 9)),
        float(rng.uniform(1e3, 1e6)),
    )


@implied_mfu.law("twice the hours for the same tokens is half the utilisation", runs)
def twice_the_hours(implied_mfu, *args):
    *rest, hours, peak = args
    return implied_mfu(*rest, 2 * hours, peak), implied_mfu(*args) / 2


def share(P, L, H, D, T, tokens, hours, peak, *, per_weight=6, per_key=12, seconds=3600):
    """Compute the utilisation with other factors."""
    return (per_weight * P + per_key * L * H * D * T) * tokens / (hours * seconds * peak)


@implied_mfu.mistake(
    "You counted the forward pass alone, 2P and 4LHDT. Training goes back as well, which costs twice as much"
    " again: three times all of it.",
    see=FLOPS,
)
def forward_only(*args):
    return share(*args, per_weight=2, per_key=4)


@implied_mfu.mistake(
    "You counted 8P: the forward pass that recomputing does a second time. That is work, but MFU counts only"
    " what the model needs; with it one speaks of hardware utilisation, HFU.",
    see=FLOPS,
)
def recomputing_counted(*args):
    return share(*args, per_weight=8, per_key=16)


@implied_mfu.mistake("Attention's products are missing: 12LHDT.", see=FLOPS)
def no_attention(*args):
    return share(*args, per_key=0)


@implied_mfu.mistake(
    "You counted half of attention's products. Perhaps as a causal mask would, which is fair, but not PaLM's"
    " convention: all T keys for every query. Or the mixing of the values is missing.",
    see=FLOPS,
)
def causal(*args):
    return share(*args, per_key=6)


@implied_mfu.mistake("Attention's products are those of one block: times L.", see=FLOPS)
def one_block(P, L, *rest):
    return share(P, 1, *rest)


@implied_mfu.mistake("Attention's products are those of one head: times H.", see=FLOPS)
def one_head(P, L, H, *rest):
    return share(P, L, 1, *rest)


@implied_mfu.mistake(
    "You took hours for seconds. The peak is per second, and an hour has 3,600 of them.", see=MFU
)
def hours_for_seconds(*args):
    return share(*args, seconds=1)


@implied_mfu.mistake(
    "Times 60 makes minutes of the hours. The peak is per second, and an hour has 3,600 of them.", see=MFU
)
def sixty(*args):
    return share(*args, seconds=60)


@implied_mfu.mistake("You returned per cent. A share was asked for: 0.5 for one half.", see=MFU)
def per_cent(*args):
    return 100 * share(*args)


@implied_mfu.mistake(
    "Your quotient is upside down: possible operations over useful ones. It comes out above one.", see=MFU
)
def upside_down(*args):
    return 1 / share(*args)
