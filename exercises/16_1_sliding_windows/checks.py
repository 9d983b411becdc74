"""Checks of 16.1: windows that score every token once."""

from minillama.book.exercises import Hole

LONG = "A text longer than the context"

plan_windows = Hole("plan_windows")

plan_windows.case(
    "three windows, by hand",
    [(-1, 0, 5), (2, 5, 8), (4, 8, 10)],
    length=10,
    context=5,
    stride=3,
)
plan_windows.case("a text that fits", [(-1, 0, 3)], length=3, context=5, stride=2)
plan_windows.case("a text of exactly the context", [(-1, 0, 4)], length=4, context=4, stride=2)
plan_windows.case("no text, no window", [], length=0, context=4, stride=2)
plan_windows.case(
    "stride = context: the windows do not overlap, but for the last one",
    [(-1, 0, 3), (2, 3, 6), (3, 6, 7)],
    length=7,
    context=3,
    stride=3,
)
plan_windows.case(
    "stride 1: every token sees all it can",
    [(-1, 0, 2), (0, 2, 3), (1, 3, 4)],
    length=4,
    context=2,
    stride=1,
)
plan_windows.case(
    "context 1: every token sees the one before it",
    [(-1, 0, 1), (0, 1, 2), (1, 2, 3)],
    length=3,
    context=1,
    stride=1,
)


def token_by_token(length, context, stride):
    """Ask for each token which window scores it, and collect the answers."""
    found = {}
    for token in range(length):
        end = context
        while end <= token:
            end += stride
        end = min(end, length)
        reads = [p for p in range(-1, end - 1) if (end - 2) - p < context]
        start, first, _ = found.get(end, (reads[0], token, end))
        found[end] = (start, first, end)
    return [found[end] for end in sorted(found)]


@plan_windows.against(token_by_token, "any text, token by token", seeds=8)
def plans(rng):
    context = int(rng.integers(1, 8))
    return {
        "length": int(rng.integers(1, 30)),
        "context": context,
        "stride": int(rng.integers(1, context + 1)),
    }


@plan_windows.law("every token is scored once", plans, seeds=3)
def once(plan_windows, length, context, stride):
    scored = [i for _, first, end in plan_windows(length, context, stride) for i in range(first, end)]
    return scored, list(range(length))


def plan(length, context, stride, step=None, start=None, ends=None):
    """Return the plan with some part exchanged."""
    windows, first, end = [], 0, min(context, length)
    while first < length:
        at = end - 1 - context if start is None else start(first, end)
        windows.append((max(-1, at), first, end))
        first, end = end, min(end + (stride if step is None else step), length)
    return windows if ends is None else ends(windows)


@plan_windows.mistake(
    "`stride` was taken for the overlap: your windows move on by context - stride. The stride is what a"
    " window scores, and so how far it moves.",
    see=LONG,
)
def overlap(length, context, stride):
    return plan(length, context, stride, step=max(1, context - stride))


@plan_windows.mistake(
    "The windows do not overlap: each one begins to read at the token before its first scored one. Its first"
    " tokens then have hardly any context, which is what the stride is to prevent.",
    see=LONG,
)
def no_overlap(length, context, stride):
    return plan(length, context, stride, start=lambda first, end: first - 1)


@plan_windows.mistake(
    "Each window reads one token too few: the inputs end at `end` - 2, because the last token is only"
    " predicted. So they begin at `end` - 1 - `context`.",
    see=LONG,
)
def one_too_few(length, context, stride):
    return plan(length, context, stride, start=lambda first, end: end - context if first else -1)


@plan_windows.mistake(
    "Each window reads one token more than its context holds.",
    see=LONG,
)
def one_too_many(length, context, stride):
    return plan(length, context, stride, start=lambda first, end: end - 2 - context if first else -1)


@plan_windows.mistake(
    "The tokens left at the end are not scored: the last window may be shorter than the stride, but it has to"
    " be there.",
    see=LONG,
)
def rest_dropped(length, context, stride):
    return plan(length, context, stride, ends=lambda w: [x for x in w if x[1] == 0 or x[2] - x[1] == stride])


@plan_windows.mistake(
    "The first window scores only `stride` tokens. It can score all `context` of them: what it reads is all"
    " there is before them.",
    see=LONG,
)
def short_first(length, context, stride):
    windows, first, end = [], 0, min(stride, length)
    while first < length:
        windows.append((max(-1, end - 1 - context), first, end))
        first, end = end, min(end + stride, length)
    return windows


@plan_windows.mistake(
    "Every window scores all that it reads, so the tokens in the overlap are scored twice, and the mean is no"
    " longer one over the text.",
    see=LONG,
)
def scored_twice(length, context, stride):
    return [(start, start + 1, end) for start, _, end in plan(length, context, stride)]


@plan_windows.mistake(
    "The last window keeps its full stride's start and so reads less than it could: what is scored becomes"
    " less, not what is read before it.",
    see=LONG,
)
def last_reads_less(length, context, stride):
    return plan(
        length, context, stride, start=lambda first, end: first + stride - 1 - context if first else -1
    )
