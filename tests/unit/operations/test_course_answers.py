"""CSV of courses: what is read, what is refused, and that no file breaks the reader."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.files import as_csv
from percipio_openedx.operations.course_overrides import COLUMNS, MOST_PROBLEMS, read

KEY = "course-v1:DemoX+CS101+2026"
HEAD = "course_key,is_reported,content_id\n"
LONGEST = 255


class Row(NamedTuple):
    course_key: str
    is_reported: bool = True
    content_id: str = ""
    offer: str = ""
    title: str = ""
    type: str = ""
    duration: int | None = None
    tags: str = ""
    author: str = ""


def parse(text: str) -> tuple[list[Row], list[tuple[int, str]]]:
    """What is read of a file, and what is wrong with it."""
    try:
        found = read(text.encode("utf-8", "surrogatepass")).rows
    except ValidationError as error:
        return [], [(each.params["line"], each.params["field"]) for each in error.error_list]
    return [Row(*(getattr(row, name) for name in Row._fields)) for row in found], []


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (HEAD, []),
        (f"{HEAD}{KEY},false,\n", [Row(KEY, False)]),
        (f"\ufeff{HEAD}{KEY},yes,ext-1\r\n", [Row(KEY, True, "ext-1")]),
        (f"content_id;course_key\next-1;{KEY}\n", [Row(KEY, True, "ext-1")]),
        (f"course_key\n{KEY}", [Row(KEY)]),
        (f"{HEAD}\n , ,\n {KEY} , NO , ext 1 \n", [Row(KEY, False, "ext 1")]),
        (f'{HEAD}course:DemoX+CS101,1,"a, ""b"""\n', [Row("course:DemoX+CS101", True, 'a, "b"')]),
        (f"{HEAD}DemoX/CS101/2026,true,課程-1\n", [Row("DemoX/CS101/2026", True, "課程-1")]),
        (f"{HEAD}{KEY},true,=1+1\n", [Row(KEY, True, "=1+1")]),
        (f"{HEAD}{KEY},true,'=1+1\n", [Row(KEY, True, "=1+1")]),
        (f"{HEAD}{KEY},true,'quoted'\n", [Row(KEY, True, "'quoted'")]),
        (f"course_key,offer,duration\n{KEY},Offered, 5400 \n", [Row(KEY, offer="offered", duration=5400)]),
        (f'course_key,duration,tags\n{KEY},,"a, b"\n', [Row(KEY, tags="a, b")]),
        (
            f"title,type,author,course_key\nClouds,VIDEO,Us,{KEY}\n",
            [Row(KEY, title="Clouds", type="VIDEO", author="Us")],
        ),
    ],
)
def test_what_is_read(text: str, rows: list[Row]) -> None:
    assert parse(text) == (rows, [])


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", [(1, "")]),
        ("course,reported\n", [(1, "")]),
        ("course_key,colour\n", [(1, "")]),
        ("course_key,course_key\n", [(1, "")]),
        (f"{HEAD}{KEY},true\n", [(2, "")]),
        (f"{HEAD}{KEY},true,x,y\n", [(2, "")]),
        (f"{HEAD},true,x\n", [(2, "course_key")]),
        (f"{HEAD}DemoX CS101,maybe,x\n", [(2, "course_key"), (2, "is_reported")]),
        (f"{HEAD}course:DemoX,true,\ncourse:A+B+C,true,\ncourse:A +B,true,\n", [(n, "course_key") for n in (2, 3, 4)]),
        (f"{HEAD}library-v1:A+B,true,\n", [(2, "course_key")]),
        (f"{HEAD}course-v1:{'A' * LONGEST}+B+C,true,\n", [(2, "course_key")]),
        (f"{HEAD}{KEY},true,{'x' * (LONGEST + 1)}\n", [(2, "content_id")]),
        (f'{HEAD}{KEY},true,"a\nb"\n', [(3, "content_id")]),
        (f"{HEAD}{KEY},true,a\x00b\n", [(2, "content_id")]),
        (f"{HEAD}{KEY},true,\ud800\n", [(2, "")]),
        (f"course_key,offer\n{KEY},perhaps\n", [(2, "offer")]),
        *(
            (f"course_key,duration\n{KEY},{cell}\n", [(2, "duration")])
            for cell in ("2 h", "-1", "0", "9" * 9, "٣", "1.5")
        ),
        *((f'course_key,{name}\n{KEY},"a\tb"\n', [(2, name)]) for name in ("title", "type", "tags", "author")),
        (f"course_key,title\n{KEY},{'x' * 256}\n", [(2, "title")]),
        (f"{HEAD}{KEY},true,a\n\n{KEY},true,b\n", [(4, "course_key")]),
        (f"{HEAD}{KEY},true,a\n{KEY.replace('DemoX', 'DEMOX')},true,b\n", [(3, "course_key")]),
        (f'{HEAD}{KEY},true,"open\n', [(2, "")]),
        (f'{HEAD}{KEY},true,"a"b\n', [(2, "")]),
        (f"{HEAD}{KEY},true,{'x' * 200_000}\n", [(2, "")]),
    ],
)
def test_what_is_refused(text: str, problems: list[tuple[int, str]]) -> None:
    assert parse(text) == ([], problems)


def test_one_wrong_line_spoils_the_file() -> None:
    with pytest.raises(ValidationError) as caught:
        read(f"{HEAD}{KEY},true,\nnonsense,true,\n".encode())
    assert caught.value.messages == [
        "line 3, course_key: is no course; write course-v1:Org+Course+Run, or course:Org+Course for all runs"
    ]


def test_problems_are_bounded() -> None:
    text = HEAD + "".join(f"nonsense{number},true,\n" for number in range(1000))
    with pytest.raises(ValidationError) as caught:
        read(text.encode())
    assert len(caught.value.messages) == MOST_PROBLEMS + 1
    assert caught.value.messages[-1] == f"line {MOST_PROBLEMS + 2}: there are more problems after this"


hostile = st.text(st.sampled_from('a,;"\n\r\t\x00= \ufeff\ud800課ctrue') | st.characters(), max_size=80)
lines = st.lists(hostile | st.sampled_from([HEAD.strip(), KEY, f"{KEY},true,x", '"', f'{KEY},"']), max_size=6)


@given(lines, st.sampled_from(["\n", "\r\n", "\r", ""]))
def test_no_text_breaks_it(given_lines: list[str], end: str) -> None:
    rows, problems = parse(end.join(given_lines))
    assert not (rows and problems)
    for row in rows:
        assert row.content_id.isprintable()
    for line, field in problems:
        assert line >= 1
        assert field in ("", *COLUMNS)


names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=10)
keys = st.tuples(names, names, names).map(lambda parts: "course-v1:" + "+".join(parts))
characters = st.sampled_from("=+-@'\uff1d;,\"") | st.characters(codec="utf-8", exclude_categories=["C", "Z"])
ids = st.text(characters, max_size=40)


offers = st.sampled_from(["", "offered", "withdrawn"])
durations = st.none() | st.integers(1, 3_600_000)
whole = st.builds(Row, keys, st.booleans(), ids, offers, ids, ids, durations, ids, ids)


@given(st.lists(whole, unique_by=lambda row: row.course_key.casefold()))
def test_what_is_written_is_read_again(rows: list[Row]) -> None:
    cells = [
        ["" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in row]
        for row in rows
    ]
    text = as_csv([COLUMNS, *cells])
    assert parse(text) == (rows, [])
