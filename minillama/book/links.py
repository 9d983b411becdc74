"""Links between chapters, exercises and pages, in the two forms that they need.

A chapter's source has links as the site has them, to pages: `05_rmsnorm.md`,
`../exercises/05_1_rms_norm.md`, `../floor.md`. In the notebook they lead to files of the repository, so that
they work in JupyterLab and on a code host: `05_rmsnorm.ipynb`, `../exercises/05_1_rms_norm/task.py`,
`../docs/floor.md`. Other links stay as they are.
"""

from __future__ import annotations

import re

_LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
_CHAPTER = r"(\d\d_[a-z0-9_]+)"
_EXERCISE = r"(\d\d_\d+_[a-z0-9_]+)"
_PAGE = r"((?!docs/)[a-z]\w*(?:/\w+)*\.md)"

_Rules = tuple[tuple[re.Pattern[str], str], ...]
_TO_FILES: _Rules = (
    (re.compile(rf"{_CHAPTER}\.md"), r"\1.ipynb"),
    (re.compile(rf"\.\./exercises/{_EXERCISE}\.md"), r"../exercises/\1/task.py"),
    (re.compile(rf"\.\./{_PAGE}"), r"../docs/\1"),
)
_TO_PAGES: _Rules = (
    (re.compile(rf"{_CHAPTER}\.ipynb"), r"\1.md"),
    (re.compile(rf"\.\./exercises/{_EXERCISE}(?:/|/task\.py)?"), r"../exercises/\1.md"),
    (re.compile(rf"\.\./docs/{_PAGE}"), r"../\1"),
)


def links_to_files(text: str) -> str:
    """Point links at the repository's files.

    Examples
    --------
    >>> links_to_files("[05](05_rmsnorm.md#why), [05.1](../exercises/05_1_rms_norm.md), [proof](../floor.md)")
    '[05](05_rmsnorm.ipynb#why), [05.1](../exercises/05_1_rms_norm/task.py), [proof](../docs/floor.md)'
    """
    return _rewritten(text, _TO_FILES)


def links_to_pages(text: str) -> str:
    """Point links at the site's pages.

    Examples
    --------
    >>> links_to_pages("[05](05_rmsnorm.ipynb#why), [05.1](../exercises/05_1_rms_norm/task.py)")
    '[05](05_rmsnorm.md#why), [05.1](../exercises/05_1_rms_norm.md)'
    """
    return _rewritten(text, _TO_PAGES)


def _rewritten(text: str, rules: _Rules) -> str:
    """Apply the first rule that fits to each link's target."""

    def other_form(link: re.Match[str]) -> str:
        for pattern, form in rules:
            if found := pattern.fullmatch(link["target"]):
                return found.expand(form) + (link["anchor"] or "")
        return link[0]

    return _LINK.sub(other_form, text)
