"""Checks of 02.3: merges replayed in the order in which they were learnt."""

from itertools import pairwise

from minillama.book.exercises import Hole

encode_piece = Hole("encode_piece")

THREE = [(b"c", b"h"), (b"w", b"h"), (b"i", b"ch")]
WHITE = [(b"i", b"t"), (b"w", b"h"), (b"h", b"i"), (b"it", b"e")]
encode_piece.case("nothing to merge", [b"a", b"b"], piece=b"ab", merges=[])
encode_piece.case("nothing to merge", [], piece=b"", merges=THREE)
encode_piece.case("nothing to merge", [b"h", b"c"], piece=b"hc", merges=THREE)
encode_piece.case("one merge, twice", [b"ch", b"a", b"ch"], piece=b"chach", merges=THREE)
encode_piece.case("merges on top of merges, by hand", [b"wh", b"ich"], piece=b"which", merges=THREE)
encode_piece.case("the first learnt goes first, by hand", [b"wh", b"it"], piece=b"whit", merges=WHITE)
encode_piece.case("the first learnt goes first, by hand", [b"wh", b"ite"], piece=b"white", merges=WHITE)
encode_piece.case(
    "the first learnt goes first, by hand", [b"a", b"bc"], piece=b"abc", merges=[(b"b", b"c"), (b"a", b"b")]
)
encode_piece.case("runs, by hand", [b"aa", b"a"], piece=b"aaa", merges=[(b"a", b"a")])
encode_piece.case("runs, by hand", [b"aaaa", b"a"], piece=b"aaaaa", merges=[(b"a", b"a"), (b"aa", b"aa")])
encode_piece.case(
    "the list says which pairs, by hand", [b"a", b"bc"], piece=b"abc", merges=[(b"b", b"c"), (b"ab", b"c")]
)
encode_piece.case(
    "bytes that are no text", [b"\xf0\x9f", b"\xa6"], piece=b"\xf0\x9f\xa6", merges=[(b"\xf0", b"\x9f")]
)


def by_library(piece, merges):
    """Ask the tokenizers library of Hugging Face, given the same merges."""
    import tokenizers

    bytes_seen = sorted({bytes([b]) for token in [piece, *(a + b for a, b in merges)] for b in token})
    vocabulary = [*bytes_seen, *dict.fromkeys(a + b for a, b in merges)]
    model = tokenizers.models.BPE(
        vocab={token.decode("latin-1"): i for i, token in enumerate(vocabulary)},
        merges=[(a.decode("latin-1"), b.decode("latin-1")) for a, b in merges],
    )
    return [token.value.encode("latin-1") for token in model.tokenize(piece.decode("latin-1"))]


@encode_piece.against(by_library, "random merges, against the tokenizers library", seeds=12)
def random_merges(rng):
    tokens, merges = [b"a", b"b", b"c"], []
    while len(merges) < 7:  # every merge joins two tokens that are there already
        pair = (tokens[rng.integers(len(tokens))], tokens[rng.integers(len(tokens))])
        if pair not in merges and len(pair[0] + pair[1]) < 6:
            merges.append(pair)
            tokens.append(pair[0] + pair[1])
    return {
        "piece": bytes(rng.choice(list(b"abc"), size=int(rng.integers(2, 16))).tolist()),
        "merges": merges,
    }


@encode_piece.law("joining the tokens gives the piece back", random_merges)
def joined_again(encode_piece, piece, merges):
    return b"".join(encode_piece(piece, merges)), piece


def single(piece):
    return [piece[i : i + 1] for i in range(len(piece))]


def join_all(tokens, pair):
    """Join a pair wherever it occurs, from the left."""
    joined, i = [], 0
    while i < len(tokens):
        two = tuple(tokens[i : i + 2]) == pair
        joined.append(b"".join(tokens[i : i + 2]) if two else tokens[i])
        i += 2 if two else 1
    return joined


@encode_piece.mistake(
    "You joined the first pair from the left that is in the list. Of all pairs that can be joined, the one"
    " learnt first comes first, wherever it stands.",
    see="Two planted mistakes",
)
def first_from_the_left(piece, merges):
    tokens = single(piece)
    while found := [pair for pair in pairwise(tokens) if pair in merges]:
        tokens = join_all(tokens, found[0])
    return tokens


@encode_piece.mistake(
    "You took the longest token that fits, from the left. That is another rule for the same vocabulary, and"
    " gives other tokens: `whi` for the start of `white`, where the merges lead to `wh`.",
    see="Not the longest match",
)
def longest_match(piece, merges):
    vocabulary = {a + b for a, b in merges}
    tokens, i = [], 0
    while i < len(piece):
        j = next(j for j in range(len(piece), i, -1) if j == i + 1 or piece[i:j] in vocabulary)
        tokens.append(piece[i:j])
        i = j
    return tokens


@encode_piece.mistake(
    "You began with the merge that was learnt last. The history is replayed from its beginning:"
    " lowest rank first.",
    see="Encode and decode",
)
def last_learnt_first(piece, merges):
    tokens = single(piece)
    while found := [pair for pair in pairwise(tokens) if pair in merges]:
        tokens = join_all(tokens, max(found, key=merges.index))
    return tokens


@encode_piece.mistake(
    "You stopped after one merge. Go on until no neighbours are in the list.",
    see="Encode and decode",
)
def one_merge(piece, merges):
    tokens = single(piece)
    found = [pair for pair in pairwise(tokens) if pair in merges]
    return join_all(tokens, min(found, key=merges.index)) if found else tokens


@encode_piece.mistake(
    "You joined neighbours whenever together they are some token of the vocabulary. This list names"
    " pairs: (ab, c) may be joined, (a, bc) may not, though both give abc. (Rank files as LLaMA 3's do"
    " work your way.)",
    see="Check: against the package, and against others",
)
def by_joined_bytes(piece, merges):
    ranks = {}
    for rank, (a, b) in enumerate(merges):
        ranks.setdefault(a + b, rank)
    tokens = single(piece)
    while found := [pair for pair in pairwise(tokens) if b"".join(pair) in ranks]:
        tokens = join_all(tokens, min(found, key=lambda pair: ranks[b"".join(pair)]))
    return tokens


@encode_piece.mistake(
    "Runs were joined from the right: `aaa` became `a`, `aa`. Training read from the left,"
    " so encoding must too.",
    see="Encode and decode",
)
def runs_from_the_right(piece, merges):
    tokens = single(piece)
    while found := [pair for pair in pairwise(tokens) if pair in merges]:
        best = min(found, key=merges.index)
        mirrored = join_all([token[::-1] for token in reversed(tokens)], (best[1][::-1], best[0][::-1]))
        tokens = [token[::-1] for token in reversed(mirrored)]
    return tokens


@encode_piece.mistake(
    "You joined each pair of the list at its first place only and went on to the next pair. A merge is made"
    " wherever the pair occurs.",
    see="Encode and decode",
)
def first_place_only(piece, merges):
    tokens = single(piece)
    for pair in merges:
        for i, two in enumerate(pairwise(tokens)):
            if two == pair:
                tokens[i : i + 2] = [b"".join(pair)]
                break
    return tokens
