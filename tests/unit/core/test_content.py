"""What a course is called in Percipio."""

from __future__ import annotations

import pytest

from percipio_openedx.data import Course
from percipio_openedx.statements.content import activity_id, content_id

ROOT = "https://lms.example.com"
COURSE = Course(key="course-v1:DemoX+CS101+2026", org="DemoX", number="CS101", run="2026")


@pytest.mark.parametrize(
    ("rule", "own", "expected"),
    [
        ("course", "", "course:DemoX+CS101"),
        ("course_run", "", "course-v1:DemoX+CS101+2026"),
        ("url", "", f"{ROOT}/courses/course-v1:DemoX+CS101+2026"),
        ("course", "ext-101-cloud-basics", "ext-101-cloud-basics"),
        ("url", "ext-101-cloud-basics", "ext-101-cloud-basics"),
    ],
)
def test_content_id(rule: str, own: str, expected: str) -> None:
    assert content_id(Course(**{**_fields(), "content_id": own}), rule, ROOT) == expected


def _fields() -> dict[str, str]:
    return {"key": COURSE.key, "org": COURSE.org, "number": COURSE.number, "run": COURSE.run}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("course:DemoX+CS101", "course:DemoX+CS101"),
        ("https://catalogue.example.com/c/1", "https://catalogue.example.com/c/1"),
        ("ext-101-cloud-basics", f"{ROOT}/percipio/content/ext-101-cloud-basics"),
        ("urn:x:50%", f"{ROOT}/percipio/content/urn%3Ax%3A50%25"),
        ("my course: 1/2", f"{ROOT}/percipio/content/my%20course%3A%201%2F2"),
    ],
)
def test_activity_id(content: str, expected: str) -> None:
    assert activity_id(content, ROOT) == expected
