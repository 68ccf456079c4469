"""What a course is called in Percipio."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.data import Course
from percipio_openedx.statements.content import activity_id, content_id, course_slug, launch_url

ROOT = "https://lms.example.com"
COURSE = Course(key="course-v1:DemoX+CS101+2026", org="DemoX", number="CS101", run="2026")


@pytest.mark.parametrize(
    ("rule", "own", "expected"),
    [
        ("course", "", "course:DemoX+CS101"),
        ("course_run", "", "course-v1:DemoX+CS101+2026"),
        ("url", "", f"{ROOT}/courses/course-v1:DemoX+CS101+2026"),
        ("slug", "", "DemoX-CS101"),
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
        ("ext-101-cloud-basics", f"{ROOT}/percipio/launch/ext-101-cloud-basics"),
        ("urn:x:50%", f"{ROOT}/percipio/launch/urn%3Ax%3A50%25"),
        ("my course: 1/2", f"{ROOT}/percipio/launch/my%20course%3A%201%2F2"),
    ],
)
def test_activity_id(content: str, expected: str) -> None:
    assert activity_id(content, ROOT) == expected


@pytest.mark.parametrize(
    ("org", "number", "expected"),
    [
        ("DemoX", "CS101", "DemoX-CS101"),
        ("Demo.X", "CS_101~b", "Demo-X-CS-101-b"),
        ("Acme-Corp", "X", "Acme-Corp-X"),
        ("Schüler", "日本", "Sch-ler---"),
        ("", "", "-"),
    ],
)
def test_course_slug(org: str, number: str, expected: str) -> None:
    assert course_slug(org, number) == expected


@given(st.text(), st.text())
def test_a_slug_fits_into_every_id_of_percipio(org: str, number: str) -> None:
    slug = course_slug(org, number)
    assert re.fullmatch(r"[A-Za-z0-9-]+", slug)
    assert len(slug) == len(org) + len(number) + 1


@given(st.text())
def test_an_item_and_its_activity_have_one_address(content: str) -> None:
    content = content.encode("utf-8", "replace").decode()
    found = activity_id(content, ROOT)
    assert found in (content, launch_url(content, ROOT))
    # One path segment, whatever the id holds.
    assert "/" not in launch_url(content, "").removeprefix("/percipio/launch/")
