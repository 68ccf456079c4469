"""Observing, previewing and back-filling leave the LMS's own rows as they are.

Asking the platform for the progress writes: it draws the learner's exam questions, as the stand-in does for a course
with a bank. A learner without a complete block has no progress, so the platform is not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.apps import apps
from lms.djangoapps.courseware.models import StudentModule

from demo.learning.models import StoredBlock, StoredCourse
from percipio_openedx import edx_platform
from percipio_openedx.models import LearnerCourse
from percipio_openedx.operations.sweep import sweep_due
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.preview import preview
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled, progress_asked
from tests.integration.operations.conftest import command
from tests.integration.test_reporting import complete, notice, reported

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]


@pytest.fixture
def course(settings: Any) -> Any:
    """A course with a bank of questions, of which each learner draws some."""
    settings.PERCIPIO_COMPLETED_ON = "any"
    settings.PERCIPIO_SWEEP = True
    course = a_course(units=4)
    stored = StoredCourse.objects.get(course_key=course)
    unit = StoredBlock.objects.get(usage_key=course.make_usage_key("vertical", "unit0"))
    key = course.make_usage_key("library_content", "bank")
    StoredBlock.objects.create(course=stored, parent=unit, usage_key=key, block_type="library_content", position=9)
    return course


@pytest.fixture
def learners(course: Any) -> list[Any]:
    """One who never came, one who half watched a video, and one whose completion was taken back."""
    never, half, reset = (a_learner(name) for name in ("never", "half", "reset"))
    for learner in (never, half, reset):
        enrolled(learner, course)
    BlockCompletion.objects.submit_completion(half, block(course, 0), 0.999)
    BlockCompletion.objects.submit_completion(reset, block(course, 0), 1.0)
    BlockCompletion.objects.filter(user=reset).update(completion=0.0)
    return [never, half, reset]


def everything() -> dict[str, int]:
    """The rows of the LMS by table, those of the plugin left out."""
    own = ("percipio_openedx",)
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label not in own]
    return {model._meta.label: model._default_manager.count() for model in models if model._meta.managed}


def observe(learners: list[Any], course: Any) -> None:
    for learner in learners:
        notice(learner, course)
    report_due()


def look_at_previews(learners: list[Any], course: Any) -> None:
    for learner in learners:
        preview(learner.pk, KEY)
        preview(learner.pk, KEY, afresh=True)


def forecast(learners: list[Any], course: Any) -> None:
    assert command("percipio_backfill", "--dry-run").code == 0


def backfill(learners: list[Any], course: Any) -> None:
    assert command("percipio_backfill", "--restart").code == 0


def sweep(learners: list[Any], course: Any) -> None:
    observe(learners, course)
    assert sweep_due().observed == len(learners)


@pytest.mark.parametrize("look", [observe, look_at_previews, forecast, backfill, sweep])
def test_nothing_is_written_for_who_completed_nothing(
    learners: list[Any], course: Any, look: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = progress_asked(monkeypatch)
    before = everything()
    look(learners, course)
    assert (everything(), asked) == (before, [])


def test_they_are_reported_all_the_same(learners: list[Any], course: Any) -> None:
    observe(learners, course)
    assert reported() == [("started", "")] * 3
    assert set(LearnerCourse.objects.values_list("reported_percent", flat=True)) == {0}


def test_a_preview_says_that_there_is_no_progress(learners: list[Any], course: Any) -> None:
    why = {one.kind: (str(one.why), one.percent) for one in preview(learners[1].pk, KEY).unreported}
    assert why["progressed"] == ("no_progress", 0)


def test_whoever_completed_something_is_asked_for(learners: list[Any], course: Any) -> None:
    """And a preview takes back what the platform wrote on the way."""
    learner = a_learner("began")
    enrolled(learner, course)
    complete(learner, course, 0)
    before = everything()
    preview(learner.pk, KEY)
    assert everything() == before
    observe([learner], course)
    assert StudentModule.objects.filter(student=learner).count() == 1
    assert ("progressed", "25") in reported()


def test_the_stand_in_writes_as_the_platform_does(learners: list[Any], course: Any) -> None:
    """Without that the tests above could not fail."""
    edx_platform.learner_progress(KEY, learners[0])
    assert StudentModule.objects.filter(student=learners[0], module_type="library_content").count() == 1
