"""Recipes read from TOML: the reader's own, and those that come with the package.

A recipe is untrusted: its size is bounded, and what is unknown or of the wrong kind is one clear error.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ..fields import known_fields
from .recipe import Deduplicate, Recipe, RecipeError, Source

LARGEST = 1 << 20  # bytes of a recipe that we are willing to read
_BUILT_IN = resources.files("minillama.data").joinpath("recipes")


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """Build a recipe from the values of a TOML file.

    Raises
    ------
    ValueError
        If a key is unknown or a value is not what it should be.

    Examples
    --------
    >>> stories = {"name": "tales", "kind": "stories", "share": 1, "documents": 9}
    >>> recipe_from({"tokens": 100, "vocab_size": 300, "source": [stories]}).source[0].level
    3
    """
    known = known_fields(Recipe, values)
    sources = known.get("source", ())
    if not isinstance(sources, list | tuple) or not sources:
        raise ValueError("no [[source]]: expected one at least")
    known["source"] = tuple(_part(Source, f"source {n}", one) for n, one in enumerate(sources, 1))
    known["deduplicate"] = _part(Deduplicate, "deduplicate", known.get("deduplicate", {}))
    return _made(Recipe, known)


def built_in_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(
        file.name.removesuffix(".toml") for file in _BUILT_IN.iterdir() if file.name.endswith(".toml")
    )


def recipe_text(name: str) -> str:
    """Return a recipe that comes with the package, as TOML.

    Raises
    ------
    RecipeError
        (a ValueError) If there is none of that name.
    """
    if name not in built_in_recipes():
        raise RecipeError(
            f"{name}: neither a file nor a recipe that comes with minillama ({', '.join(built_in_recipes())})"
        )
    return _BUILT_IN.joinpath(f"{name}.toml").read_text(encoding="utf-8")


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from a file, or one that comes with the package by its name.

    Raises
    ------
    RecipeError
        (a ValueError) If it cannot be read or followed.

    Examples
    --------
    >>> [source.name for source in read_recipe("small").source][:2]
    ['wiki', 'books']
    """
    file = Path(path)
    try:
        if file.is_file():
            if file.stat().st_size > LARGEST:
                raise ValueError(f"{file.stat().st_size:,} bytes: expected at most {LARGEST:,}")
            text = file.read_text(encoding="utf-8")
        else:
            text = recipe_text(str(path))
        return recipe_from(tomllib.loads(text))
    except RecipeError:
        raise
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{path}: {error}") from None


def _part(cls: type, name: str, values: object) -> Any:
    """Build a part of the recipe; errors say which."""
    try:
        if not isinstance(values, Mapping):
            raise ValueError("expected a table of its keys")
        return _made(cls, known_fields(cls, values))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _made(cls: type, values: dict[str, Any]) -> Any:
    needed = [
        f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING
    ]
    for name in needed:
        if name not in values:
            raise ValueError(f"{name} is missing")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
