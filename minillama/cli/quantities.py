"""Numbers as people write them: 1.4T tokens, 300B, 4M, 2_048."""

from __future__ import annotations

from decimal import Decimal

from .errors import UserError

SUFFIXES = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
BINARY = {"": 1, "K": 2**10, "M": 2**20}


def parse_count(option: str, text: str, suffixes: dict[str, int] = SUFFIXES) -> int:
    """Read a whole number with a suffix for thousands, millions, billions or trillions.

    Batch sizes are powers of two, and "a batch of 4M tokens" means 2**22: give `BINARY` for those.

    Examples
    --------
    >>> parse_count("--tokens", "1.4T"), parse_count("--tokens", "2_048"), parse_count("--tokens", "3e11")
    (1400000000000, 2048, 300000000000)
    >>> parse_count("--batch", "4M", BINARY)
    4194304
    """
    digits = text.strip().replace(",", "").replace("_", "").upper()
    suffix = digits[-1:] if digits[-1:] in suffixes else ""
    try:
        number = Decimal(digits.removesuffix(suffix)) * suffixes[suffix]
        if number.is_finite() and number > 0 and number.adjusted() < 30 and number == int(number):
            return int(number)
    except ArithmeticError:  # Decimal's own
        pass
    examples = ", ".join(f"4{suffix}" for suffix in suffixes)
    raise UserError(f"{option} is {text!r}: expected a whole number above 0, such as {examples}")


def format_count(number: float) -> str:
    """Write a number with three digits and a suffix.

    Examples
    --------
    >>> [format_count(n) for n in (1_400_000_000_000, 4_194_304, 2048, 380)]
    ['1.4T', '4.19M', '2.05K', '380']
    """
    for suffix in "TBMK":
        if number >= SUFFIXES[suffix]:
            return f"{number / SUFFIXES[suffix]:.3g}{suffix}"
    return f"{number:.3g}"
