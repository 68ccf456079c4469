"""What was decided for single courses, in and out as CSV: all lines of a file, or none.

A file has a head line with ``course_key`` and any of ``is_reported`` and ``content_id``, in any order, then one course
a line. Commas or semicolons; a byte-order mark does no harm.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from percipio_openedx.models.configuration import CourseOverride, outdate
from percipio_openedx.operations import spreadsheets

COLUMNS = ("course_key", "is_reported", "content_id")
WORDS = {"": True, "true": True, "yes": True, "y": True, "1": True, "false": False, "no": False, "n": False, "0": False}
MOST_BYTES = 32 * 1024 * 1024
MOST_PROBLEMS = 100
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """How many answers are new, changed, and were so before; ``freed`` are the courses now reported again."""

    new: int
    changed: int
    same: int
    freed: tuple[str, ...]


def read(raw: bytes) -> list[CourseOverride]:
    """Return the answers of a file, not saved.

    Raises:
        ValidationError: all that is wrong, at most 100 problems, each with its line (the head is line 1), its column
            (``''`` for the line as a whole) and what is expected; the three are also its ``params``.
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
            text = _("the first line must name the columns, each once: %(columns)s")
            raise _problem(1, "", text % {"columns": ",".join(COLUMNS)})
        for row in reader:
            if len(problems) >= MOST_PROBLEMS:
                problems.append(_problem(reader.line_num, "", _("there are more problems after this")))
                break
            cells = [cell.strip() for cell in row.values() if isinstance(cell, str)]
            if any(cells) or None in row:
                problems += _taken_up(found, reader.line_num, row, is_whole=len(cells) == len(names) == len(row))
    except csv.Error as error:
        problems.append(_problem(max(1, reader.reader.line_num), "", _("is no CSV: %(error)s") % {"error": error}))
    if problems:
        raise ValidationError(problems)
    return [answer for _line, answer in found.values()]


def _taken_up(
    found: dict[str, tuple[int, CourseOverride]], line: int, row: dict[str, str], *, is_whole: bool
) -> list[ValidationError]:
    """Add the answer of a row to those that were found; return what is wrong with it instead."""
    if not is_whole:
        return [_problem(line, "", _("has not as many columns as the first line"))]
    values = {name: spreadsheets.original(cell.strip()) for name, cell in row.items()}
    word = values.get("is_reported", "").lower()
    answer = CourseOverride(
        course_key=values["course_key"], is_reported=WORDS.get(word, True), content_id=values.get("content_id", "")
    )
    wrong: dict[str, list[str]] = {}
    try:
        answer.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        wrong = error.message_dict
    if word not in WORDS:
        wrong["is_reported"] = [_("must be true or false")]
    # The database may not tell upper from lower case.
    before, _answer = found.setdefault(answer.course_key.casefold(), (line, answer))
    if before != line:
        wrong["course_key"] = [_("is in line %(line)s already") % {"line": before}]
    return [_problem(line, name, " ".join(texts)) for name, texts in wrong.items()]


def _problem(line: int, field: str, problem: str) -> ValidationError:
    text = _("line %(line)s, %(field)s: %(problem)s") if field else _("line %(line)s: %(problem)s")
    return ValidationError(text, params={"line": line, "field": field, "problem": problem})


def take(answers: Sequence[CourseOverride], *, dry_run: bool = False) -> Taken:
    """Store answers of ``read``, in one transaction. Courses that are not among them keep theirs.

    Arguments:
        answers: each course once.
        dry_run: count only.
    """
    new: list[CourseOverride] = []
    changed: list[CourseOverride] = []
    freed: list[str] = []
    with transaction.atomic():
        stored = {row.course_key.casefold(): row for row in CourseOverride.objects.select_for_update()}
        for answer in answers:
            row = stored.get(answer.course_key.casefold())
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
    """Return every answer, by course."""
    return list(CourseOverride.objects.order_by("course_key").values(*COLUMNS))


def written() -> str:
    """Return every answer as the CSV that ``read`` takes."""
    rows = [
        [str(value).lower() if value in (True, False) else str(value) for value in row.values()] for row in stored()
    ]
    return spreadsheets.written([COLUMNS, *rows])
