"""What a compiler's text tells of a kernel: registers, spills, and how wide its loads and stores are.

A warp reads memory fastest where each thread asks for 16 bytes at once. Triton does so where it can prove
that addresses are aligned and neighbours: a stride that it knows nothing of, or a mask that cuts through a
thread's elements, makes the accesses narrow, and the kernel slow, and no value shows it. The text does:

    PTX       ld.global.v4.b32   cp.async.cg ..., 16       four words of 32 bits: 16 bytes
    GCN       global_load_dwordx4   buffer_load_dwordx4    the same

What is counted are instructions of the text, each once however often a loop runs it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

WIDE = 16
"""Bytes a thread at once, at best."""


class Access(NamedTuple):
    """One kind of access to global memory: "load" or "store", bytes a thread, how many times."""

    kind: str
    bytes: int
    times: int


_PTX = re.compile(r"\b(ld|st|atom|red)\.global(?:\.[\w:]+)*?(?:\.v(\d))?\.[a-z]+(\d+)\b")
_PTX_COPY = re.compile(r"\bcp\.async\.c[ag]\.shared\.global[^,]*,[^,]*, (0x[0-9a-f]+|\d+)")
_GCN = re.compile(r"^\s*(?:global|buffer|flat)_(load|store|atomic\w*?)_(\w+)", re.MULTILINE)
_GCN_BYTES = {"ubyte": 1, "sbyte": 1, "byte": 1, "ushort": 2, "sshort": 2, "short": 2, "dword": 4}


def accesses(text: str) -> list[Access]:
    """Return the accesses to global memory that PTX or GCN assembly holds, widest first.

    Parameters
    ----------
    text : str
        Of one kernel.

    Returns
    -------
    list of Access
        Atomic operations count as stores.

    Examples
    --------
    >>> accesses("@%p1 ld.global.v4.b32 { ... }, [ %rd1 + 0 ];  st.global.b16 [ %rd2 + 0 ], { %rs1 };")
    [Access(kind='load', bytes=16, times=1), Access(kind='store', bytes=2, times=1)]
    >>> accesses("  buffer_load_dwordx2 v[0:1], v2, s[0:3], 0 offen")
    [Access(kind='load', bytes=8, times=1)]
    """
    found = Counter(_ptx(text) if ".target sm_" in text or ".global" in text else _gcn(text))
    order = sorted(found.items(), key=lambda item: (item[0][0], -item[0][1]))
    return [Access(kind, size, times) for (kind, size), times in order]


def narrow(found: Iterable[Access], kind: str) -> int:
    """Return how many bytes of a thread's loads (or stores) come less than 16 at a time.

    Examples
    --------
    >>> narrow([Access("load", 16, 3), Access("load", 4, 4), Access("store", 2, 1)], "load")
    16
    """
    return sum(a.bytes * a.times for a in found if a.kind == kind and a.bytes < WIDE)


def _ptx(text: str) -> Iterator[tuple[str, int]]:
    for kind, vector, bits in _PTX.findall(text):
        yield ("load" if kind == "ld" else "store"), int(vector or 1) * int(bits) // 8
    for size in _PTX_COPY.findall(text):
        yield "load", int(size, 0)


def _gcn(text: str) -> Iterator[tuple[str, int]]:
    for kind, what in _GCN.findall(text):
        words = re.search(r"dwordx(\d)", what)
        size = 4 * int(words[1]) if words else next(n for name, n in _GCN_BYTES.items() if name in what)
        yield ("load" if kind == "load" else "store"), size
