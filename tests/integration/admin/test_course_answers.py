"""What operators decide for single courses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from percipio_openedx.models import CourseOverride

ADD = "admin:percipio_openedx_courseoverride_add"


@pytest.fixture
def editor(operator: Callable[..., Client]) -> Client:
    return operator("add_courseoverride", "change_courseoverride", "view_courseoverride")


@pytest.mark.parametrize("key", ["course-v1:DemoX+CS101+2026", "course:DemoX+CS101", "DemoX/CS101/2026"])
def test_a_course_is_answered(editor: Client, key: str) -> None:
    response = editor.post(reverse(ADD), {"course_key": f" {key} ", "content_id": " abc "})

    assert response.status_code == 302
    assert list(CourseOverride.objects.values_list("course_key", "is_reported", "content_id")) == [(key, False, "abc")]
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("key", ["Cloud", "course:DemoX", "course:+CS101", "course:A+B+C", "course-v1:DemoX+CS101"])
def test_what_is_no_course_is_refused(editor: Client, key: str) -> None:
    response = editor.post(reverse(ADD), {"course_key": key})

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["course_key"]
    assert not CourseOverride.objects.exists()


def test_a_viewer_cannot_write(viewer: Client) -> None:
    assert viewer.post(reverse(ADD), {"course_key": "course:DemoX+CS101"}).status_code == 403
