"""Cutting text into words, before any merge, and counting them: no token ever crosses such a cut.

Without it, frequent neighbours such as "of the" would become one token, and "dog", "dog." and
"dog!" three unrelated ones. A pattern says where to cut. Every character of the text ends up in
exactly one word, so joining the words gives the text back.

Sources: the GPT-2 pattern is in OpenAI's ``gpt-2/src/encoder.py``; LLaMA 3's (GPT-4's, in essence) and
LLaMA 4's are in Meta's ``llama-models`` 0.3.0, ``llama3/tokenizer.py`` and ``llama4/tokenizer.py``;
SmolLM2 cuts out single digits first and then uses GPT-2's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import regex

from minillama.tokenizer.errors import TokenizerError

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"  # endings of English contractions, in either case
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"  # a word, with the one space or sign before it
    r"|\p{N}{1,3}"  # one to three digits
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"  # punctuation
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"  # line ends; spaces, of which the last goes with the next word
)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_LLAMA4 = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_ENDING}"  # cuts camelCase, keeps the ending
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_ENDING}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

PATTERNS: dict[str, tuple[str, ...]] = {
    "llama3": (_LLAMA3,),
    "llama4": (_LLAMA4,),
    "gpt2": (_GPT2,),
    "smollm": (r"\p{N}", _GPT2),
}
"""The named patterns: each a row of regular expressions, applied one after another."""

SLOWEST = 100_000
"""Characters a second below which splitting by a pattern of unknown origin is given up; ours do 5 million."""

_OURS = frozenset(pattern for row in PATTERNS.values() for pattern in row)


class PreTokenizer:
    r"""Cuts text where a row of regular expressions matches.

    Each expression isolates its matches: a piece is cut into the matches and the stretches between
    them; the next expression then cuts these pieces further.

    Parameters
    ----------
    patterns
        Regular expressions in the syntax of the ``regex`` package, or a name of ``PATTERNS``.

    Raises
    ------
    TokenizerError
        If a name is unknown, an expression is not a valid one, or (when splitting) an expression that is
        none of ours goes on without end: a file can hold one that takes exponential time.

    Examples
    --------
    >>> PreTokenizer("llama3").split("Tom's 12345 cats,  asleep!")
    ['Tom', "'s", ' ', '123', '45', ' cats', ',', ' ', ' asleep', '!']
    >>> PreTokenizer([r"\d"]).split("route 66b")
    ['route ', '6', '6', 'b']
    """

    def __init__(self, patterns: str | Sequence[str] = "llama3") -> None:
        if isinstance(patterns, str):
            if patterns not in PATTERNS:
                raise TokenizerError(f"unknown pattern {patterns!r}; expected one of {', '.join(PATTERNS)}")
            patterns = PATTERNS[patterns]
        self.patterns = tuple(patterns)
        try:
            self._compiled = [regex.compile(pattern) for pattern in self.patterns]
        except (regex.error, TypeError, OverflowError, RecursionError) as error:
            raise TokenizerError(f"the pre-tokeniser's pattern is not a valid expression: {error}") from None

    def split(self, text: str, patience: float = 5.0) -> list[str]:
        """Cut ``text`` into words; joined again they are ``text``.

        ``patience`` is the time in seconds that an unknown pattern gets, beyond what ``SLOWEST`` grants.

        Examples
        --------
        >>> PreTokenizer("gpt2").split("to be or")
        ['to', ' be', ' or']
        """
        words = [text] if text else []
        for pattern in self._compiled:
            timeout = None if pattern.pattern in _OURS else patience + len(text) / SLOWEST
            try:
                words = [piece for word in words for piece in _isolate(pattern, word, timeout)]
            except TimeoutError:
                raise TokenizerError(
                    f"the pre-tokeniser's pattern {pattern.pattern!r:.80} took over {timeout:.0f} s for"
                    f" {len(text)} characters; expected a pattern without nested repetition"
                ) from None
        return words


def _isolate(pattern: "regex.Pattern[str]", text: str, timeout: float | None) -> list[str]:
    """Cut ``text`` into the matches of ``pattern`` and what lies between them."""
    if not pattern.groups:
        matches = pattern.findall(text, timeout=timeout)
        if sum(map(len, matches)) == len(text):  # the matches cover the text: nothing lies between
            return [match for match in matches if match]
    return list(_isolate_with_gaps(pattern, text, timeout))


def _isolate_with_gaps(pattern: "regex.Pattern[str]", text: str, timeout: float | None) -> Iterator[str]:
    """Do the same for a pattern that leaves gaps."""
    end = 0
    for match in pattern.finditer(text, timeout=timeout):
        if match.start() > end:
            yield text[end : match.start()]
        if match.group():
            yield match.group()
        end = match.end()
    if end < len(text):
        yield text[end:]


def count_words(texts: Iterable[str], pretokenizer: PreTokenizer) -> Counter[bytes]:
    """Count the words of all texts, as UTF-8.

    Parameters
    ----------
    texts
        Any iterable of str; read once.
    pretokenizer
        Cuts the texts into words.

    Returns
    -------
    Counter
        How often each word occurs.

    Raises
    ------
    ValueError
        If there is no text at all, or something that is no text.

    Examples
    --------
    >>> count_words(["to be", "not to be"], PreTokenizer())
    Counter({b' be': 2, b'to': 1, b'not': 1, b' to': 1})
    """
    if isinstance(texts, str):
        raise ValueError("texts is one str; expected an iterable of them. Give [text] for a single one")
    counts: Counter[str] = Counter()
    for text in texts:
        check_text(text)
        counts.update(pretokenizer.split(text))
    if not counts:
        raise ValueError("texts holds no characters; expected some text to learn merges from")
    in_bytes: Counter[bytes] = Counter()
    for word, n in counts.items():
        in_bytes[word.encode("utf-8", errors="surrogateescape")] += n
    return in_bytes


def check_text(text: str) -> None:
    """Raise ``ValueError`` unless UTF-8 can express the text, or it holds bytes kept by ``surrogateescape``.

    Examples
    --------
    >>> check_text("é")
    """
    if not isinstance(text, str):
        raise ValueError(f"text is a {type(text).__name__}; expected a str. For bytes there is encode_bytes")
    if text.isascii():
        return
    try:
        text.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text has the lone surrogate U+{ord(text[error.start]):04X} at position {error.start}; expected"
            " characters that UTF-8 can express. text.encode('utf-8', 'replace').decode() puts '?' there"
        ) from None
