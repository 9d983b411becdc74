"""The checker that jaxtyping's hook applies to every function of the package in the run-time shape pass."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do where a float is asked for
