"""A learner who retires leaves nothing personal here, and a list of what Percipio has to erase."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.apps import apps
from django.db import connection
from django.utils import timezone
from openedx.core.djangoapps.user_api.accounts.utils import create_retirement_request_and_deactivate_account
from openedx.core.djangoapps.user_api.accounts.views import retire_critical_for, retire_misc_for
from openedx.core.djangoapps.user_api.models import RetirementState, UserRetirementStatus

from percipio_openedx import config
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import (
    DeliveryAttempt,
    ErasureRequest,
    LearnerCourse,
    Notice,
    ObservationFailure,
    Statement,
)
from percipio_openedx.models.learner_course import registration_for
from percipio_openedx.models.statement import State
from percipio_openedx.operations.sweep import sweep_due
from percipio_openedx.reporting import rebuild_due, report_due, retirement
from percipio_sandbox import Sandbox
from tests.integration.builders import a_course, a_learner, block, enrolled

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("completing", "no_calls"),
]

Manage = Callable[..., Any]
PERSONAL = ("zebulon", "Quartermaine", "zq@private.example")


@pytest.fixture
def learner(arriving: Sandbox) -> Any:
    """Somebody who has done half of a course."""
    person = a_learner(PERSONAL[0], name=f"Zebulon {PERSONAL[1]}", email=PERSONAL[2])
    course = a_course(units=2)
    enrolled(person, course)
    BlockCompletion.objects.submit_completion(user=person, block_key=block(course, 0), completion=1.0)
    report_due()
    assert Statement.objects.count() == 2
    return person


def ask_to_retire(person: Any) -> UserRetirementStatus:
    RetirementState.objects.get_or_create(state_name="PENDING", defaults={"state_execution_order": 1})
    RetirementState.objects.get_or_create(state_name="RETIRING_LMS", defaults={"state_execution_order": 2})
    create_retirement_request_and_deactivate_account(person)
    return UserRetirementStatus.objects.get(user=person)


def retire(person: Any) -> None:
    """All of the platform's steps."""
    status = ask_to_retire(person)
    status.current_state = RetirementState.objects.get(state_name="RETIRING_LMS")
    status.save()
    retire_misc_for(status)
    report_due()
    retire_critical_for(status)
    report_due()


def everything_here() -> str:
    """Every column of every row of every table of the plugin, as text; bytes as they are and in hexadecimal."""
    found = []
    for model in apps.get_app_config("percipio_openedx").get_models():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
            for row in cursor.fetchall():
                for value in row:
                    raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    found.append(raw.decode("utf-8", "replace"))
    return "\n".join(found).lower()


def traces() -> list[str]:
    here = everything_here()
    return [word for word in PERSONAL if word.lower() in here]


def test_nothing_personal_is_left_in_any_column(learner: Any, arriving: Sandbox) -> None:
    arriving.set_scenario("bad-request-one")
    deliver_due()
    assert traces() == list(PERSONAL)

    retire(learner)
    assert traces() == []
    assert not Statement.objects.exists()


def test_a_failed_observation_is_forgotten(learner: Any) -> None:
    now = timezone.now()
    times = {"failing_since": now, "failed_at": now, "retry_at": now + timedelta(hours=1)}
    ObservationFailure.objects.create(course_key="course-v1:A+B+C", user_id=learner.pk, reason="KeyError", **times)
    ObservationFailure.objects.create(course_key="course-v1:A+B+C", user_id=learner.pk + 1, reason="KeyError", **times)

    retire(learner)
    assert [row.user_id for row in ObservationFailure.objects.all()] == [learner.pk + 1]


def test_what_percipio_may_hold_is_to_be_erased_there(learner: Any, manage: Manage) -> None:
    deliver_due()
    registration = str(LearnerCourse.objects.get().registration)
    retire(learner)
    ran = manage("percipio_erasures", "--json")
    (request,) = ran.documents
    assert (ran.code, request["registrations"], request["statements"]) == (1, [registration], 2)
    assert (request["api"], request["organization"], request["done_at"]) == ("statements", "", None)

    text = manage("percipio_erasures").out
    assert f"  registration {registration}\n" in text
    assert manage("percipio_erasures", "--done", str(request["id"])).code == 0
    assert manage("percipio_erasures", "--json").documents == []
    assert [one["id"] for one in manage("percipio_erasures", "--all", "--json").documents] == [request["id"]]


def test_a_registration_is_a_pseudonym(learner: Any) -> None:
    """It names nobody, and is no secret either: whoever has the user ids can tell whose it is."""
    deliver_due()
    course = LearnerCourse.objects.get().course_key
    retire(learner)

    kept = ErasureRequest.objects.get().registrations
    assert [word for word in PERSONAL if word.lower() in kept.lower()] == []
    assert kept == str(registration_for(config.lms_root(), learner.pk, course))


def test_what_never_left_needs_no_erasure(learner: Any) -> None:
    retire(learner)
    assert not ErasureRequest.objects.exists()
    assert not LearnerCourse.objects.filter(sequence__gt=0).exists()


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ({"state": State.WAITING, "attempts": 0}, 0),
        ({"state": State.WAITING, "attempts": 1}, 2),
        ({"state": State.WAITING, "attempts": 0, "status": 200}, 2),
        ({"state": State.SENDING, "attempts": 1}, 2),
        ({"state": State.PARKED, "attempts": 1, "status": 400}, 2),
        ({"state": State.SKIPPED, "attempts": 0}, 0),
        ({"state": State.DISCARDED, "attempts": 0}, 0),
        ({"state": State.DELIVERED, "attempts": 1, "status": 200}, 2),
    ],
)
def test_what_may_have_left(learner: Any, values: dict[str, Any], asked: int) -> None:
    Statement.objects.update(**values)
    retirement.erase(learner.pk)
    assert sum(ErasureRequest.objects.values_list("statements", flat=True)) == asked


def test_what_was_pruned_here_is_still_there(learner: Any) -> None:
    deliver_due()
    Statement.objects.all().delete()
    retirement.erase(learner.pk)
    assert ErasureRequest.objects.get().statements == 2


def test_records_of_the_track_api_carry_no_registration(learner: Any, manage: Manage, settings: Any) -> None:
    settings.PERCIPIO_API = "track"
    deliver_due()
    rebuild_due()
    deliver_due()
    assert DeliveryAttempt.objects.filter(api="track").exists()
    retirement.erase(learner.pk)
    assert "Track API" in manage("percipio_erasures").out


def test_a_lost_notice_is_made_up_for(learner: Any, manage: Manage) -> None:
    deliver_due()
    status = ask_to_retire(learner)
    status.current_state = RetirementState.objects.get(state_name="RETIRING_LMS")
    status.save()
    Notice.objects.all().delete()
    assert traces() != []
    assert manage("percipio_prune").code == 0
    assert traces() == []
    assert ErasureRequest.objects.count() == 1


def test_a_cancelled_retirement(learner: Any, manage: Manage, settings: Any) -> None:
    """Asked, held back, taken back: nothing was erased, and what happened meanwhile is found by the sweep."""
    deliver_due()
    status = ask_to_retire(learner)
    before = Statement.objects.count()
    course = LearnerCourse.objects.get().course_key
    BlockCompletion.objects.submit_completion(user=learner, block_key=block(_key(course), 1), completion=1.0)
    report_due()
    assert LearnerCourse.objects.get().hold_reason == "retired"
    assert manage("percipio_prune").code == 0
    assert Statement.objects.count() == before

    learner.email = PERSONAL[2]
    learner.save()
    status.delete()
    settings.PERCIPIO_SWEEP = True
    Notice.objects.all().delete()
    sweep_due()
    assert LearnerCourse.objects.get().hold_reason == ""
    assert not ErasureRequest.objects.exists()


def _key(course_key: str) -> Any:
    from opaque_keys.edx.keys import CourseKey

    return CourseKey.from_string(course_key)


def test_an_unknown_erasure(db: None, manage: Manage) -> None:
    ran = manage("percipio_erasures", "--done", "99")
    assert ran.code == 2
    assert "there is no erasure request 99" in ran.err
    assert manage("percipio_erasures").code == 0
