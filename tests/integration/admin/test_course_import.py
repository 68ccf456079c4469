"""Answers for many courses from a file: all of it or nothing, with the mistakes named by line."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from percipio_openedx.models import CourseOverride

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "/admin/percipio_openedx/courseoverride/import/"
LIST = "/admin/percipio_openedx/courseoverride/"


def operator(*permissions: str) -> Client:
    user = get_user_model().objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client() -> Client:
    return operator("view_courseoverride", "add_courseoverride", "change_courseoverride")


def send(client: Client, content: bytes) -> Any:
    return client.post(ADDRESS, {"file": SimpleUploadedFile("answers.csv", content)})


def test_a_right_file_is_taken_over(client: Client) -> None:
    CourseOverride.objects.create(course_key="course:DemoX+OLD", content_id="old")
    answer = send(client, b"course_key,is_reported,content_id\ncourse:DemoX+CS101,yes,ext-101\ncourse:DemoX+OLD,no,\n")

    assert (answer.status_code, answer.headers["Location"]) == (302, LIST)
    assert set(CourseOverride.objects.values_list("course_key", "is_reported", "content_id")) == {
        ("course:DemoX+CS101", True, "ext-101"),
        ("course:DemoX+OLD", False, ""),
    }
    assert "1 new, 1 changed, 0 as they were." in client.get(LIST).content.decode()
    assert LogEntry.objects.get().change_message == "imported 2 answers: 1 new, 1 changed"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"course_key,is_reported\ncourse:DemoX+A,yes\nnonsense,yes\n", "line 3, course_key: is no course"),
        (b"course_key,is_reported\ncourse:DemoX+A,perhaps\n", "line 2, is_reported: must be true or false"),
        (b"course,is_reported\nx,yes\n", "line 1: the first line must name the columns"),
        (b"course_key\n\xff\xfe\n", "line 2: is not UTF-8"),
        (b"course_key\n<script>alert(1)</script>\n", "line 2, course_key: is no course"),
    ],
)
def test_a_wrong_line_changes_nothing(client: Client, content: bytes, said: str) -> None:
    page = send(client, content).content.decode()

    assert said in page
    assert "<script>alert" not in page
    assert not CourseOverride.objects.exists()


def test_the_list_leads_to_the_import(client: Client) -> None:
    assert ADDRESS in client.get(LIST).content.decode()
    assert client.get(ADDRESS).status_code == 200


def test_who_may_not_write_may_not_import() -> None:
    reader = operator("view_courseoverride", "change_courseoverride")
    assert ADDRESS not in reader.get(LIST).content.decode()
    assert send(reader, b"course_key\ncourse:DemoX+A\n").status_code == 403
    assert not CourseOverride.objects.exists()
