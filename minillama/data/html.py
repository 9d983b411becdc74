"""From a web page to its text: decode the bytes, then let trafilatura find what the page is about.

Extraction is a field of its own (which of fifty boxes is the article?), so a well-kept library does it. It
comes with the extra `data`. What is left here is what a crawl needs beside it: an encoding that is found by
rule and never by guess, and a bound on the size.

References: the HTML standard, section 13.2.3, for the order of the encoding rules; A. Barbaresi (2021),
*Trafilatura*, ACL system demonstrations.
"""

from __future__ import annotations

import codecs
import logging
import re
from typing import Any

MAX_PAGE = 2 << 20  # bytes; Common Crawl itself cuts pages at 1 MiB
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LOOK_AT = (
    4096  # bytes in which a page may declare its encoding; the standard says 1024, pages know no standard
)


class MissingExtra(ValueError):
    """A library that only data work needs is not installed; the message gives the command."""


def extra(module: str) -> Any:
    """Import a library of the extra `data`.

    Raises
    ------
    MissingExtra
        (a ValueError) If it cannot be imported.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"this needs {module}, which the extra `data` brings: pip install 'minillama[data]' ({error})"
        ) from None


def decode_page(page: bytes) -> str:
    """Decode a page as browsers do: by its byte order mark, by what it declares, as UTF-8, or as cp1252.

    Parameters
    ----------
    page : bytes

    Returns
    -------
    str
        A declaration is believed only if the bytes agree with it.

    Raises
    ------
    UnicodeError
        (a ValueError) If no rule fits the bytes.

    Examples
    --------
    >>> decode_page("três".encode()), decode_page("três".encode("latin-1"))
    ('três', 'três')
    >>> decode_page('<meta charset="koi8-r">мир'.encode("koi8-r"))
    '<meta charset="koi8-r">мир'
    """
    for mark, encoding in _MARKS:
        if page.startswith(mark):
            return page[len(mark) :].decode(encoding)
    declared = _CHARSET.search(page[:_LOOK_AT])
    names = [declared[1].decode("ascii")] if declared else []
    for name in [*names, "utf-8", "cp1252"]:
        try:
            text = page.decode(name)
        except (LookupError, ValueError):  # no such encoding, or other bytes than it has
            continue
        if isinstance(text, str) and "\0" not in text:
            return text
    raise UnicodeError("the bytes fit neither the encoding that the page declares, nor UTF-8, nor cp1252")


def extract_text(page: str) -> str:
    """Return the main text of a web page, one paragraph a line; empty if there is none.

    Menus, banners, footers, tables and readers' comments are left out.

    Parameters
    ----------
    page : str
        HTML, well-formed or not.

    Raises
    ------
    MissingExtra
        (a ValueError) If trafilatura is not installed.
    """
    library = extra("trafilatura")
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page without text is no news in a crawl
    found = library.extract(
        page, fast=True, favor_precision=True, include_comments=False, include_tables=False
    )
    return found or ""
