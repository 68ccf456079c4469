"""Import and export course overrides as CSV, all lines of a file or none.

The header has ``course_key`` and any of the other columns, in any order; then one course per line. What a file has no
column for stays as it is. Commas or semicolons, with or without a byte-order mark. An export never runs as a
spreadsheet formula, and reads back unchanged.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from percipio_openedx.catalog.files import as_csv, original
from percipio_openedx.enums import Offer
from percipio_openedx.models.catalog import CourseOverride, all_runs_of, outdate

COLUMNS = ("course_key", "is_reported", "content_id", "offer", "title", "type", "duration", "tags", "author")
# What of an override statements depend on.
SHAPING = frozenset({"is_reported", "content_id", "offer"})
BOOLEANS = {
    "": True,
    **dict.fromkeys(("true", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "no", "n", "0"), False),
}
MOST_BYTES = 32 * 1024 * 1024
MOST_PROBLEMS = 100
DURATION = re.compile(r"[0-9]{1,9}")
AT_ONCE = 500


class OverrideFile(NamedTuple):
    """The overrides in a file, unsaved, and the columns that it has."""

    columns: tuple[str, ...]
    rows: list[CourseOverride]


@dataclass(frozen=True, slots=True)
class Taken:
    """Numbers of new, changed and unchanged overrides; ``freed`` are the courses reported again."""

    new: int
    changed: int
    same: int
    freed: tuple[str, ...]


def read(raw: bytes) -> OverrideFile:
    """Return the overrides in a file.

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
    return OverrideFile(tuple(names), [answer for _line, answer in found.values()])


def _take_up(found: dict[str, tuple[int, CourseOverride]], line: int, row: dict[str, str]) -> list[ValidationError]:
    values = {name: original(cell.strip()) for name, cell in row.items()}
    is_reported = BOOLEANS.get(values.get("is_reported", "").lower())
    texts = {name: value for name, value in values.items() if name not in ("is_reported", "duration")}
    answer = CourseOverride(**{**texts, "offer": texts.get("offer", "").lower()}, is_reported=is_reported is not False)
    is_number = DURATION.fullmatch(values.get("duration", ""))
    answer.duration = int(values["duration"]) if is_number else None
    mistakes: dict[str, list[str]] = {}
    try:
        answer.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        mistakes = error.message_dict
    if is_reported is None:
        mistakes["is_reported"] = [_("must be true or false")]
    if values.get("duration") and not is_number:
        mistakes["duration"] = [_("must be a whole number of seconds")]
    # The database may ignore case.
    before, _answer = found.setdefault(answer.course_key.casefold(), (line, answer))
    if before != line:
        mistakes["course_key"] = [_("is in line %(line)s already") % {"line": before}]
    return [_problem(line, name, " ".join(texts)) for name, texts in mistakes.items()]


def _problem(line: int, field: str, problem: str) -> ValidationError:
    text = _("line %(line)s, %(field)s: %(problem)s") if field else _("line %(line)s: %(problem)s")
    return ValidationError(text, params={"line": line, "field": field, "problem": problem})


def take(file: OverrideFile, *, dry_run: bool = False) -> Taken:
    """Store overrides from ``read`` (each course once) in one transaction, or only count; other courses keep theirs."""
    columns = [name for name in file.columns if name != "course_key"]
    new, changed = _store(file.rows, columns, dry_run=dry_run)
    freed = (row.course_key for row, others in changed.items() if "is_reported" in others and row.is_reported)
    return Taken(len(new), len(changed), len(file.rows) - len(new) - len(changed), tuple(freed))


def offer(course_keys: Iterable[str], decision: Offer) -> list[CourseOverride]:
    """Offer course runs to Percipio's catalog, or withdraw them; return the overrides that changed.

    A run without an override of its own gets one that reports it, or not, as that for all runs of its course does.
    """
    with transaction.atomic():
        # The database may ignore case.
        rows = {row.course_key.casefold(): row.is_reported for row in CourseOverride.objects.select_for_update()}
        answers = [
            CourseOverride(course_key=key, is_reported=rows.get(all_runs_of(key).casefold(), True), offer=decision)
            for key in sorted(set(course_keys))
        ]
        new, changed = _store(answers, ["offer"])
    # With their keys, which some databases do not return.
    made = CourseOverride.objects.in_bulk([row.course_key for row in new], field_name="course_key")
    return [*changed, *made.values()]


def _store(
    answers: Sequence[CourseOverride], columns: Sequence[str], *, dry_run: bool = False
) -> tuple[list[CourseOverride], dict[CourseOverride, set[str]]]:
    """Store these columns of the answers in one transaction; return the new and the changed rows, with what changed."""
    new: list[CourseOverride] = []
    changed: dict[CourseOverride, set[str]] = {}
    with transaction.atomic():
        rows = {row.course_key.casefold(): row for row in CourseOverride.objects.select_for_update()}
        for answer in answers:
            row = rows.get(answer.course_key.casefold())
            if row is None:
                new.append(answer)
            elif others := {name for name in columns if getattr(row, name) != getattr(answer, name)}:
                for name in others:
                    setattr(row, name, getattr(answer, name))
                row.updated_at = timezone.now()
                changed[row] = others
        if not dry_run:
            CourseOverride.objects.bulk_create(new, batch_size=AT_ONCE)
            CourseOverride.objects.bulk_update(changed, [*columns, "updated_at"], batch_size=AT_ONCE)
            shaping = [row.course_key for row, others in changed.items() if others & SHAPING]
            outdate([row.course_key for row in new] + shaping)
    return new, changed


def stored() -> list[dict[str, object]]:
    """Return all overrides, by course."""
    return list(CourseOverride.objects.order_by("course_key").values(*COLUMNS))


def written() -> str:
    """Return all overrides as the CSV that ``read`` takes."""
    rows = (
        [
            "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            for value in row.values()
        ]
        for row in stored()
    )
    return as_csv([COLUMNS, *rows])
