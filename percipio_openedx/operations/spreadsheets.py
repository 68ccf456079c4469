"""CSV that spreadsheet programs open: nothing in it runs as a formula, and it is read back unchanged. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

# What programs take for the beginning of a formula (OWASP, "CSV Injection"): the last four are the wide forms of the
# first, which some programs make of them. With another separator than ours, a cell may begin in the middle of one.
_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_AT_FIRST = re.compile(f"^( *)('*[{_STARTS}\t\r\n])")
_INSIDE = re.compile(f"([;,|\t\r\n] *)('*[{_STARTS}])")


def written(rows: Iterable[Sequence[str]]) -> str:
    """The rows as CSV, for every export of this plugin.

    Each cell is quoted: Python 3.11 does not see that one with a carriage return has to be.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def harmless(cell: str) -> str:
    """A cell as text: with an apostrophe before whatever would be a formula."""
    return _AT_FIRST.sub(r"\1'\2", _INSIDE.sub(r"\1'\2", cell))


def original(cell: str) -> str:
    """What ``harmless`` was given."""
    return _INSIDE.sub(_without, _AT_FIRST.sub(_without, cell))


def _without(found: re.Match[str]) -> str:
    return found[1] + found[2].removeprefix("'")
