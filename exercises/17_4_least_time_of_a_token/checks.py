"""Checks of 17.4: the roof over a step of decoding. The oracle adds up byte by byte, in exact fractions."""

from fractions import Fraction

from minillama.book.exercises import Hole

IDEA = "The idea: two roads"
TOKEN = "One token at a time"

decode = Hole("decode", tolerance=1e-9)


def server(weights, flops, cache, lengths, peak, bandwidth):
    return {
        "weight_bytes": weights, "flops_per_token": flops, "cache_bytes": cache, "lengths": lengths,
        "peak": peak, "bandwidth": bandwidth,
    }  # fmt: skip


decode.case("two sequences, by hand", (6.0, 1 / 3), **server(100.0, 20.0, 5.0, [10, 30], 1000.0, 50.0))
decode.case("one sequence, nothing behind it", (2.0, 0.5), **server(100.0, 20.0, 5.0, [0], 1000.0, 50.0))
decode.case("the arithmetic is the limit", (4.0, 0.5), **server(100.0, 20.0, 5.0, [1, 3], 10.0, 100.0))
decode.case(
    "LLaMA 2 7B on an A100, four readers",
    ((13.476e9 + 524288 * 5000) / 2.039e12, 4 / ((13.476e9 + 524288 * 5000) / 2.039e12)),
    **server(13.476e9, 13.2e9, 524288.0, [500, 1000, 1500, 2000], 312e12, 2.039e12),
)


def exactly(weights, flops, cache, lengths, peak, bandwidth):
    """Add up sequence by sequence, position by position."""
    moved, work = Fraction(weights), Fraction(0)
    for length in lengths:
        work += Fraction(flops)
        for _ in range(length):
            moved += Fraction(cache)
    fetching, computing = moved / Fraction(bandwidth), work / Fraction(peak)
    seconds = fetching if fetching > computing else computing
    return float(seconds), float(len(lengths) / seconds)


@decode.against(exactly, "random servers, position by position in exact fractions", seeds=12)
def servers(rng):
    lengths = [int(n) for n in rng.integers(1, 30, size=int(rng.integers(1, 6)))]
    weights, flops, cache = (float(rng.integers(1, 200)) for _ in range(3))
    return server(weights, flops, cache, lengths, float(rng.integers(1, 20)), float(rng.integers(1, 200)))


@decode.law("a machine twice as fast both ways takes half the time", servers)
def twice_as_fast(decode, *args):
    *load, peak, bandwidth = args
    seconds, rate = decode(*load, peak, bandwidth)
    return decode(*load, 2 * peak, 2 * bandwidth), (seconds / 2, 2 * rate)


def at(moved, work, tokens, peak, bandwidth):
    seconds = max(moved / bandwidth, work / peak)
    return seconds, tokens / seconds


@decode.mistake(
    "The weights are read once for each sequence in your count. A weight that was fetched serves all"
    " of them: that is what a batch is for.",
    see=TOKEN,
)
def weights_for_each(weights, flops, cache, lengths, peak, bandwidth):
    B = len(lengths)
    return at(B * weights + cache * sum(lengths), B * flops, B, peak, bandwidth)


@decode.mistake("The caches are missing: keys and values of all positions are read in every step.", see=TOKEN)
def no_caches(weights, flops, cache, lengths, peak, bandwidth):
    B = len(lengths)
    return at(weights, B * flops, B, peak, bandwidth)


@decode.mistake(
    "Every sequence reads a cache as long as the longest in your count. That is padding; each has its"
    " own length.",
    see=TOKEN,
)
def padded(weights, flops, cache, lengths, peak, bandwidth):
    B = len(lengths)
    return at(weights + cache * max(lengths) * B, B * flops, B, peak, bandwidth)


@decode.mistake(
    "One cache is read for all sequences in your count. Nobody shares one: add them up.", see=TOKEN
)
def one_cache(weights, flops, cache, lengths, peak, bandwidth):
    B = len(lengths)
    return at(weights + cache * max(lengths), B * flops, B, peak, bandwidth)


@decode.mistake("The arithmetic is that of one token. Each sequence computes its own.", see=TOKEN)
def flops_of_one(weights, flops, cache, lengths, peak, bandwidth):
    return at(weights + cache * sum(lengths), flops, len(lengths), peak, bandwidth)


@decode.mistake(
    "Only the bytes limit your step. With many readers the arithmetic may take longer: the longer of"
    " the two.",
    see=IDEA,
)
def memory_only(weights, flops, cache, lengths, peak, bandwidth):
    seconds = (weights + cache * sum(lengths)) / bandwidth
    return seconds, len(lengths) / seconds


@decode.mistake("You added the two times. Fetching and computing go on at once: the longer counts.", see=IDEA)
def both_times(weights, flops, cache, lengths, peak, bandwidth):
    B = len(lengths)
    seconds = (weights + cache * sum(lengths)) / bandwidth + B * flops / peak
    return seconds, B / seconds


@decode.mistake(
    "Your rate is that of one reader: steps a second. A step brings a token to each sequence.", see=TOKEN
)
def rate_of_one(weights, flops, cache, lengths, peak, bandwidth):
    seconds, _ = at(weights + cache * sum(lengths), len(lengths) * flops, 1, peak, bandwidth)
    return seconds, 1 / seconds
