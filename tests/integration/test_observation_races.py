"""What a learner does while a worker looks is reported as it was, or by the next look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.models import Statement
from percipio_openedx.reporting import report_due
from tests.integration.builders import a_course, a_learner, block, enrolled

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]


def test_a_unit_finished_during_the_look_does_not_get_the_time_of_the_one_before(
    reporting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporting.PERCIPIO_COMPLETED_ON = "progress"
    course, learner = a_course(units=2), a_learner()
    enrolled(learner, course)
    BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
    hours_ago = timezone.now() - timedelta(hours=3)
    BlockCompletion.objects.update(created=hours_ago, modified=hours_ago)
    progress = edx_platform.learner_progress

    def finishing(course_key: str, user: Any) -> Any:
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 1), completion=1.0)
        return progress(course_key, user)

    monkeypatch.setattr(edx_platform, "learner_progress", finishing)
    report_due()
    report_due()

    finished = BlockCompletion.objects.get(block_key=block(course, 1)).modified
    assert list(Statement.objects.filter(kind="completed").values_list("happened_at", flat=True)) == [
        finished.replace(microsecond=finished.microsecond // 1000 * 1000)
    ]
    assert not Statement.objects.filter(kind="progressed").exists()
