"""CSV files: the catalog in one of two forms, or in the columns of a template of Percipio's. Pure.

The one place that writes CSV, for every export of the plugin; no spreadsheet runs a cell of it as a formula. Sources:
*Importing Content* (the fields of a record) and *Content Bulk Import* (linked content) of Percipio's help.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from percipio_openedx.catalog.items import CatalogItem, Record
from percipio_openedx.enums import CatalogGap
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


# --- the catalog ------------------------------------------------------------------------------------------------------

# "Letters, digits and - @ , $ # only" (linked content).
ALPHABET = re.compile(r"[A-Za-z0-9\-@,$#]+")


class FileForm(StrEnum):
    """In which columns the catalog is written."""

    CONTENT_IMPORT = "content-import"
    LINKED_CONTENT = "linked-content"


# Our name of a column (see ``columns``), other names of it, and those without which Percipio takes no row. The
# last two of linked content belong to items that Percipio has already.
CONTENT_IMPORT = ("content_id", "title", "type", "duration", "language", "url", "description", "tags", "thumbnail_url")
LINKED_CONTENT = ("external_content_id", "new_external_content_id", "content_uuid", "title", "description", "url")
HEADERS = {
    FileForm.CONTENT_IMPORT: (*CONTENT_IMPORT, "author"),
    FileForm.LINKED_CONTENT: (*LINKED_CONTENT, "image_url"),
}
MANDATORY = {
    FileForm.CONTENT_IMPORT: ("content_id", "title", "type", "duration", "language", "url"),
    FileForm.LINKED_CONTENT: ("external_content_id", "title", "description", "url"),
}
KNOWN = {
    "content_id": ("external_content_id",),
    "external_content_id": ("content_id",),
    "thumbnail_url": ("image_url", "thumbnail", "image"),
    "image_url": ("thumbnail_url", "thumbnail", "image"),
    "title": ("content_title",),
    "description": (),
    "url": ("content_url", "link"),
    "type": ("content_type", "asset_type"),
    "duration": ("duration_in_seconds", "duration_seconds"),
    "language": ("locale", "language_code"),
    "tags": ("keywords",),
    "author": (),
}


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """The rows of a file, and what is not in it.

    ``unfilled`` are mandatory columns that the template does not have, ``empty`` the columns of the template that stay
    empty.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: tuple[tuple[CatalogItem, tuple[CatalogGap, ...]], ...] = ()
    unfilled: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def catalog_file(
    catalog: Iterable[tuple[CatalogItem, Record]], form: FileForm, template: Sequence[str] | None = None
) -> CatalogFile:
    """Return the catalog in the columns of a form, or of a template's header; what lacks something is left out."""
    head = tuple(template or HEADERS[form])
    places = columns(head, KNOWN)
    rows, left_out = [], []
    for item, record in catalog:
        gaps = gaps_of(record, form)
        if gaps:
            left_out.append((item, gaps))
        else:
            rows.append(tuple(filled(len(head), places, _values(record))))
    return CatalogFile(
        head=head,
        rows=tuple(rows),
        left_out=tuple(left_out),
        unfilled=tuple(name for name in MANDATORY[form] if name not in places),
        empty=tuple(name for place, name in enumerate(head) if place not in places.values()) if template else (),
    )


def gaps_of(record: Record, form: FileForm) -> tuple[CatalogGap, ...]:
    """Return what keeps an item out of a file of this form."""
    if form is FileForm.CONTENT_IMPORT:
        # A file needs no row of ours.
        return tuple(gap for gap in record.gaps if gap is not CatalogGap.LONG_ID)
    gaps: list[CatalogGap] = [gap for gap in record.gaps if gap in (CatalogGap.TITLE, CatalogGap.URL)]
    if not record.description:
        gaps.append(CatalogGap.DESCRIPTION)
    # An apostrophe before a formula would change the id, and is not in its alphabet either.
    if not ALPHABET.fullmatch(record.content_id) or harmless(record.content_id) != record.content_id:
        gaps.append(CatalogGap.ALPHABET)
    return tuple(gaps)


def _values(record: Record) -> dict[str, str]:
    values = {name: str(value) for name, value in record.document().items()}
    others = {"external_content_id": record.content_id, "image_url": record.thumbnail_url}
    return {**values, **others, "tags": ", ".join(record.tags)}
