"""Checks of 02.4: pieces to bytes, bytes to text."""

import re

from minillama.book.exercises import Hole

decode = Hole("decode")

decode.case("pieces of text", "Hello, world", pieces=["▁Hello", ",", "▁world"])
decode.case("pieces of text", "", pieces=[])
decode.case("pieces of text", "a", pieces=["a"])
decode.case("spaces", " two  spaces ", pieces=["▁▁", "two", "▁▁sp", "aces", "▁"])
decode.case("spaces", "a b c", pieces=["▁a▁b", "▁c"])
decode.case("a character from its bytes, by hand", "é", pieces=["▁", "<0xC3>", "<0xA9>"])
decode.case(
    "a character from its bytes, by hand", "a🦙b", pieces=["▁a", "<0xF0>", "<0x9F>", "<0xA6>", "<0x99>", "b"]
)
decode.case("a character from its bytes, by hand", "x\ny", pieces=["▁x", "<0x0A>", "y"])
decode.case("broken bytes, by hand", "a\ufffdb", pieces=["▁a", "<0xF0>", "<0x9F>", "b"])
decode.case("broken bytes, by hand", "\ufffd\ufffd", pieces=["<0xFF>", "<0xA9>"])
decode.case("a space that came as a byte, by hand", "x", pieces=["<0x20>", "x"])
decode.case(
    "text that looks like a byte piece, by hand", "write <0x41>", pieces=["▁write", "▁<", "0x", "41", ">"]
)
decode.case("▁ from its bytes is no space, by hand", "a▁b", pieces=["▁a", "<0xE2>", "<0x96>", "<0x81>", "b"])


def by_library(pieces):
    """Ask the decoder that the tokenizers library of Hugging Face has for LLaMA 2."""
    from tokenizers import decoders

    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    return decoders.Sequence(steps).decode(pieces)


@decode.against(by_library, "random text, against the tokenizers library", seeds=8)
def random_pieces(rng):
    pieces = ["▁"]
    for character in rng.choice(list("ab é猫🦙\n"), size=int(rng.integers(1, 9))):
        known = character in "ab" or rng.random() < 0.3
        spelt = [f"<0x{byte:02X}>" for byte in str(character).encode()]
        pieces += [str(character).replace(" ", "▁")] if known or character == " " else spelt
    return {"pieces": pieces}


def byte_of(piece):
    match = re.fullmatch(r"<0x([0-9A-F]{2})>", piece)
    return int(match[1], 16) if match else None


def as_bytes(pieces):
    return b"".join(
        piece.replace("▁", " ").encode() if byte_of(piece) is None else bytes([byte_of(piece)])
        for piece in pieces
    )


@decode.mistake(
    "Each piece was decoded by itself, and a lone byte of a longer character is no text: you get a"
    " U+FFFD for every byte. Collect the bytes of all pieces first.",
    see="Encode and decode",
)
def each_alone(pieces):
    return "".join(as_bytes([piece]).decode("utf-8", errors="replace") for piece in pieces).removeprefix(" ")


@decode.mistake(
    "Bytes that are not valid UTF-8 vanish without a trace. Put U+FFFD there, so that the reader sees that"
    " something is missing.",
    see="Encode and decode",
)
def invalid_dropped(pieces):
    return as_bytes(pieces).decode("utf-8", errors="ignore").removeprefix(" ")


@decode.mistake(
    "Bytes that are not valid UTF-8 raise an error. A model may stop in the middle of a character, and"
    " the rest of the text should still be shown.",
    see="Encode and decode",
)
def invalid_raises(pieces):
    return as_bytes(pieces).decode("utf-8").removeprefix(" ")


@decode.mistake(
    "A byte became the character of that number: <0xC3> <0xA9> gave Ã©. The bytes of a character must"
    " be read together, as UTF-8.",
    see="Down to bytes",
)
def byte_as_code_point(pieces):
    return "".join(
        piece.replace("▁", " ") if byte_of(piece) is None else chr(byte_of(piece)) for piece in pieces
    ).removeprefix(" ")


@decode.mistake(
    "The space in front is still there: it was put there when the text was encoded, and was never in it.",
    see="The other school: SentencePiece",
)
def prefix_stays(pieces):
    return as_bytes(pieces).decode("utf-8", errors="replace")


@decode.mistake(
    "You took all spaces off the front. Only one was added; the others belong to the text.",
    see="The other school: SentencePiece",
)
def all_leading_spaces(pieces):
    return as_bytes(pieces).decode("utf-8", errors="replace").lstrip(" ")


@decode.mistake(
    "You took spaces off both ends. One was added in front; the others belong to the text.",
    see="The other school: SentencePiece",
)
def both_ends(pieces):
    return as_bytes(pieces).decode("utf-8", errors="replace").strip(" ")


@decode.mistake(
    "The ▁ are still there: each stands for a space.",
    see="The other school: SentencePiece",
)
def underlines_stay(pieces):
    data = b"".join(piece.encode() if byte_of(piece) is None else bytes([byte_of(piece)]) for piece in pieces)
    return data.decode("utf-8", errors="replace").removeprefix(" ")


@decode.mistake(
    "You joined the pieces and looked for <0x..> in the result. Text can look like that too: whoever"
    " types <0x41> must get it back, not an A. A byte piece is known by being a piece.",
    see="The other school: SentencePiece",
)
def searched_after_joining(pieces):
    data = "".join(pieces).replace("▁", " ").encode()
    data = re.sub(rb"<0x([0-9A-F]{2})>", lambda match: bytes([int(match[1], 16)]), data)
    return data.decode("utf-8", errors="replace").removeprefix(" ")


@decode.mistake(
    "You replaced ▁ after decoding. A ▁ that was spelt by its three bytes is a real one; only those in"
    " pieces of text stand for spaces.",
    see="The other school: SentencePiece",
)
def replaced_at_the_end(pieces):
    data = b"".join(piece.encode() if byte_of(piece) is None else bytes([byte_of(piece)]) for piece in pieces)
    return data.decode("utf-8", errors="replace").replace("▁", " ").removeprefix(" ")
