"""Recipes: what is written is what is meant, and what is not known is refused by name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from minillama.data.recipe import RecipeError
from minillama.data.recipe_files import built_in_recipes, read_recipe, recipe_from, recipe_text

TALES = {"name": "tales", "kind": "stories", "share": 1, "documents": 9}


def test_the_recipe_that_comes_along_is_table_1_with_what_is_here() -> None:
    assert built_in_recipes() == ["small"]
    recipe = read_recipe("small")
    shares = {source.name: source.share for source in recipe.source}
    assert shares["web"] == 67.0 + 15.0  # CommonCrawl and C4
    assert shares["wiki"] == shares["books"] == 4.5
    assert {source.kind for source in recipe.source} == {"references", "dataset", "pages", "stories"}
    assert {source.language for source in recipe.source if source.kind == "stories"} == {"pt"}


def test_a_file_is_read_and_its_hash_knows_every_value(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text("small").replace("seed = 1", "seed = 2"))
    mine, small = read_recipe(path), read_recipe("small")
    assert mine.seed == 2
    assert mine.fingerprint != small.fingerprint
    assert dataclasses.replace(mine, seed=1) == small
    assert dataclasses.replace(mine, seed=1).fingerprint == small.fingerprint
    assert recipe_from(small.as_dict()) == small


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"token": 5}, "Recipe has no field token: did you mean tokens?"),
        ({"tokens": 0}, "tokens is 0"),
        ({"tokens": "many"}, "tokens is 'many'"),
        ({"tokens": True}, "tokens is True"),
        ({"tokenizer": "x.json"}, "give either vocab_size"),
        ({"vocab_size": 0}, "give either vocab_size"),
        ({"held_out": 1.0}, "held_out is 1.0"),
        ({"source": []}, r"no \[\[source\]\]"),
        ({"source": "web"}, r"no \[\[source\]\]"),
        ({"source": ["web"]}, "source 1: expected a table"),
        ({"source": [TALES, TALES]}, "two sources are named tales"),
        ({"source": [TALES | {"share": 0}]}, "no source with a share above 0"),
        ({"source": [TALES | {"share": -1}]}, "source 1: share is -1"),
        ({"source": [TALES | {"share": float("nan")}]}, "source 1: share is nan"),
        ({"source": [TALES | {"kind": "web"}]}, "kind is 'web': expected one of files"),
        ({"source": [TALES | {"kind": "files"}]}, "path is missing"),
        ({"source": [TALES | {"documents": 0}]}, "documents is missing"),
        ({"source": [TALES | {"name": "../x"}]}, "name is '../x'"),
        ({"source": [TALES | {"name": 5}]}, "name is 5"),
        ({"source": [TALES | {"rules": ["gofer"]}]}, "there is no rule 'gofer'"),
        ({"source": [TALES | {"rules": "gopher"}]}, "expected a list of names"),
        ({"source": [TALES | {"confidence": 2}]}, "confidence is 2"),
        ({"source": [TALES | {"like": "wiki"}]}, "like is 'wiki': expected another source"),
        ({"source": [TALES | {"like": "tales"}]}, "like is 'tales': expected another source"),
        ({"source": [TALES | {"langauges": ["en"]}]}, "did you mean languages?"),
        ({"source": [{"name": "tales", "kind": "stories"}]}, "source 1: share is missing"),
        ({"deduplicate": {"threshold": 0}}, "deduplicate: threshold is 0"),
        ({"deduplicate": {"bands": 100, "rows": 100}}, "bands times rows is 10000"),
        ({"deduplicate": 5}, "deduplicate: expected a table"),
    ],
)
def test_what_cannot_be_followed_is_named(change: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        recipe_from({"tokens": 100, "vocab_size": 300, "source": [TALES]} | change)


@pytest.mark.error_contract
def test_a_missing_value_and_a_broken_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tokens is missing"):
        recipe_from({"vocab_size": 300, "source": [TALES]})
    with pytest.raises(RecipeError, match=r"neither a file nor a recipe that comes with minillama \(small\)"):
        read_recipe(tmp_path / "none.toml")
    path = tmp_path / "broken.toml"
    for text in ("tokens = ", "\x00", "a = 1\na = 2", "a = " + "[" * 5000):
        path.write_text(text)
        with pytest.raises(RecipeError, match=r"broken\.toml: "):
            read_recipe(path)
    path.write_bytes(b"# " + b"x" * (1 << 20))
    with pytest.raises(RecipeError, match="bytes: expected at most"):
        read_recipe(path)
    path.write_bytes(b"\xff")
    with pytest.raises(RecipeError, match=r"broken\.toml: "):
        read_recipe(path)
