r"""A benchmark of one's own: a file with one question a line.

    {"question": "Which river runs through Rome?", "answers": ["Tiber", "the Tiber River"]}
    {"question": "Is tea hot?", "answer": "yes", "choices": ["yes", "no"]}

With choices it is multiple choice, without them the model writes its answer; one file holds one kind.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .prompts import Example

LARGEST = 64 * 2**20
"""Bytes that a task file may have."""
KEYS = {"question", "answer", "answers", "choices"}


def read_task(path: str | Path) -> list[Example]:
    """Read the questions of a task file.

    Parameters
    ----------
    path : path
        JSON lines in UTF-8, as above; empty lines are passed over.

    Returns
    -------
    list of Example
        All with choices, or none.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is larger than `LARGEST`, or holds something else: the text names the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tea.jsonl")
    ...     _ = path.write_text('{"question": "Is tea hot?", "answer": "yes", "choices": ["yes", "no"]}')
    ...     read_task(path)
    [Example(question='Is tea hot?', answers=('yes',), choices=('yes', 'no'))]
    """
    path = Path(path)
    size = path.stat().st_size
    if size > LARGEST:
        raise ValueError(f"{path} has {size:,} bytes: expected at most {LARGEST:,}")
    examples: list[Example] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            try:
                examples.append(_example(json.loads(line)))
            except (ValueError, RecursionError) as error:  # broken JSON, wrong UTF-8, and ours
                raise ValueError(f"{path}, line {number}: {error}") from None
            if bool(examples[-1].choices) != bool(examples[0].choices):
                raise ValueError(f"{path}, line {number}: expected choices in all lines, or in none")
    if not examples:
        raise ValueError(f"{path} holds no question: expected one a line, as JSON")
    return examples


def _example(row: Any) -> Example:
    """Check one line and make it an example."""
    if not isinstance(row, dict) or "question" not in row or not set(row) <= KEYS:
        raise ValueError(
            f"expected an object with question, answer or answers, and choices; found {row!r:.80}"
        )
    if ("answer" in row) == ("answers" in row):
        raise ValueError("expected either answer, one text, or answers, a list")
    answers = [row["answer"]] if "answer" in row else row["answers"]
    choices = row.get("choices", [])
    for name, value in (("question", [row["question"]]), ("answers", answers), ("choices", choices)):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ValueError(f"{name} is {value!r:.80}: expected text")
    if len(set(choices)) < len(choices) or len(choices) == 1:
        raise ValueError(f"choices are {choices!r:.80}: expected two or more, all different")
    return Example(row["question"], tuple(answers), tuple(choices))
