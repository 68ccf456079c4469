"""CSV files: cells that no spreadsheet runs as formulas, and the header rows of Percipio's own templates.

The one place that writes CSV, for every export of the plugin.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.utils.translation import gettext as _

from percipio_openedx.exceptions import PercipioError

# "500 KB a file" (Percipio's external learning import), in the smaller of the two meanings.
MOST_BYTES = 500_000
MOST_TEMPLATE = 1024 * 1024

# Characters that start a formula (OWASP, "CSV Injection"); the last four are wide forms of the first, which some
# programs convert. With another separator than ours a cell may begin in the middle of one.
_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_AT_FIRST = re.compile(f"^( *)('*[{_STARTS}\t\r\n])")
_INSIDE = re.compile(f"([;,|\t\r\n] *)('*[{_STARTS}])")
# What Percipio's templates, and its help, write in between in different ways.
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV for every export, quoting every cell: Python 3.11 misses that a carriage return needs it."""
    return "".join(_line(row) for row in rows)


def _line(row: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow([harmless(cell) for cell in row])
    return out.getvalue()


def in_parts(head: Sequence[str], rows: Iterable[Sequence[str]], most: int = MOST_BYTES) -> Iterator[str]:
    """Yield the rows as CSV files of at most ``most`` bytes in UTF-8, each with the header; none without a row."""
    first = _line(head)
    part, size = [first], len(first.encode())
    for row in rows:
        line = _line(row)
        length = len(line.encode())
        if len(part) > 1 and size + length > most:
            yield "".join(part)
            part, size = [first], len(first.encode())
        part.append(line)
        size += length
    if len(part) > 1:
        yield "".join(part)


def harmless(cell: str) -> str:
    """Return a cell as text, with an apostrophe before anything that would be a formula."""
    return _AT_FIRST.sub(r"\1'\2", _INSIDE.sub(r"\1'\2", cell))


def original(cell: str) -> str:
    """Undo ``harmless``."""
    return _INSIDE.sub(_unquoted, _AT_FIRST.sub(_unquoted, cell))


def _unquoted(found: re.Match[str]) -> str:
    return found[1] + found[2].removeprefix("'")


def header(template: bytes) -> list[str]:
    """Return the column names of a template that an operator downloaded, letter by letter; ``PercipioError`` if none.

    Percipio ignores a column whose name differs from its template's.
    """
    try:
        text = template[:MOST_TEMPLATE].decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PercipioError(_("the template is not UTF-8; save it as CSV UTF-8")) from None
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","
    try:
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        names = []
    while names and not names[-1].strip():
        names.pop()
    if not names or not all(name.strip() for name in names):
        raise PercipioError(_("the template's first line does not name its columns"))
    return names


def columns(names: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the place of each known column among a header's names.

    ``known`` maps our name of a column to others that it may have; case, blanks, underscores and signs (the
    stars of mandatory columns) do not count. Of two columns alike, the first one is taken.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(_folded(name), place)
    found = {}
    for column, others in known.items():
        fitting = [places[_folded(name)] for name in (column, *others) if _folded(name) in places]
        if fitting:
            found[column] = fitting[0]
    return found


def filled(width: int, places: Mapping[str, int], values: Mapping[str, str]) -> list[str]:
    """Return a row of ``width`` cells with the values in their places; all others are empty."""
    row = [""] * width
    for column, place in places.items():
        row[place] = values.get(column, "")
    return row


def _folded(name: str) -> str:
    return _BETWEEN_WORDS.sub("", name).casefold()
