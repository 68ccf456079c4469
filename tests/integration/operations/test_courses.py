"""Answers for courses, in and out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from percipio_openedx.models import CourseOverride

pytestmark = pytest.mark.django_db

Manage = Callable[..., Any]
HEAD = "course_key,is_reported,content_id\n"


def answers() -> list[tuple[str, bool, str]]:
    return list(CourseOverride.objects.order_by("course_key").values_list("course_key", "is_reported", "content_id"))


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str | bytes], str]:
    """Write a file and say where it is."""

    def write(text: str | bytes) -> str:
        path = tmp_path / "courses.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_a_file_is_taken_over(manage: Manage, file: Any) -> None:
    CourseOverride.objects.create(course_key="course:A+1", is_reported=False)
    CourseOverride.objects.create(course_key="course:A+2", content_id="two")
    CourseOverride.objects.create(course_key="course:A+9", content_id="nine")
    name = file(f"{HEAD}course:A+1,true,one\ncourse:A+2,true,two\ncourse-v1:A+3+R,false,\n")

    before = answers()
    ran = manage("percipio_courses", "import", name, "--dry-run")
    assert (ran.code, ran.lines[0]) == (0, "Course overrides: 1 would be new, 1 would be changed, 1 unchanged.")
    assert answers() == before

    ran = manage("percipio_courses", "import", name)
    assert ran.code == 0
    assert ran.lines == [
        "Course overrides: 1 new, 1 changed, 1 unchanged.",
        "reported again: course:A+1 (what was missed: percipio_backfill --course KEY-OF-EACH-RUN)",
    ]
    assert answers() == [
        ("course-v1:A+3+R", False, ""),
        ("course:A+1", True, "one"),
        ("course:A+2", True, "two"),
        ("course:A+9", True, "nine"),
    ]


def test_what_a_file_has_no_column_for_stays(manage: Manage, file: Any) -> None:
    whole = {"is_reported": False, "content_id": "one", "offer": "offered", "title": "One", "duration": 900}
    CourseOverride.objects.create(course_key="course:A+1", **whole)
    assert manage("percipio_courses", "import", file("course_key,offer\ncourse:A+1,withdrawn\n")).code == 0
    assert CourseOverride.objects.values(*whole).get() == {**whole, "offer": "withdrawn"}
    # An empty cell clears what it stands for.
    assert manage("percipio_courses", "import", file("course_key,duration,title\ncourse:A+1,,\n")).code == 0
    assert CourseOverride.objects.values(*whole).get() == {**whole, "offer": "withdrawn", "title": "", "duration": None}


def test_nothing_is_half_applied(manage: Manage, file: Any) -> None:
    ran = manage("percipio_courses", "import", file(f"{HEAD}course:A+1,true,one\ncourse:A+2,perhaps,two\n"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "line 3, is_reported: must be true or false\nNothing was changed.\n"
    assert answers() == []


def test_what_is_exported_can_be_imported(manage: Manage, file: Any) -> None:
    CourseOverride.objects.create(course_key="course:A+1", is_reported=False)
    CourseOverride.objects.create(course_key="course:A+2", content_id='a, "b" — 課程')
    CourseOverride.objects.create(course_key="course:A+3", content_id="=cmd|'/c calc'!A1")
    CourseOverride.objects.create(course_key="-Org/Course/Run", content_id="'@SUM(1)")
    out = manage("percipio_courses", "export").out
    assert [cell for cell in out.replace("\n", ",").split(",") if cell.strip('"')[:1] in tuple("=+-@")] == []
    before = answers()
    CourseOverride.objects.all().delete()
    assert manage("percipio_courses", "import", file(out)).code == 0
    assert answers() == before


def test_json(manage: Manage, file: Any) -> None:
    (done,) = manage("percipio_courses", "--json", "import", file(f"{HEAD}course:A+1,no,\n")).documents
    assert done == {"new": 1, "changed": 0, "same": 0, "freed": [], "dry_run": False}
    rows = manage("percipio_courses", "export", "--json").documents
    unset = {"content_id": "", "offer": "", "title": "", "type": "", "duration": None, "tags": "", "author": ""}
    assert rows == [{"course_key": "course:A+1", "is_reported": False, **unset}]
    ran = manage("percipio_courses", "--json", "import", file(f"{HEAD}x,no,\n"))
    assert ran.code == 1
    assert [problem["line"] for problem in ran.documents[0]["problems"]] == [2]


def test_queries_do_not_grow_with_the_lines(manage: Manage, file: Any, django_assert_max_num_queries: Any) -> None:
    lines = "".join(f"course:A+{number},true,id-{number}\n" for number in range(400))
    assert manage("percipio_courses", "import", file(HEAD + lines)).code == 0
    with django_assert_max_num_queries(7):
        assert manage("percipio_courses", "import", file(HEAD + lines.replace("id-", "new-"))).code == 0


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [(b"course_key\n\xff\xfe\n", 1, "line 2: is not UTF-8"), (None, 2, "No such file")],
)
def test_a_file_that_cannot_be_read(manage: Manage, file: Any, content: bytes | None, code: int, words: str) -> None:
    ran = manage("percipio_courses", "import", file(content) if content else "/nonexistent/courses.csv")
    assert ran.code == code
    assert words in ran.err
