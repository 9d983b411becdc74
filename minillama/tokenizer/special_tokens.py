"""Special tokens: marks such as "the text begins", which are never text.

Their names look like text, ``<|end|>``, but a name in a text is text like any other, unless the caller
asks for it to be recognised. So nobody can end a prompt, or speak for somebody else in a chat, by
typing a special token's name.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import regex


class SpecialTokens:
    """Names and ids of special tokens, and which of them begin and end a text.

    Parameters
    ----------
    ids
        Id of each special token, by name.
    bos, eos
        Names of the tokens that begin and end a text, or None.
    always
        Names of tokens that are recognised in a text without being asked for.

    Examples
    --------
    >>> specials = SpecialTokens({"<s>": 1, "</s>": 2}, bos="<s>", eos="</s>")
    >>> specials.bos_id, specials.names[2]
    (1, '</s>')
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        bos: str | None = None,
        eos: str | None = None,
        always: Collection[str] = (),
    ) -> None:
        self.ids = dict(ids)
        self.names = {i: name for name, i in self.ids.items()}
        self.always = frozenset(always)
        self.bos_id = None if bos is None else self.ids[bos]
        self.eos_id = None if eos is None else self.ids[eos]
        self._patterns: dict[frozenset[str], regex.Pattern[str]] = {}

    def required(self, which: Literal["bos", "eos"]) -> int:
        """Return the id of the token that begins or ends a text; ``ValueError`` if there is none.

        Examples
        --------
        >>> SpecialTokens({"<s>": 1}, bos="<s>").required("bos")
        1
        """
        token_id, verb = (self.bos_id, "begins") if which == "bos" else (self.eos_id, "ends")
        if token_id is None:
            raise ValueError(
                f"this vocabulary has no token that {verb} a text ({which}_id is None); expected one for"
                f" {which}=True. Encode without it"
            )
        return token_id

    def cut(self, text: str, allowed: Collection[str] | Literal["all"] = ()) -> list[str | int]:
        """Cut a text at the names of allowed special tokens: ids stand for them, between stretches of text.

        Of two names that begin at the same place, the longer one wins.

        Examples
        --------
        >>> specials = SpecialTokens({"<s>": 1, "</s>": 2})
        >>> specials.cut("<s>one</s>"), specials.cut("<s>one</s>", allowed=["</s>"])
        (['<s>one</s>'], ['<s>one', 2])
        """
        if allowed == "all":
            names = frozenset(self.ids)
        else:
            names = frozenset([allowed] if isinstance(allowed, str) else allowed)
            unknown = names - self.ids.keys()
            if unknown:
                raise ValueError(
                    f"allowed_special has {sorted(unknown)}; expected 'all' or some of the"
                    f" {len(self.ids)} special tokens, such as {list(self.ids)[:2]}"
                )
            names |= self.always
        if not names:
            return [text] if text else []
        pieces = self._pattern(names).split(text)
        return [self.ids[piece] if i % 2 else piece for i, piece in enumerate(pieces) if piece]

    def _pattern(self, names: frozenset[str]) -> "regex.Pattern[str]":
        """Pattern of any of the names, in a group, so that ``split`` keeps them."""
        if names not in self._patterns:
            longest_first = sorted(names, key=len, reverse=True)
            self._patterns = {names: regex.compile("(" + "|".join(map(regex.escape, longest_first)) + ")")}
        return self._patterns[names]
