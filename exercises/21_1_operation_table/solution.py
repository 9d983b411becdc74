"""A name is an order: it is obeyed or refused. Only `auto` looks further."""


def choose(wanted: str, device: str, backends: dict[str, tuple[list[str], str | None]]) -> str:
    if wanted != "auto" and wanted not in backends:
        raise ValueError(f"unknown backend {wanted!r}: expected one of auto, {', '.join(backends)}")
    for name, (devices, reason) in backends.items():
        if wanted not in ("auto", name):
            continue
        if reason is None and device not in devices:
            reason = f"it takes no tensors on {device}"
        if reason is None:
            return name
        if wanted == name:
            raise ValueError(f"backend {name!r} cannot run: {reason}")
    raise ValueError(f"no backend can run on {device}")


def look_up(rows: dict[str, dict[str, str]], backend: str, operation: str) -> str:
    if operation not in rows["eager"]:
        raise AttributeError(f"no operation {operation!r}: the table has {', '.join(rows['eager'])}")
    return rows[backend].get(operation, rows["eager"][operation])
