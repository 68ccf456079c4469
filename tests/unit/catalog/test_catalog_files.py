"""The catalog as a file: its columns, a template's, and what is left out."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.files import CatalogFile, FileForm, as_csv, catalog_file, columns, header, in_parts
from percipio_openedx.catalog.items import CatalogItem, Record, RunInCatalog
from percipio_openedx.data import CourseRun
from percipio_openedx.enums import CatalogGap
from percipio_openedx.exceptions import PercipioError

RECORD = Record(
    content_id="Org-CS101",
    title="=Clouds",
    type="COURSE",
    duration=5400,
    language="en",
    url="https://lms.example.com/percipio/launch/Org-CS101",
    description="How clouds work.",
    tags=("cloud", "security"),
    thumbnail_url="https://lms.example.com/a.jpg",
    author="Academy",
)
ITEM = CatalogItem("Org-CS101", (RunInCatalog(CourseRun("course-v1:Org+CS101+R", "Org", "CS101", "R"), "Org-CS101"),))


def made(form: FileForm, record: Record = RECORD, template: list[str] | None = None) -> CatalogFile:
    return catalog_file([(ITEM, record)], form, template)


def test_the_columns_of_linked_content() -> None:
    assert made(FileForm.LINKED_CONTENT) == CatalogFile(
        head=(
            *("external_content_id", "new_external_content_id", "content_uuid", "title", "description", "url"),
            "image_url",
        ),
        rows=(("Org-CS101", "", "", "=Clouds", "How clouds work.", RECORD.url, RECORD.thumbnail_url),),
    )


def test_the_columns_of_the_content_import() -> None:
    assert made(FileForm.CONTENT_IMPORT) == CatalogFile(
        head=(
            *("content_id", "title", "type", "duration", "language", "url", "description", "tags", "thumbnail_url"),
            "author",
        ),
        rows=(
            (
                *("Org-CS101", "=Clouds", "COURSE", "5400", "en", RECORD.url, "How clouds work.", "cloud, security"),
                *(RECORD.thumbnail_url, "Academy"),
            ),
        ),
    )


def test_a_template_is_filled() -> None:
    names = ["Title*", "EXTERNAL CONTENT ID", "Region", "Url", "Keywords", "Description"]
    assert made(FileForm.LINKED_CONTENT, template=names) == CatalogFile(
        head=tuple(names),
        rows=(("=Clouds", "Org-CS101", "", RECORD.url, "cloud, security", "How clouds work."),),
        empty=("Region",),
    )
    assert made(FileForm.LINKED_CONTENT, template=["title", "url"]).unfilled == ("external_content_id", "description")


@pytest.mark.parametrize("content_id", ["Org-CS101", "a@b", "a,b", "a$b#1", "ABC123"])
def test_an_id_that_fits(content_id: str) -> None:
    assert made(FileForm.LINKED_CONTENT, replace(RECORD, content_id=content_id)).left_out == ()


@pytest.mark.parametrize("content_id", ["course:Org+CS101", "a b", "ä", "٣", "a.b", "a_b", "-a", "@a", "a,-b", "a\n"])
def test_an_id_that_does_not_fit_is_named(content_id: str) -> None:
    record = replace(RECORD, content_id=content_id)
    assert made(FileForm.LINKED_CONTENT, record).left_out == ((ITEM, (CatalogGap.ALPHABET,)),)
    assert made(FileForm.CONTENT_IMPORT, record).left_out == ()


def test_an_id_that_is_too_long_to_be_sent_stands_in_a_file() -> None:
    record = replace(RECORD, content_id="x" * 601)
    assert record.gaps == (CatalogGap.LONG_ID,)
    assert made(FileForm.CONTENT_IMPORT, record).left_out == ()


def test_each_form_has_mandatory_fields_of_its_own() -> None:
    bare = replace(RECORD, duration=None, language="", description="")
    assert made(FileForm.CONTENT_IMPORT, bare).left_out == ((ITEM, (CatalogGap.DURATION, CatalogGap.LANGUAGE)),)
    assert made(FileForm.LINKED_CONTENT, bare).left_out == ((ITEM, (CatalogGap.DESCRIPTION,)),)
    nameless = replace(RECORD, title="", url="")
    assert made(FileForm.LINKED_CONTENT, nameless).left_out == ((ITEM, (CatalogGap.TITLE, CatalogGap.URL)),)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        (b"Asset Title,Status\n", ["Asset Title", "Status"]),
        (b"\xef\xbb\xbfAsset Title;Status\r\nexample;x\r\n", ["Asset Title", "Status"]),
        (b'"Asset Title","a, b",,\n', ["Asset Title", "a, b"]),
    ],
)
def test_the_header_of_a_template_is_kept_letter_by_letter(template: bytes, names: list[str]) -> None:
    assert header(template) == names


@pytest.mark.parametrize("template", [b"", b"\n", b"\xff\xfe", b"a,,b\n", b",,\n"])
def test_what_is_no_template(template: bytes) -> None:
    with pytest.raises(PercipioError):
        header(template)


def test_columns_are_found_in_any_spelling() -> None:
    known = {"asset title": (), "email": ("email address",), "other": ()}
    assert columns(["E-Mail_Address", "ASSET_TITLE *", "assettitle"], known) == {"email": 0, "asset title": 1}


def test_a_file_is_cut_into_parts_each_with_its_header() -> None:
    rows = [["ä" * 40, str(number)] for number in range(100)]
    parts = list(in_parts(["name", "number"], rows, most=1000))
    assert len(parts) > 5
    assert all(len(part.encode()) <= 1000 for part in parts)
    read = [list(csv.reader(io.StringIO(part))) for part in parts]
    assert [part[0] for part in read] == [["name", "number"]] * len(parts)
    assert [row for part in read for row in part[1:]] == rows
    assert list(in_parts(["name"], [])) == []


cells = st.text(st.sampled_from("=+-@'\t\r\n;,|\"aä\uff1d "), max_size=12)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=20), st.integers(40, 200))
def test_parts_hold_every_row_and_no_formula(rows: list[list[str]], most: int) -> None:
    parts = list(in_parts(["a", "b"], rows, most))
    assert "".join(part.removeprefix('"a","b"\n') for part in parts) == as_csv(rows)
    for part in parts:
        assert len(part.encode()) <= most or len(list(csv.reader(io.StringIO(part, newline="")))) == 2
