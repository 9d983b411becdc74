"""Writing rank files, the vocabularies of LLaMA 3 and 4, from tokenizers that such a file can express.

The file holds tokens alone. Its readers, Meta's and ours, add the splitting pattern and the special tokens of
LLaMA 3 or 4, so a tokenizer with others cannot be written.
"""

from __future__ import annotations

from base64 import b64encode

from minillama.tokenizer.byte_level import ByteLevelBPE
from minillama.tokenizer.hf_json_writer import all_splits
from minillama.tokenizer.tiktoken_ranks import read
from minillama.tokenizer.tokenizer import Tokenizer


def write(tokenizer: Tokenizer) -> bytes:
    r"""Write a tokenizer as the contents of a rank file.

    Parameters
    ----------
    tokenizer
        Byte-level BPE by rank: from a rank file, or from a ``tokenizer.json`` that says the same.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If a rank file cannot express it.

    Examples
    --------
    >>> tok = read(b"".join(b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256)))
    >>> write(tok)[:14]
    b'AA== 0\nAQ== 1\n'
    """
    model = tokenizer.model
    if not isinstance(model, ByteLevelBPE):
        raise ValueError(f"the tokenizer is a {type(model).__name__}; expected byte-level BPE")
    n_ranks = min(tokenizer.special_tokens.values(), default=len(model))
    ranks = model.tokens[:n_ranks]
    data = b"".join(b64encode(token) + b" %d\n" % i for i, token in enumerate(ranks))
    try:
        again = read(data)
    except ValueError as error:
        raise ValueError(f"a rank file cannot express the tokenizer: {error}") from None
    same_model = isinstance(again.model, ByteLevelBPE) and (
        again.model.pretokenizer.patterns == model.pretokenizer.patterns
        and again.model.tokens == model.tokens
        and model.whole_words
    )
    same_specials = again.specials.ids == tokenizer.specials.ids and not tokenizer.specials.always
    same_ends = (again.bos_id, again.eos_id) == (tokenizer.bos_id, tokenizer.eos_id)
    if not (same_model and same_specials and same_ends and _by_rank(model, ranks)):
        raise ValueError(
            "a rank file cannot express the tokenizer: expected the pattern, special tokens and merging by"
            " rank of LLaMA 3. Use a tokenizer.json"
        )
    return data


def _by_rank(model: ByteLevelBPE, ranks: list[bytes]) -> bool:
    """Tell whether the merges say what ranks say: every way to put each token together, in their order."""
    if model.merges is None:
        return True
    splits = all_splits(ranks, {token: i for i, token in enumerate(ranks)})
    return [(model.tokens[left], model.tokens[right]) for left, right in model.merges] == splits
