"""Pages to text: what is kept and what is not, encodings by rule, and pages that mean harm."""

from __future__ import annotations

import contextlib
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.data.cleaning import digest_of, parts, plain_text
from minillama.data.html import MAX_PAGE, decode_page, extract_text
from minillama.data.pages import KINDS, page, pages
from minillama.data.raw import Raw, files_of, read_raw
from minillama.data.recipe import RecipeError


def test_prose_comes_out_of_its_wrapping_and_nothing_else() -> None:
    for made in pages(4, 120):
        if made.paragraphs:
            assert extract_text(made.html) == "\n".join(made.paragraphs)
        assert "cookies" not in extract_text(made.html)


def test_pages_are_functions_of_their_number_and_kinds_come_as_often_as_said() -> None:
    made = list(pages(2, 1500))
    assert made[77] == page(2, 77) != page(3, 77)
    copies = [one for one in made if one.copy_of is not None]
    counts = {kind: sum(one.kind == kind and one.copy_of is None for one in made) for kind in KINDS}
    counts["copy"] = len(copies)
    for kind, share in KINDS.items():
        assert abs(counts[kind] / 1500 - share) < 4 * (share * (1 - share) / 1500) ** 0.5 + 0.002, kind
    for number, one in enumerate(made):
        if one.copy_of is not None:
            original = made[one.copy_of]
            assert one.copy_of < number
            assert original.copy_of is None
            pairs = zip(" ".join(one.paragraphs).split(), " ".join(original.paragraphs).split(), strict=True)
            words = [a != b for a, b in pairs]
            assert sum(words) <= one.edited * len(words) + len(one.paragraphs)
            assert one.edited > 0 or one.paragraphs == original.paragraphs
            assert one.html != original.html


@pytest.mark.parametrize(
    "hostile",
    [
        "<div>" * 100_000 + "x",
        "<p>" + "<b>" * 50_000,
        "<table><tr><td>" * 20_000,
        "<!--" * 100_000,
        "<" * 200_000,
        "&amp" * 100_000,
        "<html><body><svg>" + "<g>" * 5000,
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><p>&b;&b;</p>',
        "",
        "\ud800",
        "no mark-up at all",
    ],
)
def test_pages_that_mean_harm_cost_no_more_than_a_little_time(hostile: str) -> None:
    assert isinstance(extract_text(hostile.encode("utf-8", "replace").decode()), str)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    with contextlib.suppress(UnicodeError):
        assert isinstance(decode_page(data), str)


def test_encodings_are_found_by_rule() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16-le", "latin-1"):
        mark = {"utf-16-le": b"\xff\xfe"}.get(encoding, b"")
        assert decode_page(mark + "três maçãs".encode(encoding)) == "três maçãs"
    assert "мир" in decode_page('<meta http-equiv=x content="text/html; charset=cp1251">мир'.encode("cp1251"))
    lying = '<meta charset="ascii">três'.encode()
    assert decode_page(lying).endswith("três")
    assert decode_page(b'<meta charset="no-such">x').endswith("x")
    assert decode_page(b'<meta charset="base64">eA==').endswith("eA==")  # a codec, and none for text
    with pytest.raises(UnicodeError, match="fit neither"):
        decode_page(b"\x81\x8d\x00")


def test_raw_files_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text("<p>page</p>")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbftext")
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "c.bin").write_text("no")
    lines = [json.dumps({"text": "one"}), "", "{", json.dumps({"html": "<p>two</p>"}), json.dumps({"x": 1})]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    found = [raw for file in files_of(tmp_path, tmp_path) for raw in read_raw(file)]
    assert [(raw.data, raw.is_html, raw.fault) for raw in found] == [
        (b"\xef\xbb\xbftext", False, ""),
        (b"<p>page</p>", True, ""),
        ("one", False, ""),
        ("", False, "broken JSON"),
        ("<p>two</p>", True, ""),
        ("", False, "broken JSON"),
    ]
    assert plain_text(found[0]) == "text"


def test_large_and_broken_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(b"x" * (MAX_PAGE + 1))
    long_line = json.dumps({"text": "x" * (2 * MAX_PAGE)}) + "\n" + json.dumps({"text": "after"}) + "\n"
    (tmp_path / "b.jsonl").write_text(long_line)
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"0" * (200 << 20), 1))  # a bomb: one endless line
    whole = gzip.compress(json.dumps({"text": "whole"}).encode() + b"\n" + b"{}\n" * 10_000)
    (tmp_path / "d.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "e.jsonl.gz").write_bytes(b"not gzip")
    faults = {
        file.name: [raw.fault for raw in read_raw(file) if raw.fault != "broken JSON"]
        for file in files_of(tmp_path, tmp_path)
    }
    assert faults["a.html"] == ["too large"]
    assert faults["b.jsonl"] == ["too large", ""]
    assert faults["c.jsonl.gz"] == ["too large"]
    assert faults["d.jsonl.gz"][-1] == faults["e.jsonl.gz"][-1] == "broken gzip"


@pytest.mark.error_contract
def test_paths_do_not_lead_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.txt"
    root.mkdir()
    outside.write_text("secret")
    (root / "in.txt").write_text("public")
    (root / "link.txt").symlink_to(outside)
    assert [file.name for file in files_of(root, root)] == ["in.txt"]
    for path in (root / "..", outside, root / "link.txt"):
        with pytest.raises(RecipeError, match="leads out of"):
            files_of(path, root)
    with pytest.raises(RecipeError, match="there is no such file or folder"):
        files_of(root / "none", root)
    (root / "empty").mkdir()
    with pytest.raises(RecipeError, match="no files that end in"):
        files_of(root / "empty", root)


def test_text_is_brought_into_one_form() -> None:
    assert plain_text(Raw("cafe\u0301\r\nx\r")) == "café\nx"
    for broken in (Raw(b"\xff\xfe\xfa"), Raw("\ud800")):
        with pytest.raises(UnicodeError):
            plain_text(broken)
    assert digest_of(" A\n b") == digest_of("a B ") != digest_of("ab")


def test_long_texts_are_cut_between_paragraphs() -> None:
    text = "\n\n".join(f"paragraph {n} " + "x" * (n % 7) for n in range(50))
    made = parts(text, 100)
    assert "\n\n".join(made) == text
    assert all(len(part) <= 100 for part in made)
    assert len(made) < 12
    assert parts(text, 0) == [text]
    assert parts("one very long paragraph", 5) == ["one very long paragraph"]
