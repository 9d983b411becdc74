"""The safetensors format against its library, number formats against torch, layouts against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.torch import load_file, save_file

from minillama.checkpoints import CheckpointError
from minillama.checkpoints.dtypes import FLOATS, NUMPY, cast, is_finite
from minillama.checkpoints.rotary import to_half, to_interleaved
from minillama.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from minillama.checkpoints.torch_side import TORCH, to_array, to_tensor
from minillama.reference import permute_rows


def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = {}
    for i, (name, dtype) in enumerate(TORCH.items()):
        numbers = torch.randn(3 + i, 5, generator=generator) * 50
        made[f"ü {name}"] = (numbers > 0) if dtype == torch.bool else numbers.to(dtype)
    return made | {"scalar": torch.tensor(3.0), "empty": torch.zeros(0, 4), "cube": torch.ones(2, 3, 4)}


def test_the_library_and_we_read_each_others_files(tmp_path: Path) -> None:
    made = tensors()
    save_file(made, tmp_path / "theirs", {"who": "they"})
    theirs = SafetensorsFile(tmp_path / "theirs")
    assert theirs.metadata == {"who": "they"}
    assert theirs.entries.keys() == made.keys()
    for name, tensor in made.items():
        assert torch.equal(to_tensor(theirs.read(name), theirs.entries[name].dtype), tensor)
    table = {name: (entry.shape, entry.dtype) for name, entry in reversed(theirs.entries.items())}
    with (tmp_path / "ours").open("wb") as file:
        write_safetensors(file, table, lambda name: to_array(made[name]), {"who": "we"})
    theirs.close()
    found = load_file(tmp_path / "ours")
    assert found.keys() == made.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in made.items())


def written(path: Path, header: Any, data: bytes = bytes(24), length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(first: int, last: int, shape: Any = (3, 2), dtype: Any = "F32") -> dict[str, Any]:
    return {
        "dtype": dtype,
        "shape": shape if isinstance(shape, str) else list(shape),
        "data_offsets": [first, last],
    }


BROKEN: dict[str, tuple[Any, str]] = {
    "10 TB": (
        {"a": entry(0, 24, (10**7, 250_000))},
        r"'a' has 24 bytes; expected 10000000000000 for F32 of shape",
    ),
    "10 TB, well told": (
        {"a": entry(0, 10**13, (10**7, 250_000))},
        "not a whole file: has .* bytes; expected 10000000000",
    ),
    "overlap": ({"a": entry(0, 24), "b": entry(0, 24)}, "'b' begins at offset 138; expected 162, where"),
    "hole": ({"a": entry(8, 24, (2, 2))}, "'a' begins at offset .*; expected"),
    "left over": ({"a": entry(0, 16, (2, 2))}, "not a whole file"),
    "twice": (b'{"a": 1, "a": 1}', "the key 'a' stands twice"),
    "bytes and shape": ({"a": entry(0, 24, (3, 3))}, r"has 24 bytes; expected 36 for F32 of shape \(3, 3\)"),
    "negative": ({"a": entry(0, 24, (-3, -2))}, "the entry of 'a' is"),
    "fraction": ({"a": entry(0, 24, (3, 2.0))}, "the entry of 'a' is"),
    "truth": ({"a": entry(0, 24, (True, 6))}, "the entry of 'a' is"),
    "many axes": ({"a": entry(0, 24, (1,) * 9)}, "the entry of 'a' is"),
    "huge number": ({"a": entry(0, 24, (10**30, 2))}, "the entry of 'a' is"),
    "text for shape": ({"a": entry(0, 24, "32")}, "the entry of 'a' is"),
    "no table": ({"a": 7}, "the entry of 'a' is 7; expected dtype, shape"),
    "dtype": ({"a": entry(0, 24, dtype="F8_E4M3")}, "dtype 'F8_E4M3'"),
    "dtype of another kind": ({"a": entry(0, 24, dtype=["F32"])}, "the entry of 'a' is"),
    "metadata": ({"__metadata__": {"a": 1}}, "__metadata__ is not what was expected"),
    "a list": (["a"], "holds a list; expected a JSON object"),
    "no JSON": (b"{]", "is not JSON"),
    "no UTF-8": (b'{"\xff": 1}', "is not UTF-8"),
    "long digits": (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
    "deep": (b'{"a":' + b"[" * 100_000, "is nested too deeply|is not JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_headers_are_named(tmp_path: Path, name: str) -> None:
    header, told = BROKEN[name]
    with pytest.raises(CheckpointError, match=told) as caught:
        SafetensorsFile(written(tmp_path / "a", header))
    assert str(tmp_path / "a") in str(caught.value)
    assert len(str(caught.value)) < 500


def test_lengths_that_lie_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    for length in (0, 1, 2**20, 2**63, 2**64 - 1):
        with pytest.raises(CheckpointError, match="not a whole safetensors file"):
            SafetensorsFile(written(tmp_path / "a", {}, b"", length))
    (tmp_path / "a").write_bytes(b"\x02")
    with pytest.raises(CheckpointError, match="of its 1 bytes"):
        SafetensorsFile(tmp_path / "a")
    with pytest.raises(CheckpointError, match="there is no such file"):
        SafetensorsFile(tmp_path)


FLOAT32 = arrays(np.uint32, 50).map(lambda bits: bits.view(np.float32))


@given(FLOAT32, st.sampled_from(sorted(FLOATS)))
def test_casts_are_torchs(array: np.ndarray, wanted: str) -> None:
    expected = torch.from_numpy(array).to(TORCH[wanted])
    became_infinite = (torch.isfinite(torch.from_numpy(array)) & ~torch.isfinite(expected)).any()
    if became_infinite:
        with pytest.raises(ValueError, match="a weight is too large for"):
            cast(array, "F32", wanted)
        array = np.where(np.isfinite(expected.double().numpy()), array, 0).astype(np.float32)
        expected = torch.from_numpy(array).to(TORCH[wanted])
    found = cast(array, "F32", wanted)
    assert found.dtype == NUMPY[wanted]
    assert torch.equal(to_tensor(found, wanted).isnan(), expected.isnan())
    assert torch.equal(to_tensor(found, wanted).nan_to_num(0.5), expected.nan_to_num(0.5))
    assert is_finite(found, wanted).tolist() == torch.isfinite(expected).tolist()
    back = to_tensor(cast(found, wanted, "F32"), "F32")
    assert torch.equal(back.nan_to_num(0.5), expected.float().nan_to_num(0.5))


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 3), st.integers(0, 2**31))
def test_the_layouts_are_the_references(heads: int, pairs: int, width: int, seed: int) -> None:
    shape = (heads * pairs * 2, width) if width else (heads * pairs * 2,)
    rows = np.random.default_rng(seed).normal(size=shape)
    np.testing.assert_array_equal(to_half(rows, heads), permute_rows(rows, heads, to="half"))
    np.testing.assert_array_equal(to_interleaved(rows, heads), permute_rows(rows, heads, to="interleaved"))
    np.testing.assert_array_equal(to_half(to_interleaved(rows, heads), heads), rows)
