"""The catalog as a file that an operator uploads to Percipio: in one of two forms, or in a template's columns. Pure.

Sources: *Importing Content* (the fields of a record) and *Content Bulk Import* (linked content) of Percipio's help.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from percipio_openedx.catalog.items import CatalogItem, Record
from percipio_openedx.catalog.sheets import columns, filled, harmless
from percipio_openedx.enums import CatalogGap

# "Letters, digits and - @ , $ # only" (linked content).
ALPHABET = re.compile(r"[A-Za-z0-9\-@,$#]+")


class FileForm(StrEnum):
    """In which columns the catalog is written."""

    CONTENT_IMPORT = "content-import"
    LINKED_CONTENT = "linked-content"


# Our name of a column (see ``sheets.columns``), other names of it, and those without which Percipio takes no row. The
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
    "title": ("content_title",),
    "description": (),
    "url": ("content_url", "link"),
    "type": ("content_type", "asset_type"),
    "duration": ("duration_in_seconds", "duration_seconds"),
    "language": ("locale", "language_code"),
    "tags": ("keywords",),
    "author": (),
}
IDS = {
    FileForm.CONTENT_IMPORT: {"content_id": ("external_content_id",), "thumbnail_url": ("image_url", "thumbnail")},
    FileForm.LINKED_CONTENT: {"external_content_id": ("content_id",), "image_url": ("thumbnail_url", "image")},
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
    places = columns(head, {**KNOWN, **IDS[form]})
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
