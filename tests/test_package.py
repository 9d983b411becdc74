"""The package as a whole: cheap to import, everything public where it should be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import minillama

HEAVY = ("torch", "numpy", "matplotlib", "safetensors", "regex", "rich", "typer")


def modules_after(code: str) -> set[str]:
    """Return the names of all modules that are loaded after running `code` in a new process."""
    code += "\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert modules_after("import minillama").isdisjoint(HEAVY)


def test_counting_a_published_model_loads_nothing_heavy() -> None:
    assert modules_after("import minillama; minillama.LlamaConfig.named('llama-2-7b').n_params()").isdisjoint(
        HEAVY
    )


@pytest.mark.parametrize("module", ["tokenizer", "data.stories", "data.corpora", "reference", "accounting"])
def test_these_never_load_torch(module: str) -> None:
    assert "torch" not in modules_after(f"import minillama.{module}")


def test_every_public_name_is_there() -> None:
    assert set(minillama.__all__) <= set(dir(minillama))
    for name in minillama.__all__:
        assert getattr(minillama, name) is not None
    assert minillama.LlamaConfig is minillama.config.LlamaConfig
    assert callable(minillama.generate)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'minillama' has no attribute 'Lama'"):
        _ = minillama.Lama  # type: ignore[attr-defined]


def test_the_models_are_shipped_beside_the_code() -> None:
    here = Path(minillama.__file__).parent
    assert (here / "models.json").is_file()
    assert (here / "data" / "datasets.json").is_file()
    assert (here / "py.typed").is_file()
