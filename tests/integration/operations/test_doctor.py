"""Each thing that can be out of order is named, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.contrib.auth import get_user_model
from django.utils import timezone
from kombu import Connection
from openedx.core.djangoapps.user_api.models import RetirementState, UserRetirementStatus

from percipio_openedx import edx_platform
from percipio_openedx.admin import figures, verdict
from percipio_openedx.capture import signals
from percipio_openedx.doctor import database, examine, services
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import Destination, ErasureRequest, LearnerCourse, Notice, PercipioConfiguration, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import retired
from percipio_openedx.sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.delivery.rows import add, destination_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

Manage = Callable[..., Any]
EARLIER = timedelta(days=2)


@pytest.fixture(autouse=True)
def _worker(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A worker answers, somebody is told, and the cache is a shared one."""
    monkeypatch.setattr(services, "_workers", lambda: 1)
    monkeypatch.setattr(services, "OWN", ("dummy",))
    settings.PERCIPIO_ALERT_EMAILS = ["operator@example.com"]


def ill(*, is_online: bool = False) -> dict[str, str]:
    """The names and verdicts of what is not well."""
    found = {finding.name: finding for finding in examine(is_online=is_online)}
    for finding in found.values():
        assert bool(finding.mend) is (finding.verdict in ("doubtful", "wrong")), finding
    return {name: finding.verdict.value for name, finding in found.items() if finding.mend}


def test_a_well_installation(manage: Manage) -> None:
    assert ill() == {}
    ran = manage("percipio_doctor")
    assert (ran.code, ran.err) == (0, "")
    assert "   ok  migrations" in ran.lines
    assert {document["verdict"] for document in manage("percipio_doctor", "--json").documents} == {"well", "skipped"}


@pytest.mark.parametrize(
    ("setting", "value", "name", "verdict"),
    [
        ("PERCIPIO_ENABLED", False, "switch", "wrong"),
        ("PERCIPIO_OBSERVE_AFTER", -1, "settings", "wrong"),
        ("PERCIPIO_PULL_RATE", "often", "settings", "wrong"),
        ("PERCIPIO_ALERT_AFTER", 1, "settings", "wrong"),
        ("PERCIPIO_ALERT_EMAILS", "operator@example.com", "settings", "wrong"),
        ("PERCIPIO_ALERT_EMAILS", [], "alerts", "doubtful"),
        ("PERCIPIO_RETENTION_DAYS", "long", "settings", "wrong"),
        ("PERCIPIO_RETENTION_PARKED_DAYS", -1, "settings", "wrong"),
        ("PERCIPIO_RETENTION_LOG_DAYS", None, "settings", "wrong"),
        ("DEBUG", True, "debug", "doubtful"),
        ("FERNET_KEYS", ["DUMMY KEY CHANGE BEFORE GOING TO PRODUCTION"], "encryption key", "wrong"),
        ("FERNET_KEYS", [], "encryption key", "wrong"),
        ("SECRET_KEY", "insecure-secret-key", "encryption key", "wrong"),
        ("SECRET_KEY", "short", "encryption key", "wrong"),
        ("LMS_ROOT_URL", "", "LMS address", "wrong"),
        ("PERCIPIO_REGION", "moon", "configuration of site 1", "wrong"),
        ("EVENT_TRACKING_BACKENDS", {"event_transformer": {}}, "event routing", "doubtful"),
    ],
)
def test_settings(settings: Any, setting: str, value: Any, name: str, verdict: str) -> None:
    setattr(settings, setting, value)
    assert ill()[name] == verdict


def test_nobody_reports(settings: Any) -> None:
    settings.PERCIPIO_CLIENT_ID = settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_SECRET = ""
    assert ill() == {"sites": "wrong"}


def test_a_site_that_is_switched_off_is_no_trouble() -> None:
    PercipioConfiguration.objects.create(site_id=1, enabled=False)
    assert ill() == {"sites": "wrong"}


def test_missing_migrations_end_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    class Executor(database.MigrationExecutor):
        def migration_plan(self, targets: Any, clean_start: bool = False) -> Any:
            return [(self.loader.graph.nodes["percipio_openedx", "0001_initial"], False)]

    monkeypatch.setattr(database, "MigrationExecutor", Executor)
    found = {finding.name: finding for finding in examine()}
    assert found["migrations"].seen == "not applied: 0001_initial"
    assert "notices" not in found


def test_a_signal_that_this_release_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edx_platform, "missing_signals", ["openedx_events.learning.signals.NEW"])
    assert ill() == {"signals": "doubtful"}


def test_a_receiver_that_is_not_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals.CERTIFICATE_REVOKED, "receivers", [])
    assert ill() == {"receivers": "wrong"}


@pytest.mark.parametrize("door", ["course", "grades", "certificates", "enrollments", "retiring", "activities"])
def test_a_function_of_the_lms_that_fails(monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    def broken(*_: Any) -> Any:
        raise PlatformUnavailable(door)

    monkeypatch.setattr(edx_platform, door, broken)
    assert [verdict for name, verdict in ill().items() if name.startswith("LMS: ")] == ["wrong"]


def test_no_source_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edx_platform, "share_sources", list)
    assert ill() == {"course progress": "wrong"}


@pytest.mark.parametrize(("rule", "verdict"), [("passed", "doubtful"), ("progress", "wrong")])
def test_completions_are_not_recorded(settings: Any, monkeypatch: pytest.MonkeyPatch, rule: str, verdict: str) -> None:
    settings.PERCIPIO_COMPLETED_ON = rule
    monkeypatch.setattr(edx_platform, "is_completion_on", lambda: False)
    assert ill() == {"completion tracking": verdict}


def test_a_cache_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "OWN", ("locmem",))
    assert ill() == {"cache": "doubtful"}


def test_a_cache_that_forgets(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert ill()["cache"] == "wrong"


def test_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_workers", lambda: 0)
    assert ill() == {"workers": "doubtful"}


def test_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "connection_for_write", lambda: Connection("amqp://127.0.0.1:1//"))
    assert ill() == {"broker": "wrong"}


def test_an_eager_lms(settings: Any) -> None:
    settings.CELERY_ALWAYS_EAGER = True
    assert ill() == {}


def test_a_notice_that_waits_too_long() -> None:
    Notice.objects.create(user_id=1, course_key=KEY, reason="grade", noticed_at=timezone.now() - EARLIER)
    assert ill() == {"notices": "wrong"}


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"paused_reason": "unauthorised", "failures": 3}, "wrong"),
        ({"paused_reason": "not_configured"}, "doubtful"),
        ({"failures": 1, "failing_since": timezone.now()}, "doubtful"),
    ],
)
def test_a_destination_in_trouble(values: dict[str, Any], verdict: str) -> None:
    row = destination_of()
    Destination.objects.filter(pk=row.pk).update(**values)
    assert ill() == {f"destination {row.pk} (site=1 organization=-)": verdict}


def test_statements_in_trouble() -> None:
    for number, state in enumerate((State.PARKED, State.DELIVERED, State.WAITING)):
        row = add(number)
        Statement.objects.filter(pk=row.pk).update(state=state)
    waiting = Statement.objects.get(state=State.WAITING)
    Statement.objects.filter(pk=waiting.pk).update(stored_at=timezone.now())
    assert ill() == {"parked statements": "wrong"}
    Statement.objects.filter(state=State.WAITING).update(stored_at=timezone.now() - EARLIER)
    assert ill() == {"parked statements": "wrong", "waiting statements": "wrong"}


@pytest.mark.parametrize(
    ("values", "tone"),
    [
        ({"failures": 9, "failing_since": timezone.now() - EARLIER, "last_error": "503: no words"}, "warning"),
        ({"paused_reason": "not_configured"}, "warning"),
        ({"paused_reason": "refused", "failures": 1, "last_error": "400: no"}, "error"),
        ({"paused_reason": "own_credentials", "last_error": "no"}, "error"),
    ],
)
def test_what_waits_for_a_destination_needs_no_worker(values: dict[str, Any], tone: str) -> None:
    """The doctor and the overview agree that something is wrong, and that it is not a worker that is missing."""
    row = add(1)
    Statement.objects.update(stored_at=timezone.now() - EARLIER, due_at=timezone.now() - EARLIER)
    Destination.objects.update(retry_at=timezone.now() + timedelta(minutes=20), **values)

    found = ill()
    assert found.pop("waiting statements") == "doubtful"
    assert list(found) == [f"destination {row.destination_id} (site=1 organization=-)"]
    sites, hints = figures.gathered(timezone.now())
    assert verdict.of_site(sites[0], hints, timezone.now()).tone == tone


def retire(user: Any, state: str) -> None:
    """The account as the platform leaves it in a step of its retirement."""
    step, _ = RetirementState.objects.get_or_create(state_name=state, defaults={"state_execution_order": len(state)})
    UserRetirementStatus.objects.create(
        user=user, original_username=user.username, original_email=user.email, current_state=step, responses=""
    )
    get_user_model().objects.filter(pk=user.pk).update(email=f"retired__user_{user.pk}@retired.invalid")


def test_a_retired_learner_whose_notice_was_lost() -> None:
    gone, asking, other = a_learner("gone"), a_learner("asking"), a_learner("other")
    for learner in (gone, asking, other):
        LearnerCourse.objects.create(
            user_id=learner.pk, course_key=KEY, site_id=1, registration=uuid4(), sequence=1, hold_reason="retired"
        )
    retire(gone, "COMPLETE")
    retire(asking, "PENDING")
    assert ill() == {"retired learners": "wrong"}

    assert retired.erase_left() == 1
    assert set(LearnerCourse.objects.values_list("user_id", flat=True)) == {asking.pk, other.pk}
    assert ill() == {"erasures": "doubtful"}
    # The other one asked, and took it back: what was held is looked at again.
    assert retired.take_back() == 1
    assert list(Notice.objects.values_list("user_id", flat=True)) == [other.pk]


def test_erasures_to_ask_for() -> None:
    ErasureRequest.objects.create(site_id=1, registrations=str(uuid4()), statements=1, erased_at=timezone.now())
    assert ill() == {"erasures": "doubtful"}


def test_a_course_that_cannot_be_completed(settings: Any) -> None:
    learner = a_learner()
    course = a_course(graded=False)
    enrolled(learner, course)
    Notice.objects.all().delete()
    LearnerCourse.objects.create(user_id=learner.pk, course_key=str(course), site_id=1, registration=uuid4())
    assert ill() == {"ungraded courses of site 1": "doubtful"}
    settings.PERCIPIO_COMPLETED_ON = "any"
    assert ill() == {}


def test_online(arriving: Sandbox, manage: Manage) -> None:
    assert ill(is_online=True) == {}
    assert manage("percipio_doctor", "--online").code == 0
    arriving.set_scenario("token-refused")
    ran = manage("percipio_doctor", "--online")
    assert ran.code == 1
    assert "canary-secret" not in ran.out
    assert arriving.statements == []


def test_offline_nothing_is_asked_of_percipio(arriving: Sandbox, manage: Manage) -> None:
    manage("percipio_doctor")
    assert arriving.requests == []
