"""Answers for many courses as CSV. Pure: text in, rows or problems out; nothing is read or written here.

A file has a head line with ``course_key`` and any of ``is_reported`` and ``content_id``, in any order, then one course
a line. Commas or semicolons; a byte-order mark does no harm.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.operations import spreadsheets

COLUMNS = ("course_key", "is_reported", "content_id")
ALL_RUNS = "course:"
# Characters that a column of the database holds.
LONGEST = 255
MOST_LINES = 100_000
MOST_PROBLEMS = 100

TRUE_WORDS = frozenset({"", "true", "yes", "y", "1"})
FALSE_WORDS = frozenset({"false", "no", "n", "0"})


@dataclass(frozen=True, slots=True)
class Row:
    """What is decided for one course."""

    course_key: str
    is_reported: bool = True
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, in which line (the head is line 1) and which column (``''`` for the line as a whole)."""

    line: int
    field: str
    problem: str

    def __str__(self) -> str:
        text = _("line %(line)s, %(field)s: %(problem)s") if self.field else _("line %(line)s: %(problem)s")
        return text % {"line": self.line, "field": self.field, "problem": self.problem}


@dataclass(slots=True)
class Parsed:
    """The rows of a file, or what is wrong with it: with any problem there are no rows to take over."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def parse(text: str) -> Parsed:
    """Read a whole file; at most 100 problems are named."""
    parsed = Parsed()
    lines: dict[str, int] = {}
    for found in _read(text.removeprefix("\ufeff")):
        if isinstance(found, Problem):
            parsed.problems.append(found)
            if len(parsed.problems) >= MOST_PROBLEMS:
                parsed.problems.append(Problem(found.line, "", _("there are more problems after this")))
                break
            continue
        line, row = found
        # The database may not tell upper from lower case.
        before = lines.setdefault(row.course_key.casefold(), line)
        if before != line:
            parsed.problems.append(Problem(line, "course_key", _("is in line %(line)s already") % {"line": before}))
        else:
            parsed.rows.append(row)
    if parsed.problems:
        parsed.rows = []
    return parsed


def render(rows: Iterable[Row]) -> str:
    """The file that ``parse`` reads."""
    cells = ((row.course_key, "true" if row.is_reported else "false", row.content_id) for row in rows)
    return spreadsheets.written([COLUMNS, *cells])


def key_problem(course_key: str) -> str:
    """What is wrong with the key of a course or course run; ``''`` if nothing is."""
    if not course_key:
        return _("is empty")
    if len(course_key) > LONGEST:
        return _("is longer than %(count)s characters") % {"count": LONGEST}
    if course_key.startswith(ALL_RUNS):
        org, plus, course = course_key.removeprefix(ALL_RUNS).partition("+")
        is_right = bool(org and plus and course) and "+" not in course and not _has_controls(course_key, spaces=True)
        return "" if is_right else _("must be course:Org+Course")
    try:
        parsed = CourseKey.from_string(course_key)
    except InvalidKeyError:
        parsed = None
    if parsed is None or not parsed.is_course:
        return _("is no course; write course-v1:Org+Course+Run, or course:Org+Course for all runs")
    return "" if str(parsed) == course_key else _("must be written %(key)s") % {"key": parsed}


def content_id_problem(content_id: str) -> str:
    """What is wrong with an id of Percipio's catalogue; ``''`` if nothing is."""
    if len(content_id) > LONGEST:
        return _("is longer than %(count)s characters") % {"count": LONGEST}
    return _("has a line break or another control character") if _has_controls(content_id) else ""


def _read(text: str) -> Iterator[tuple[int, Row] | Problem]:
    head_line = text.partition("\n")[0]
    delimiter = ";" if ";" in head_line and "," not in head_line else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        problem = _head_problem(names)
        if problem:
            yield Problem(1, "", problem)
            return
        for count, cells in enumerate(reader):
            if count >= MOST_LINES:
                yield Problem(reader.line_num, "", _("the file has more than %(count)s lines") % {"count": MOST_LINES})
                return
            if any(cell.strip() for cell in cells):
                yield from _row(reader.line_num, names, cells)
    except csv.Error as error:
        yield Problem(max(1, reader.line_num), "", _("is no CSV: %(error)s") % {"error": error})


def _head_problem(names: list[str]) -> str:
    unknown = [name for name in names if name not in COLUMNS]
    if "course_key" not in names:
        return _("the first line must name the columns: course_key,is_reported,content_id")
    if unknown:
        text = _("unknown column %(name)r; known are %(columns)s")
        return text % {"name": unknown[0][:40], "columns": ", ".join(COLUMNS)}
    return _("a column is named twice") if len(set(names)) < len(names) else ""


def _row(line: int, names: list[str], cells: list[str]) -> Iterator[tuple[int, Row] | Problem]:
    if len(cells) != len(names):
        yield Problem(
            line, "", _("has %(found)s columns instead of %(expected)s") % {"found": len(cells), "expected": len(names)}
        )
        return
    values = dict(zip(names, (spreadsheets.original(cell.strip()) for cell in cells), strict=True))
    problems = list(_problems(line, values))
    yield from problems
    if not problems:
        is_reported = values.get("is_reported", "").lower() in TRUE_WORDS
        yield line, Row(values["course_key"], is_reported, values.get("content_id", ""))


def _problems(line: int, values: Mapping[str, str]) -> Iterator[Problem]:
    if problem := key_problem(values["course_key"]):
        yield Problem(line, "course_key", problem)
    if values.get("is_reported", "").lower() not in TRUE_WORDS | FALSE_WORDS:
        yield Problem(line, "is_reported", _("must be true or false"))
    if problem := content_id_problem(values.get("content_id", "")):
        yield Problem(line, "content_id", problem)


def _has_controls(text: str, *, spaces: bool = False) -> bool:
    # A lone surrogate cannot be stored; it is not printable either.
    return not text.replace(" ", "x").isprintable() or (spaces and " " in text)
