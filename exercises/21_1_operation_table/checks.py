"""Checks of 21.1: what is chosen, what is refused, and what fills a gap. The oracle writes out every case."""

from minillama.book.exercises import Hole, Raises

TABLE = "A table in twenty lines"
IDEA = "The idea: a table"

choose = Hole("choose")

HERE = {"triton": (["cuda"], "no GPU"), "cpp": (["cpu"], None), "eager": (["cpu", "cuda"], None)}
WITH_GPU = {"triton": (["cuda"], None), "cpp": (["cpu"], "no compiler"), "eager": (["cpu", "cuda"], None)}
TURNED = {"eager": (["cpu", "cuda"], None), "cpp": (["cpu"], None)}

choose.case("auto, by hand", "cpp", wanted="auto", device="cpu", backends=HERE)
choose.case("auto, by hand", "eager", wanted="auto", device="cuda", backends=HERE)
choose.case("auto, by hand", "triton", wanted="auto", device="cuda", backends=WITH_GPU)
choose.case("auto, by hand", "eager", wanted="auto", device="cpu", backends=WITH_GPU)
choose.case("the order decides", "eager", wanted="auto", device="cpu", backends=TURNED)
choose.case("a name is obeyed", "eager", wanted="eager", device="cpu", backends=HERE)
choose.case("a name is obeyed", "cpp", wanted="cpp", device="cpu", backends=TURNED)
choose.case("what cannot run is refused", Raises(ValueError), wanted="triton", device="cuda", backends=HERE)
choose.case("what cannot run is refused", Raises(ValueError), wanted="cpp", device="cpu", backends=WITH_GPU)
choose.case("another device is refused", Raises(ValueError), wanted="cpp", device="cuda", backends=HERE)
choose.case("another device is refused", Raises(ValueError), wanted="triton", device="cpu", backends=WITH_GPU)
choose.case("an unknown name is refused", Raises(ValueError), wanted="trition", device="cpu", backends=HERE)


def written_out(wanted, device, backends):
    """List who can run, then answer."""
    able = [name for name in backends if device in backends[name][0] and backends[name][1] is None]
    if wanted == "auto":
        return able[0]
    return wanted if wanted in able else Raises(ValueError)


@choose.against(written_out, "random tables", seeds=30)
def tables(rng):
    backends = {}
    for name in rng.permutation(["a", "b", "c"]).tolist():
        devices = [["cpu"], ["cuda"], ["cpu", "cuda"]][int(rng.integers(3))]
        backends[name] = (devices, None if rng.random() < 0.6 else "it is broken")
    backends["plain"] = (["cpu", "cuda"], None)
    wanted = ["auto", "a", "b", "c", "plain", "d"][int(rng.integers(6))]
    return {"wanted": wanted, "device": ["cpu", "cuda"][int(rng.integers(2))], "backends": backends}


def able(device, backends, by_device=True, by_reason=True):
    return [
        name
        for name, (devices, reason) in backends.items()
        if (device in devices or not by_device) and (reason is None or not by_reason)
    ]


def refuse():
    raise ValueError("cannot run")


def pick(wanted, found, backends, named):
    if wanted == "auto":
        return found[0]
    return wanted if wanted in named else refuse()


@choose.mistake(
    "A backend that was asked for by name and cannot run was replaced by another. Whoever times it now"
    " times something else and is not told. Raise ValueError.",
    see=TABLE,
)
def silent(wanted, device, backends):
    found = able(device, backends)
    if wanted not in backends and wanted != "auto":
        refuse()
    return wanted if wanted in found else found[0]


@choose.mistake(
    "An unknown name was taken for auto. A typing error must not choose a backend: raise ValueError.",
    see=TABLE,
)
def typing_error(wanted, device, backends):
    found = able(device, backends)
    return pick(wanted if wanted in backends else "auto", found, backends, found)


@choose.mistake(
    "Everything that cannot be had was replaced by what auto would take. Only auto may choose.", see=TABLE
)
def never_refuses(wanted, device, backends):
    found = able(device, backends)
    return wanted if wanted in found else found[0]


@choose.mistake(
    "auto took the first backend that can run on this machine, wherever the tensors are. It has to take"
    " their device as well.",
    see=IDEA,
)
def auto_without_device(wanted, device, backends):
    return pick(wanted, able(device, backends, by_device=False), backends, able(device, backends))


@choose.mistake(
    "auto took the first backend that has the device, although there is a reason why it cannot run.", see=IDEA
)
def auto_without_reason(wanted, device, backends):
    return pick(wanted, able(device, backends, by_reason=False), backends, able(device, backends))


@choose.mistake("A named backend was given tensors on a device that it does not take. Refuse it.", see=TABLE)
def named_without_device(wanted, device, backends):
    return pick(wanted, able(device, backends), backends, able(device, backends, by_device=False))


@choose.mistake("A named backend was returned although there is a reason why it cannot run.", see=TABLE)
def named_without_reason(wanted, device, backends):
    return pick(wanted, able(device, backends), backends, able(device, backends, by_reason=False))


@choose.mistake("auto took the last backend that can run. They come best first.", see=IDEA)
def last(wanted, device, backends):
    return pick(wanted, able(device, backends)[::-1], backends, able(device, backends))


@choose.mistake(
    "The names were sorted before auto chose. Their order in the dictionary is the order of preference.",
    see=IDEA,
)
def by_alphabet(wanted, device, backends):
    return pick(wanted, sorted(able(device, backends)), backends, able(device, backends))


look_up = Hole("look_up")

ROWS = {
    "eager": {"rope": "plain rope", "norm": "plain norm", "loss": "plain loss"},
    "cpp": {"norm": "norm in C"},
    "triton": {"norm": "norm on a GPU", "rope": "rope on a GPU", "draft": "not yet an operation"},
}
look_up.case("a backend's own", "norm in C", rows=ROWS, backend="cpp", operation="norm")
look_up.case("a backend's own", "rope on a GPU", rows=ROWS, backend="triton", operation="rope")
look_up.case("a gap", "plain rope", rows=ROWS, backend="cpp", operation="rope")
look_up.case("a gap", "plain loss", rows=ROWS, backend="triton", operation="loss")
look_up.case("eager itself", "plain norm", rows=ROWS, backend="eager", operation="norm")
look_up.case("no operation", Raises(AttributeError), rows=ROWS, backend="cpp", operation="rpoe")
look_up.case("no operation", Raises(AttributeError), rows=ROWS, backend="triton", operation="draft")
look_up.case("no operation", Raises(AttributeError), rows=ROWS, backend="cpp", operation="draft")


def merged(rows, backend, operation):
    """Lay the backend's row over eager's, and strike out what eager lacks."""
    row = dict(rows["eager"])
    for name, entry in rows[backend].items():
        if name in row:
            row[name] = entry
    return row[operation] if operation in row else Raises(AttributeError)


@look_up.against(merged, "random rows", seeds=12)
def some_rows(rng):
    names = ["p", "q", "r", "s"]
    rows = {
        backend: {name: f"{backend}.{name}" for name in names if rng.random() < 0.6}
        for backend in ("eager", "one", "two")
    }
    return {
        "rows": rows,
        "backend": ["one", "two"][int(rng.integers(2))],
        "operation": str(rng.choice(names)),
    }


def unknown():
    raise AttributeError("no operation")


@look_up.mistake(
    "A gap in the row is an error in your table. The plain version fills it: a backend may be used from"
    " its first kernel on.",
    see=IDEA,
)
def no_gaps(rows, backend, operation):
    if operation not in rows["eager"] or operation not in rows[backend]:
        unknown()
    return rows[backend][operation]


@look_up.mistake(
    "The plain version was taken wherever there is one: the backend never gets to compute.", see=IDEA
)
def always_plain(rows, backend, operation):
    return rows["eager"][operation] if operation in rows["eager"] else unknown()


@look_up.mistake(
    "What the backend alone has was taken for an operation. The row eager says what is one, or else the"
    " model runs on this backend only.",
    see=TABLE,
)
def backend_alone(rows, backend, operation):
    row = rows["eager"] | rows[backend]
    return row[operation] if operation in row else unknown()


@look_up.mistake(
    "For what is no operation, None was returned. It will be called, far from here: raise.", see=TABLE
)
def none_for_unknown(rows, backend, operation):
    if operation not in rows["eager"]:
        return None
    return rows[backend].get(operation, rows["eager"][operation])


@look_up.mistake(
    "For what is no operation, a KeyError with the bare name is raised. The table stands for a module:"
    " raise AttributeError, and say what there is.",
    see=TABLE,
)
def key_error(rows, backend, operation):
    plain = rows["eager"][operation]
    return rows[backend].get(operation, plain)


@look_up.mistake("A gap was filled from another fused row. The plain version fills it.", see=IDEA)
def another_row(rows, backend, operation):
    if operation not in rows["eager"]:
        unknown()
    others = (row for name, row in rows.items() if name != "eager")
    return next(row[operation] for row in (rows[backend], *others, rows["eager"]) if operation in row)
