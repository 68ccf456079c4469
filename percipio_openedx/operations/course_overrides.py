"""Import and export course overrides as CSV, all lines of a file or none.

The header has ``course_key`` and any of ``is_reported`` and ``content_id``, in any order; then one course per line.
Commas or semicolons, with or without a byte-order mark. An export never runs as a spreadsheet formula, and reads back
unchanged.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from percipio_openedx.models.configuration import CourseOverride, outdate

COLUMNS = ("course_key", "is_reported", "content_id")
BOOLEANS = {
    "": True,
    **dict.fromkeys(("true", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "no", "n", "0"), False),
}
MOST_BYTES = 32 * 1024 * 1024
MOST_PROBLEMS = 100
AT_ONCE = 500

# Characters that start a formula (OWASP, "CSV Injection"); the last four are wide forms of the first, which some
# programs convert. With another separator than ours a cell may begin in the middle of one.
_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_AT_FIRST = re.compile(f"^( *)('*[{_STARTS}\t\r\n])")
_INSIDE = re.compile(f"([;,|\t\r\n] *)('*[{_STARTS}])")


@dataclass(frozen=True, slots=True)
class Taken:
    """Numbers of new, changed and unchanged overrides; ``freed`` are the courses reported again."""

    new: int
    changed: int
    same: int
    freed: tuple[str, ...]


def read(raw: bytes) -> list[CourseOverride]:
    """Return the overrides in a file, unsaved.

    Raises:
        ValidationError: at most 100 problems, each with its line (the header is line 1), its column (``''`` for the
            whole line) and what is expected, also as ``params``.
    """
    if len(raw) > MOST_BYTES:
        raise _problem(1, "", _("the file is larger than %(size)s MiB") % {"size": MOST_BYTES // 1024 // 1024})
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _problem(line, "", _("is not UTF-8; save the file as CSV UTF-8")) from None
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: dict[str, tuple[int, CourseOverride]] = {}
    problems: list[ValidationError] = []
    try:
        names = reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        if "course_key" not in names or not set(names) <= set(COLUMNS) or len(set(names)) < len(names):
            wanted = _("the first line must name the columns, each once: %(columns)s")
            raise _problem(1, "", wanted % {"columns": ",".join(COLUMNS)})
        for row in reader:
            if len(problems) >= MOST_PROBLEMS:
                problems.append(_problem(reader.line_num, "", _("there are more problems after this")))
                break
            cells = [cell.strip() for cell in row.values() if isinstance(cell, str)]
            if len(cells) == len(names) == len(row):
                problems += _take_up(found, reader.line_num, row) if any(cells) else []
            elif any(cells) or None in row:
                problems.append(_problem(reader.line_num, "", _("has not as many columns as the first line")))
    except csv.Error as error:
        problems.append(_problem(max(1, reader.reader.line_num), "", _("is no CSV: %(error)s") % {"error": error}))
    if problems:
        raise ValidationError(problems)
    return [answer for _line, answer in found.values()]


def _take_up(found: dict[str, tuple[int, CourseOverride]], line: int, row: dict[str, str]) -> list[ValidationError]:
    values = {name: original(cell.strip()) for name, cell in row.items()}
    is_reported = BOOLEANS.get(values.get("is_reported", "").lower())
    answer = CourseOverride(
        course_key=values["course_key"], is_reported=is_reported is not False, content_id=values.get("content_id", "")
    )
    mistakes: dict[str, list[str]] = {}
    try:
        answer.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        mistakes = error.message_dict
    if is_reported is None:
        mistakes["is_reported"] = [_("must be true or false")]
    # The database may ignore case.
    before, _answer = found.setdefault(answer.course_key.casefold(), (line, answer))
    if before != line:
        mistakes["course_key"] = [_("is in line %(line)s already") % {"line": before}]
    return [_problem(line, name, " ".join(texts)) for name, texts in mistakes.items()]


def _problem(line: int, field: str, problem: str) -> ValidationError:
    text = _("line %(line)s, %(field)s: %(problem)s") if field else _("line %(line)s: %(problem)s")
    return ValidationError(text, params={"line": line, "field": field, "problem": problem})


def take(answers: Sequence[CourseOverride], *, dry_run: bool = False) -> Taken:
    """Store overrides from ``read`` (each course once) in one transaction, or only count; other courses keep theirs."""
    new: list[CourseOverride] = []
    changed: list[CourseOverride] = []
    freed: list[str] = []
    with transaction.atomic():
        stored_rows = {row.course_key.casefold(): row for row in CourseOverride.objects.select_for_update()}
        for answer in answers:
            row = stored_rows.get(answer.course_key.casefold())
            if row is None:
                new.append(answer)
            elif (row.is_reported, row.content_id) != (answer.is_reported, answer.content_id):
                freed += [answer.course_key] if answer.is_reported and not row.is_reported else []
                row.is_reported, row.content_id = answer.is_reported, answer.content_id
                row.updated_at = timezone.now()
                changed.append(row)
        if not dry_run:
            CourseOverride.objects.bulk_create(new, batch_size=AT_ONCE)
            CourseOverride.objects.bulk_update(changed, ["is_reported", "content_id", "updated_at"], batch_size=AT_ONCE)
            outdate(row.course_key for row in (*new, *changed))
    return Taken(len(new), len(changed), len(answers) - len(new) - len(changed), tuple(freed))


def stored() -> list[dict[str, object]]:
    """Return all overrides, by course."""
    return list(CourseOverride.objects.order_by("course_key").values(*COLUMNS))


def written() -> str:
    """Return all overrides as the CSV that ``read`` takes."""
    rows = (
        [str(value).lower() if isinstance(value, bool) else str(value) for value in row.values()] for row in stored()
    )
    return as_csv([COLUMNS, *rows])


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV for every export, quoting every cell: Python 3.11 misses that a carriage return needs it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def harmless(cell: str) -> str:
    """Return a cell as text, with an apostrophe before anything that would be a formula."""
    return _AT_FIRST.sub(r"\1'\2", _INSIDE.sub(r"\1'\2", cell))


def original(cell: str) -> str:
    """Undo ``harmless``."""
    return _INSIDE.sub(_unquoted, _AT_FIRST.sub(_unquoted, cell))


def _unquoted(found: re.Match[str]) -> str:
    return found[1] + found[2].removeprefix("'")
