"""Checks of 12.4: rows against a stream that is walked token by token."""

import numpy as np

from minillama.book.exercises import Hole

STEP_6 = "Step 6: rows, and what stands beside what"
BOS, EOS = 8, 9

pack = Hole("pack")


def i64(*rows):
    return np.array(rows, dtype=np.int64)


pack.case(
    "two short texts, by hand",
    (i64([8, 1, 2], [9, 8, 3]), i64([1, 2, 9], [-100, 3, 9]), i64([0, 0, 0], [0, 1, 1])),
    texts=[[1, 2], [3]],
    T=3,
    bos=BOS,
    eos=EOS,
)
pack.case(
    "an empty text is bos and eos",
    (i64([8, 9], [8, 1], [9, 8]), i64([9, -100], [1, 9], [-100, 2]), i64([0, 0], [1, 1], [1, 2])),
    texts=[[], [1], [2]],
    T=2,
    bos=BOS,
    eos=EOS,
)
pack.case(
    "the last token of the stream is a target and no input",
    (i64([8, 1, 2]), i64([1, 2, 9]), i64([0, 0, 0])),
    texts=[[1, 2]],
    T=3,
    bos=BOS,
    eos=EOS,
)


def walked(texts, T, bos, eos):
    """Walk through the stream with a list of (token, number of the text)."""
    stream = []
    for number, text in enumerate(texts):
        stream += [(bos, number)] + [(token, number) for token in text] + [(eos, number)]
    rows = []
    for start in range(0, len(stream) - T, T):
        places = range(start, start + T)
        rows.append(
            [
                (stream[p][0], stream[p + 1][0] if stream[p + 1][1] == stream[p][1] else -100, stream[p][1])
                for p in places
            ]
        )
    array = np.array(rows, dtype=np.int64).reshape(-1, T, 3)
    return array[..., 0], array[..., 1], array[..., 2]


@pack.against(walked, "random texts, against a walk through the stream", seeds=8)
def some_texts(rng):
    texts = [
        rng.integers(0, 8, size=int(n)).tolist() for n in rng.integers(0, 6, size=int(rng.integers(4, 8)))
    ]
    return {"texts": texts, "T": int(rng.integers(3, 6)), "bos": BOS, "eos": EOS}


@pack.law("as many targets are left out as there are inner borders", some_texts, seeds=4)
def borders(pack, texts, T, bos, eos):
    tokens, targets, _ = pack(texts, T, bos, eos)
    stream = np.append(tokens.ravel(), -1)
    last_is_border = int(targets.ravel()[-1] == -100)
    return int(np.sum(targets == -100)), int(np.sum(stream[1:] == bos)) + last_is_border


def joined(texts, bos, eos):
    return np.array([token for text in texts for token in (bos, *text, eos)], dtype=np.int64)


def cut(stream, T, bos, border=-100, documents=None):
    R = (len(stream) - 1) // T
    tokens, following = stream[: R * T], stream[1 : R * T + 1]
    targets = np.where(following == bos, border, following)
    if documents is None:
        documents = np.cumsum(stream == bos) - 1
    return tokens.reshape(R, T), targets.reshape(R, T), documents[: R * T].reshape(R, T)


@pack.mistake(
    "All is right but the targets between documents: your model is to predict the bos of the next text from"
    " the eos of the last. Make them -100.",
    see=STEP_6,
)
def border_predicted(texts, T, bos, eos):
    return cut(joined(texts, bos, eos), T, bos, border=bos)


@pack.mistake(
    "The targets are the tokens themselves: they were not shifted. A position is to tell the next token.",
    see=STEP_6,
)
def not_shifted(texts, T, bos, eos):
    tokens, _, documents = cut(joined(texts, bos, eos), T, bos)
    return tokens, tokens, documents


@pack.mistake(
    "You left out the targets that are eos instead of those that are bos: your model never learns to end.",
    see=STEP_6,
)
def never_ends(texts, T, bos, eos):
    tokens, _, documents = cut(joined(texts, bos, eos), T, bos)
    stream = joined(texts, bos, eos)
    following = stream[1 : tokens.size + 1]
    return tokens, np.where(following == eos, -100, following).reshape(-1, T), documents


@pack.mistake(
    "At the end of each row the target is -100 or taken from the same row. The stream goes on: the next token"
    " is the first one of the next row.",
    see=STEP_6,
)
def row_by_row(texts, T, bos, eos):
    tokens, targets, documents = cut(joined(texts, bos, eos), T, bos)
    targets = targets.copy()
    targets[:, -1] = -100
    return tokens, targets, documents


@pack.mistake(
    "Your documents are counted anew in each row. They are numbered over all rows: a document that goes on in"
    " the next row keeps its number.",
    see=STEP_6,
)
def counted_by_row(texts, T, bos, eos):
    tokens, targets, _ = cut(joined(texts, bos, eos), T, bos)
    counts = np.cumsum(tokens == bos, axis=1)
    return tokens, targets, counts - counts[:, :1]


@pack.mistake(
    "Your documents are numbered from 1. The first one is 0.",
    see=STEP_6,
)
def from_one(texts, T, bos, eos):
    tokens, targets, documents = cut(joined(texts, bos, eos), T, bos)
    return tokens, targets, documents + 1


@pack.mistake(
    "In your documents an eos belongs to the next text already: the number goes up at the eos, not at the"
    " bos.",
    see=STEP_6,
)
def up_at_eos(texts, T, bos, eos):
    stream = joined(texts, bos, eos)
    return cut(stream, T, bos, documents=np.cumsum(stream == eos))


@pack.mistake(
    "There is no eos in your stream. Without it a model cannot learn where a text ends.",
    see=STEP_6,
)
def no_eos(texts, T, bos, eos):
    return cut(np.array([token for text in texts for token in (bos, *text)], dtype=np.int64), T, bos)


@pack.mistake(
    "There is no bos in your stream, so nothing marks where a document begins.",
    see=STEP_6,
)
def no_bos(texts, T, bos, eos):
    stream = np.array([token for text in texts for token in (*text, eos)], dtype=np.int64)
    numbers = np.array([k for k, text in enumerate(texts) for _ in range(len(text) + 1)], dtype=np.int64)
    return cut(stream, T, bos, documents=numbers)
