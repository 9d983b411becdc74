"""Checks of 02.2: a pair replaced by one token."""

from minillama.book.exercises import Hole

merge = Hole("merge")

merge.case("the pair alone", [256], ids=[1, 2], pair=(1, 2), new_id=256)
merge.case("no such pair", [1, 3, 2], ids=[1, 3, 2], pair=(1, 2), new_id=256)
merge.case("no such pair", [2, 1], ids=[2, 1], pair=(1, 2), new_id=256)
merge.case("very short lists", [], ids=[], pair=(1, 2), new_id=256)
merge.case("very short lists", [1], ids=[1], pair=(1, 2), new_id=256)
merge.case("twice, by hand", [256, 3, 256], ids=[1, 2, 3, 1, 2], pair=(1, 2), new_id=256)
merge.case("at the end, by hand", [3, 2, 256, 1], ids=[3, 2, 1, 2, 1], pair=(1, 2), new_id=256)
merge.case("runs of one token, by hand", [256, 7], ids=[7, 7, 7], pair=(7, 7), new_id=256)
merge.case("runs of one token, by hand", [256, 256, 7, 1], ids=[7, 7, 7, 7, 7, 1], pair=(7, 7), new_id=256)
merge.case("what was written is not read again", [2, 2], ids=[1, 1, 1, 1], pair=(1, 1), new_id=2)
merge.case("what was written is not read again", [1, 1, 2], ids=[1, 1, 2, 2], pair=(1, 2), new_id=1)


def by_text(ids, pair, new_id):
    """Python's str.replace works from the left and never overlaps."""
    text, old, new = ("".join(chr(0x100 + i) for i in tokens) for tokens in (ids, pair, [new_id]))
    return [ord(character) - 0x100 for character in text.replace(old, new)]


@merge.against(by_text, "random tokens, against replacing in a text", seeds=12)
def tokens(rng):
    ids = rng.integers(0, 3, size=int(rng.integers(2, 20))).tolist()
    return {"ids": ids, "pair": tuple(rng.integers(0, 3, size=2).tolist()), "new_id": 256}


@merge.mistake(
    "Runs were merged from the right: [7, 7, 7] became [7, 256]. Read from the left, as training does,"
    " and it is [256, 7].",
    see="Learn the merges",
)
def from_the_right(ids, pair, new_id):
    merged, i = [], len(ids)
    while i > 0:
        if tuple(ids[max(i - 2, 0) : i]) == pair:
            merged.insert(0, new_id)
            i -= 2
        else:
            merged.insert(0, ids[i - 1])
            i -= 1
    return merged


@merge.mistake(
    "After a match you went on by one place only, so the pair's right token is still there behind the"
    " new one. Go on by two.",
    see="Learn the merges",
)
def right_token_stays(ids, pair, new_id):
    return [new_id if tuple(ids[i : i + 2]) == pair else ids[i] for i in range(len(ids))]


@merge.mistake(
    "Only the first occurrence was replaced. One merge replaces all of them.",
    see="Learn the merges",
)
def first_only(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if tuple(ids[i : i + 2]) == pair:
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)


@merge.mistake(
    "The last token is lost when it is not part of a match: the loop ends one place too early.",
    see="Learn the merges",
)
def last_token_lost(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids) - 1:
        if tuple(ids[i : i + 2]) == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mistake(
    "The pair was replaced in either order: (2, 1) is not (1, 2).",
    see="Learn the merges",
)
def either_order(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) in (pair, pair[::-1]):
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mistake(
    "The new token was read again and merged once more. One merge makes a single pass; what comes of it is"
    " for the next merge.",
    see="Learn the merges",
)
def until_nothing_changes(ids, pair, new_id):
    merged = list(ids)
    i = 0
    while i < len(merged) - 1:
        if tuple(merged[i : i + 2]) == pair:
            merged[i : i + 2] = [new_id]
            i = max(i - 1, 0)
        else:
            i += 1
    return merged


@merge.mistake(
    "You looked for pairs only at every second place. A pair may begin anywhere.",
    see="Learn the merges",
)
def every_second_place(ids, pair, new_id):
    merged = []
    for i in range(0, len(ids), 2):
        two = ids[i : i + 2]
        merged += [new_id] if tuple(two) == pair else two
    return merged
