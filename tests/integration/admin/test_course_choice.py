"""Finding a course by a part of its name or key, on the pages that ask for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from percipio_openedx import edx_platform
from percipio_openedx.admin import search
from percipio_openedx.admin.search import find_course
from percipio_openedx.exceptions import PlatformUnavailable
from tests.integration.admin.world import OTHER_KEY, a_learner_course
from tests.integration.builders import KEY, a_course, a_learner

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reporting")]

FIND = "admin:percipio_openedx_learner"


@pytest.fixture(autouse=True)
def catalog() -> None:
    """Two course runs, as the LMS lists them."""
    for key, name in ((KEY, "Cloud Foundations"), (OTHER_KEY, "Machine learning in the cloud")):
        CourseOverview.load_from_module_store(a_course(key, display_name=name))


@pytest.fixture
def amina() -> Any:
    """A learner in both of them."""
    learner = a_learner("amina")
    for key in (KEY, OTHER_KEY):
        a_learner_course(learner.pk, key)
    return learner


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("foundations", [KEY]),
        ("CLOUD", [KEY, OTHER_KEY]),
        ("cs101", [KEY]),
        ("DemoX+", [KEY, OTHER_KEY]),
        ("cloud ml2", [OTHER_KEY]),
        ("cloud nowhere", []),
        ("100%_", []),
    ],
)
def test_every_word_is_part_of_the_name_or_of_the_key(text: str, keys: list[str]) -> None:
    assert list(edx_platform.find_courses(text, 10)) == keys


def test_one_is_meant_several_are_offered_and_none_is_said() -> None:
    assert find_course("") == search.CourseChoice()
    assert find_course(f" {KEY} ").key == KEY
    assert find_course("foundations").key == KEY
    several = find_course("cloud")
    assert (several.key, dict(several.found)[KEY], several.is_cut) == ("", "Cloud Foundations", False)
    assert find_course("nothing like it").problem == "No course has that in its name or key."


def test_no_more_are_offered_than_fit_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_COURSES", 1)
    several = find_course("cloud")

    assert ([key for key, _name in several.found], several.is_cut) == ([KEY], True)


def test_a_catalog_that_cannot_be_asked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str, limit: int) -> dict[str, str]:
        raise PlatformUnavailable("course_overviews")

    monkeypatch.setattr(edx_platform, "find_courses", broken)
    assert find_course("cloud").problem == "The LMS cannot tell: course_overviews is not available in this LMS."


def test_the_learner_view_takes_part_of_a_course_s_name(amina: Any, everything: Client) -> None:
    found = everything.get(reverse(FIND), {"q": "amina", "course": "machine"})

    assert [row.course_key for row, *_ in found.context["rows"]] == [OTHER_KEY]


def test_the_learner_view_lets_choose_among_several(amina: Any, everything: Client) -> None:
    page = everything.get(reverse(FIND), {"q": "amina", "course": "cloud"})
    assert not page.context["is_asked"]
    assert "Several courses match. Choose one:" in page.content.decode()

    href = f"?q=amina&amp;course={KEY.replace(':', '%3A').replace('+', '%2B')}"
    assert f'href="{href}"' in page.content.decode()
    found = everything.get(reverse(FIND) + href.replace("&amp;", "&"))
    assert [row.course_key for row, *_ in found.context["rows"]] == [KEY]


def test_a_course_alone_shows_its_learners(amina: Any, everything: Client) -> None:
    found = everything.get(reverse(FIND), {"course": "foundations"})

    assert [row.user_id for row, *_ in found.context["rows"]] == [amina.pk]


def test_the_preview_takes_part_of_a_course_s_name(amina: Any, operator: Callable[..., Client]) -> None:
    client, url = operator("preview_statement"), reverse("admin:percipio_openedx_preview")

    assert client.get(url, {"learner": "amina", "course": "foundations"}).context["course_key"] == KEY
    assert "Several courses match." in client.get(url, {"learner": "amina", "course": "cloud"}).content.decode()
    assert client.get(url, {"learner": "amina"}).context["problem"] == "Which course?"
