"""Text that is written between two markers of a page that is otherwise written by hand."""

from __future__ import annotations


def between(page: str, begin: str, end: str, text: str) -> str:
    """Return `page` with `text` in place of what stands between two markers, which stay.

    Raises
    ------
    ValueError
        If a marker is missing.

    Examples
    --------
    >>> between("by hand <old> by hand", "<", ">", "new")
    'by hand <new> by hand'
    """
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page lacks a marker: {begin.strip()!r} or {end.strip()!r}")
    return f"{before}{begin}{text}{end}{after}"
