"""Settings for every test: the run-time shape hook, one thread, deterministic hypothesis."""

from __future__ import annotations

import os

if os.environ.get("MINILLAMA_CHECK_SHAPES") == "1":
    from jaxtyping import install_import_hook

    install_import_hook("minillama", "shapes.checked")

from hypothesis import settings

settings.register_profile("minillama", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("minillama")
