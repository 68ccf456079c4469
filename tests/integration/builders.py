"""Learners and courses in the LMS of the tests, with plain defaults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from common.djangoapps.student.models import CourseEnrollment, UserProfile
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache
from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

from demo.learning.models import StoredBlock, StoredCourse
from percipio_openedx import edx_platform

KEY = "course-v1:DemoX+CS101+2026"


def a_learner(username: str = "amina", **fields: Any) -> Any:
    """An account with a profile."""
    name = fields.pop("name", "Amina Haddad")
    email = fields.pop("email", f"{username}@example.com")
    user = get_user_model().objects.create_user(username=username, email=email, password="edx", **fields)
    UserProfile.objects.update_or_create(user=user, defaults={"name": name})
    return user


def a_course(key: str = KEY, units: int = 10, graded: bool = True, **fields: Any) -> CourseKey:
    """A course run with one section, one subsection and ``units`` units of one block each."""
    course_key = CourseKey.from_string(key)
    given = {"display_name": "Cloud Foundations", "version": "0" * 24, "edited_on": timezone.now(), **fields}
    course = StoredCourse.objects.create(course_key=course_key, **given)
    chapter = _block(course, None, "chapter", "one")
    subsection = _block(course, chapter, "sequential", "one")
    for number in range(units):
        unit = _block(course, subsection, "vertical", f"unit{number}", number)
        _block(course, unit, "problem", f"problem{number}", number, weight=1.0 if graded else 0.0)
    update_course_in_cache(course_key)
    return course_key


def _block(
    course: StoredCourse, parent: StoredBlock | None, kind: str, name: str, position: int = 0, **fields: Any
) -> StoredBlock:
    usage_key = course.course_key.make_usage_key(kind, name)
    return StoredBlock.objects.create(
        course=course, parent=parent, usage_key=usage_key, block_type=kind, position=position, **fields
    )


def block(course_key: CourseKey, number: int) -> Any:
    """The key of the block in a unit."""
    return course_key.make_usage_key("problem", f"problem{number}")


def enrolled(user: Any, course_key: CourseKey, mode: str = "audit") -> Any:
    """The learner enrolled, as the platform does it."""
    return CourseEnrollment.enroll(user, course_key, mode=mode)


def a_site(domain: str, *orgs: str) -> Site:
    """A site that claims organisations."""
    site, _ = Site.objects.get_or_create(domain=domain, defaults={"name": domain})
    SiteConfiguration.objects.create(site=site, enabled=True, site_values={"course_org_filter": list(orgs)})
    return site


@contextmanager
def one_by_one() -> Iterator[None]:
    """Every learner's progress is asked of the platform, as in a course with random content."""
    # Imported here, since a process without the plugin among its apps uses the other builders.
    from percipio_openedx.reporting.course_progress import ProgressAnswers

    with mock.patch("percipio_openedx.reporting.course_progress.at_once", lambda *_: ProgressAnswers()):
        yield


def progress_asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of which learners the platform is asked for the dear share, one after the other."""
    asked: list[int] = []
    progress = edx_platform.learner_progress

    def counted(course_key: str, user: Any) -> Any:
        asked.append(user.pk)
        return progress(course_key, user)

    monkeypatch.setattr(edx_platform, "learner_progress", counted)
    return asked
