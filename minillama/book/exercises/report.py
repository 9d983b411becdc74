"""What the reader is told: a `Finding` for each function, together a `Report`; as text, Markdown or JSON."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass
from typing import Any

WIDTH = 92
RIGHT, BLANK, MISTAKE, WRONG, ERROR, STOPPED = "right", "not started", "mistake", "wrong", "error", "stopped"


@dataclass(frozen=True)
class Finding:
    """What was found out about one function.

    Parameters
    ----------
    hole : str
        The function's name, or "work.py" where the file as a whole does not run.
    status : str
        "right", "not started", "mistake" (a named one), "wrong", "error" (the code raised), "stopped" (it
        took too long, or ended the process).
    says : str
        In words, one paragraph.
    given, expected, found : str
        The smallest failing case as code; empty where there is none.
    trace : str
        Where the reader's code raised.
    mistake : str
        The named mistake's name.
    see : str
        Heading of the chapter's section that explains it.
    passed : tuple of str
        Stages that are right.
    printed : str
        What the code printed.
    """

    hole: str
    status: str
    says: str
    given: str = ""
    expected: str = ""
    found: str = ""
    trace: str = ""
    mistake: str = ""
    see: str = ""
    passed: tuple[str, ...] = ()
    printed: str = ""


@dataclass(frozen=True)
class Report:
    """The answer to "is my solution right?"; it shows itself on a terminal and in a notebook.

    Parameters
    ----------
    id : str
    chapter : str
        The chapter's slug.
    findings : tuple of Finding
    """

    id: str
    chapter: str
    findings: tuple[Finding, ...]

    @property
    def right(self) -> bool:
        """Whether the exercise is done."""
        return bool(self.findings) and all(finding.status == RIGHT for finding in self.findings)

    @property
    def blank(self) -> bool:
        """Whether nothing has been written yet."""
        return all(finding.status == BLANK for finding in self.findings)

    def to_json(self) -> str:
        """Return the report as one line of JSON."""
        return json.dumps({**asdict(self), "right": self.right})

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        findings = (Finding(**{**f, "passed": tuple(f["passed"])}) for f in fields["findings"])
        return cls(fields["id"], fields["chapter"], tuple(findings))

    def __str__(self) -> str:
        return "\n\n".join(self.text(finding) for finding in self.findings)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return "\n\n".join(self._markdown(finding) for finding in self.findings)

    def headline(self, finding: Finding) -> str:
        """Return the finding in one line."""
        word = {RIGHT: "right", BLANK: "not started", ERROR: "raises an error", STOPPED: "stopped"}
        return f"{self.id} {finding.hole}: {word.get(finding.status, 'not right yet')}"

    def pointer(self, finding: Finding) -> str:
        """Return where in the book to read on, or an empty string."""
        return f"Read: chapter {self.chapter[:2]}, “{finding.see}”." if finding.see else ""

    def text(self, finding: Finding) -> str:
        """Return a finding for a terminal."""
        words = [textwrap.fill(part, WIDTH) for part in (finding.says, self.pointer(finding)) if part]
        blocks = [self.headline(finding), "\n".join(words), _case(finding), finding.trace, *_notes(finding)]
        return "\n\n".join(block for block in blocks if block)

    def _markdown(self, finding: Finding) -> str:
        """Return a finding for a notebook."""
        mark = "✓" if finding.status == RIGHT else "○" if finding.status == BLANK else "✗"
        code = [f"```python\n{block}\n```" for block in (_case(finding), finding.trace) if block]
        said = f"{finding.says} {self.pointer(finding)}".strip()
        notes = [f"```text\n{note}\n```" for note in _notes(finding)]
        return "\n\n".join([f"**{mark} {self.headline(finding)}**", said, *code, *notes])


def _case(finding: Finding) -> str:
    """Return the failing case, each part under its label."""
    rows = [("given", finding.given), ("expected", finding.expected), ("found", finding.found)]
    return "\n".join(
        textwrap.indent(text, " " * 11).replace(" " * 11, f"  {label:<9}", 1) for label, text in rows if text
    )


def _notes(finding: Finding) -> list[str]:
    """Return what is said after the case: stages already right, and the code's own output."""
    notes = []
    if finding.passed and finding.status != RIGHT:
        notes.append(
            textwrap.fill("already right: " + "; ".join(finding.passed), WIDTH, subsequent_indent="  ")
        )
    if finding.printed:
        notes.append("your code printed:\n" + textwrap.indent(finding.printed.rstrip(), "  "))
    return notes
