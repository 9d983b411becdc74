"""Settings for every test: the run-time shape hook, one thread, deterministic hypothesis."""

from __future__ import annotations

import os
import sys

if os.environ.get("MINILLAMA_CHECK_SHAPES") == "1":
    from jaxtyping import install_import_hook

    install_import_hook("minillama", "shapes.checked")
    _finder = sys.meta_path[0]
    _find_spec = _finder.find_spec

    def _not_of_kernels(name: str, *rest: object) -> object:
        """Leave Triton's modules alone: it reads a kernel's source and globals, which the hook would hide."""
        return None if name.startswith("minillama.kernels.triton") else _find_spec(name, *rest)

    _finder.find_spec = _not_of_kernels

from hypothesis import settings

settings.register_profile("minillama", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("minillama")
