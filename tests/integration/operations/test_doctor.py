"""Each thing that can be out of order is named, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import pytest
from celery import current_app
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.utils import timezone
from event_routing_backends.models import RouterConfiguration
from eventtracking import tracker as trackers
from eventtracking.backends.async_routing import AsyncRoutingBackend
from kombu import Connection
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx.core.djangoapps.user_api.models import RetirementState, UserRetirementStatus

from percipio_openedx import config, edx_platform
from percipio_openedx.capture import notices
from percipio_openedx.event_routing.backend import OnDemand
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import (
    CourseOverride,
    Destination,
    ErasureRequest,
    LearnerCourse,
    Notice,
    PercipioConfiguration,
    PullClient,
    Statement,
)
from percipio_openedx.models.statement import State
from percipio_openedx.operations import course_checks, installation_checks, retention, status
from percipio_openedx.operations.checks import CheckVerdict, skipped
from percipio_openedx.operations.doctor import examine
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, a_site, enrolled
from tests.integration.delivery.rows import add, destination_of
from tests.integration.lrs.rows import a_client, an_application, restrict

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

Manage = Callable[..., Any]
EARLIER = timedelta(days=2)


@pytest.fixture(autouse=True)
def _worker(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A worker answers, somebody is told, and the cache is a shared one."""
    monkeypatch.setattr(installation_checks, "_workers", lambda: 1)
    monkeypatch.setattr(installation_checks, "OWN", ("dummy",))
    settings.PERCIPIO_ALERT_EMAILS = ["operator@example.com"]


def ill(*, is_online: bool = False) -> dict[str, str]:
    """The names and verdicts of what is not well."""
    found = {finding.name: finding for finding in examine(is_online=is_online)}
    for finding in found.values():
        assert bool(finding.fix) is (finding.verdict in ("doubtful", "wrong")), finding
    return {name: finding.verdict.value for name, finding in found.items() if finding.fix}


def test_a_well_installation(manage: Manage) -> None:
    assert ill() == {}
    ran = manage("percipio_doctor")
    assert (ran.code, ran.err) == (0, "")
    assert "   ok  migrations" in ran.lines
    assert {document["verdict"] for document in manage("percipio_doctor", "--json").documents} == {"well", "skipped"}


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("setting", "value", "name", "verdict"),
    [
        ("PERCIPIO_OBSERVE_AFTER", -1, "settings", "wrong"),
        ("PERCIPIO_PULL_RATE", "often", "settings", "wrong"),
        ("PERCIPIO_ALERT_AFTER", 1, "settings", "wrong"),
        ("PERCIPIO_ALERT_EMAILS", "operator@example.com", "settings", "wrong"),
        ("PERCIPIO_ALERT_EMAILS", [], "alerts", "doubtful"),
        ("PERCIPIO_RETENTION_DAYS", "long", "settings", "wrong"),
        ("PERCIPIO_RETENTION_PARKED_DAYS", -1, "settings", "wrong"),
        ("PERCIPIO_RETENTION_LOG_DAYS", None, "settings", "wrong"),
        ("DEBUG", True, "debug", "doubtful"),
        ("SECRET_KEY", "insecure-secret-key", "encryption key", "wrong"),
        ("SECRET_KEY", "short", "encryption key", "wrong"),
        ("SECRET_KEY_FALLBACKS", ["dev key of the time before"], "encryption key", "doubtful"),
        ("PERCIPIO_ENCRYPTION_KEYS", ["DUMMY KEY CHANGE BEFORE GOING TO PRODUCTION"], "encryption key", "wrong"),
        ("PERCIPIO_ENCRYPTION_KEYS", "one text and no list of texts", "encryption key", "wrong"),
        ("PERCIPIO_COMPLETED_OM", "passed", "settings", "doubtful"),
        ("PERCIPIO_PARALLEL_RUNS", 0, "settings", "wrong"),
        ("TRACKING_IGNORE_URL_PATTERNS", ["^/event"], "tracking log", "wrong"),
        ("LMS_ROOT_URL", "", "LMS address", "wrong"),
        ("PERCIPIO_REGION", "moon", "configuration of example.com", "wrong"),
        ("PERCIPIO_KEEP_EVENT_ROUTING", "yes", "settings", "wrong"),
    ],
)
def test_settings(settings: Any, setting: str, value: Any, name: str, verdict: str) -> None:
    setattr(settings, setting, value)
    assert ill()[name] == verdict


def test_nobody_reports(settings: Any) -> None:
    settings.PERCIPIO_CLIENT_ID = settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_SECRET = ""
    assert ill() == {"sites": "wrong"}


def test_a_site_that_is_switched_off_is_no_problem() -> None:
    PercipioConfiguration.objects.create(site_id=1, enabled=False)
    assert ill() == {}


def test_an_lms_that_is_switched_off_is_no_problem(settings: Any) -> None:
    settings.PERCIPIO_ENABLED = False
    assert ill() == {}
    (switch,) = [found for found in examine() if found.name == "switch"]
    assert switch == skipped("switch", "PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent")


def test_missing_migrations_end_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    class Executor(installation_checks.MigrationExecutor):
        def migration_plan(self, targets: Any, clean_start: bool = False) -> Any:
            return [(self.loader.graph.nodes["percipio_openedx", "0001_initial"], False)]

    monkeypatch.setattr(installation_checks, "MigrationExecutor", Executor)
    found = {finding.name: finding for finding in examine()}
    assert found["migrations"].seen == "not applied: 0001_initial"
    assert "notices" not in found


def test_a_signal_that_this_release_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edx_platform, "missing_signals", ["openedx_events.learning.signals.NEW"])
    assert ill() == {"signals": "doubtful"}


@pytest.mark.parametrize(
    ("keep", "has_router", "tracked", "verdict", "seen"),
    [
        (None, False, OnDemand(), "well", "none: nobody has asked for it"),
        (None, False, None, "well", "none: nobody has asked for it"),
        (None, True, OnDemand(), "well", "goes on: a router is configured"),
        (True, False, AsyncRoutingBackend(), "well", "goes on: asked for by PERCIPIO_KEEP_EVENT_ROUTING"),
        (False, True, None, "doubtful", "a router is configured, and no event is routed to it"),
        (
            *(None, False, AsyncRoutingBackend(), "doubtful"),
            "every learner event is transformed and logged for an LRS that nobody has configured",
        ),
    ],
)
def test_event_routing(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    keep: bool | None,
    has_router: bool,
    tracked: Any,
    verdict: str,
    seen: str,
) -> None:
    settings.PERCIPIO_KEEP_EVENT_ROUTING = keep
    backends = {"event_transformer": tracked} if tracked else {}
    monkeypatch.setitem(trackers.TRACKERS, "default", trackers.Tracker(backends))
    if has_router:
        RouterConfiguration.objects.create(route_url="https://lrs.example.com", configurations={}, enabled=True)
    found = {finding.name: finding for finding in examine()}["event routing"]
    assert (found.verdict, found.seen) == (verdict, seen)


def test_a_pull_client_that_can_read() -> None:
    a_client()
    assert ill() == {}


@pytest.mark.parametrize(
    ("change", "verdict", "seen"),
    [
        ({"authorization_grant_type": "password"}, "wrong", "Its grant type is not client credentials."),
        ({"scopes": ("read",)}, "wrong", "It has no application access with the scope percipio:read."),
    ],
)
def test_a_pull_client_that_cannot_read(change: dict[str, Any], verdict: str, seen: str) -> None:
    client = PullClient.objects.get(client_id=a_client(**change).client_id)
    found = {finding.name: finding for finding in examine()}[f"pull client {client.pk}"]
    assert (found.verdict, found.seen) == (verdict, seen)
    PullClient.objects.update(enabled=False)
    assert ill() == {}


def test_a_pull_client_whose_signed_tokens_are_refused() -> None:
    """They do not say which application they are of, and its user has two."""
    application = a_client()
    an_application("other", user=application.user)
    name = f"pull client {PullClient.objects.get().pk}"
    assert ill() == {name: "doubtful"}
    restrict(application)
    assert ill() == {name: "wrong"}


def test_a_receiver_that_is_not_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices.CERTIFICATE_REVOKED, "receivers", [])
    assert ill() == {"receivers": "wrong"}


@pytest.mark.parametrize("door", ["course", "grades", "certificates", "enrollments", "retiring", "activities"])
def test_a_function_of_the_lms_that_fails(monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    def broken(*_: Any) -> Any:
        raise PlatformUnavailable(door)

    monkeypatch.setattr(edx_platform, door, broken)
    assert [verdict for name, verdict in ill().items() if name.startswith("LMS: ")] == ["wrong"]


def test_no_source_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edx_platform, "progress_sources", list)
    assert ill() == {"course progress": "wrong"}


@pytest.mark.parametrize(("rule", "verdict"), [("course", "doubtful"), ("progress", "wrong")])
def test_completions_are_not_recorded(settings: Any, monkeypatch: pytest.MonkeyPatch, rule: str, verdict: str) -> None:
    settings.PERCIPIO_COMPLETED_ON = rule
    monkeypatch.setattr(edx_platform, "is_completion_on", lambda: False)
    assert ill() == {"completion tracking": verdict}


def test_a_cache_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation_checks, "OWN", ("locmem",))
    assert ill() == {"cache": "doubtful"}


def test_a_cache_that_forgets(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert ill()["cache"] == "wrong"


def test_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation_checks, "_workers", lambda: 0)
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
        ({"paused_reason": "unauthorized", "failures": 3}, "wrong"),
        ({"failures": 1, "failing_since": timezone.now()}, "doubtful"),
    ],
)
def test_a_destination_with_a_problem(values: dict[str, Any], verdict: str) -> None:
    Destination.objects.filter(pk=destination_of().pk).update(**values)
    assert ill() == {"destinations": verdict}


def test_a_plain_answer_that_is_believed_is_shown() -> None:
    now = timezone.now()
    row = destination_of()
    said = {"plain_answer": "200: OK", "plain_answer_since": now, "plain_answer_trusted_at": now}
    Destination.objects.filter(pk=row.pk).update(**said)
    found = {finding.name: finding for finding in examine()}
    shown = found["plain answer"]
    assert (shown.verdict, "200: OK" in shown.seen) == ("well", True)
    assert ill() == {}


def test_statements_with_a_problem() -> None:
    for number, state in enumerate((State.PARKED, State.DELIVERED, State.WAITING)):
        row = add(number)
        Statement.objects.filter(pk=row.pk).update(state=state, due_at=timezone.now())
    assert ill() == {"parked statements": "wrong"}
    Statement.objects.filter(state=State.WAITING).update(due_at=timezone.now() - EARLIER)
    assert ill() == {"parked statements": "wrong", "waiting statements": "wrong"}


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

    assert retention.erase_retired({}) == 1
    assert set(LearnerCourse.objects.values_list("user_id", flat=True)) == {asking.pk, other.pk}
    assert ill() == {"erasure requests": "doubtful"}


def test_a_course_that_cannot_be_completed(settings: Any) -> None:
    learner = a_learner()
    course = a_course(graded=False)
    enrolled(learner, course)
    Notice.objects.all().delete()
    LearnerCourse.objects.create(user_id=learner.pk, course_key=str(course), site_id=1, registration=uuid4())
    assert ill() == {}
    settings.PERCIPIO_COMPLETED_ON = "passed"
    assert ill() == {"ungraded courses of example.com": "doubtful"}
    settings.PERCIPIO_COMPLETED_ON = "any"
    assert ill() == {}


@pytest.mark.parametrize(
    ("chosen", "account"),
    [
        ({"RETIRED_EMAIL_PREFIX": "gone__"}, {"email": "gone__4fe1@retired.invalid"}),
        ({"RETIRED_EMAIL_DOMAIN": "away.example"}, {"email": "retired__user_4fe1@away.example"}),
        ({"RETIRED_EMAIL_FMT": "x-{}@away.example"}, {"email": "X-4fe1@Away.example"}),
        ({"RETIRED_USERNAME_PREFIX": "gone__"}, {"username": "gone__4fe1", "is_active": False}),
    ],
)
def test_a_retired_learner_is_found_by_the_names_that_the_lms_gives(
    settings: Any, chosen: dict[str, str], account: dict[str, Any]
) -> None:
    for name, value in chosen.items():
        setattr(settings, name, value)
    gone, other = a_learner("gone"), a_learner("other")
    for learner in (gone, other):
        LearnerCourse.objects.create(
            user_id=learner.pk, course_key=KEY, site_id=1, registration=uuid4(), sequence=1, hold_reason="retired"
        )
    get_user_model().objects.filter(pk=gone.pk).update(**account)

    assert ill() == {"retired learners": "wrong"}
    assert retention.erase_retired({}) == 1
    assert list(LearnerCourse.objects.values_list("user_id", flat=True)) == [other.pk]


def test_erasures_to_ask_for() -> None:
    ErasureRequest.objects.create(site_id=1, registrations=str(uuid4()), statements=1, erased_at=timezone.now())
    assert ill() == {"erasure requests": "doubtful"}


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


@pytest.mark.parametrize("name", ["clearsessions", "migrate", "percipio_run"])
def test_a_wrong_setting_ends_no_command_of_the_lms(settings: Any, name: str) -> None:
    settings.PERCIPIO_OBSERVE_AFTER, settings.PERCIPIO_REGION = "soon", "moon"
    settings.PERCIPIO_ENCRYPTION_KEYS, settings.PERCIPIO_COMPLETED_OM = "no list", "passed"
    err = StringIO()
    call_command(name, stdout=StringIO(), stderr=err, skip_checks=False)

    said = err.getvalue()
    for words in (
        "PERCIPIO_OBSERVE_AFTER is 'soon'",
        "PERCIPIO_REGION is 'moon'",
        "Did you mean PERCIPIO_COMPLETED_ON?",
    ):
        assert words in said


def test_who_wants_to_fail_on_a_wrong_setting_can(settings: Any) -> None:
    settings.PERCIPIO_REGION = "moon"
    with pytest.raises(SystemCheckError, match="PERCIPIO_REGION"):
        call_command("check", "--tag", "percipio", "--fail-level", "WARNING", stdout=StringIO(), stderr=StringIO())


@pytest.mark.parametrize(("undoes", "verdict"), [(0, CheckVerdict.WELL), (1, CheckVerdict.DOUBTFUL)])
def test_a_database_whose_timeouts_undo_whole_transactions(
    monkeypatch: pytest.MonkeyPatch, undoes: int, verdict: CheckVerdict
) -> None:
    """No such server is at hand: the variable is read as MariaDB and MySQL give it."""
    cursor = MagicMock()
    cursor.__enter__.return_value.fetchone.return_value = (undoes,)
    server = SimpleNamespace(vendor="mysql", cursor=lambda: cursor)
    monkeypatch.setattr(installation_checks, "connections", {"default": server})

    assert [found.verdict for found in installation_checks.timeouts()] == [verdict]


def test_the_variable_is_one_of_the_server() -> None:
    expected = [CheckVerdict.WELL] if connection.vendor == "mysql" else []
    assert [found.verdict for found in installation_checks.timeouts()] == expected


def test_it_says_whom_each_site_reports(manage: Manage, settings: Any) -> None:
    course = a_course()
    for name in ("amina", "bela"):
        enrolled(a_learner(name, is_active=name == "amina"), course)
    settings.PERCIPIO_LEARNERS = "all"
    found = {one["name"]: one for one in manage("percipio_doctor", "--json").documents}
    said = "Reports 1 learner in 1 of 1 course; 1 other is not reported, because: account not active (1)."

    assert found["learners of example.com"]["verdict"] == "well"
    assert found["learners of example.com"]["seen"].startswith(f"{said} (as of ")
    assert any(said in line for line in manage("percipio_doctor").lines)


def test_a_site_that_reports_nobody_is_doubtful(settings: Any) -> None:
    enrolled(a_learner(), a_course())
    settings.PERCIPIO_LEARNERS = "sso:tpa-saml"

    assert ill()["learners of example.com"] == "doubtful"


def test_a_site_that_is_mistaken_or_off_is_not_counted(manage: Manage, settings: Any) -> None:
    enrolled(a_learner(), a_course())
    settings.PERCIPIO_LEARNERS = "some"
    found = {one["name"]: one for one in manage("percipio_doctor", "--json").documents}

    assert "learners of example.com" not in found
    assert "PERCIPIO_LEARNERS" in found["configuration of example.com"]["seen"]


@pytest.mark.parametrize("own", ["", "of-its-own"])
def test_courses_that_share_a_slug(settings: Any, own: str) -> None:
    settings.PERCIPIO_CONTENT_ID = "slug"
    for key in ("course-v1:Acme-Corp+X+1", "course-v1:Acme-Corp+X+2", "course-v1:Other+X+1"):
        CourseOverview.get_from_id(a_course(key, units=1))
    assert ill() == {}
    CourseOverview.get_from_id(a_course("course-v1:Acme+Corp-X+1", units=1))
    CourseOverride.objects.create(course_key="course:Acme+Corp-X", content_id=own)
    (found,) = [one for one in examine() if one.name == "content ids of example.com"]
    shared = "Acme-Corp-X stands for several courses: course:Acme+Corp-X, course:Acme-Corp+X"
    assert (found.verdict, found.seen) == (("well", "each is one course's alone") if own else ("wrong", shared))


def test_a_shared_slug_is_a_sites_own_matter(settings: Any) -> None:
    settings.PERCIPIO_CONTENT_ID = "slug"
    a_site("acme.example", "Acme")
    for key in ("course-v1:Acme-Corp+X+1", "course-v1:Acme+Corp-X+1"):
        CourseOverview.get_from_id(a_course(key, units=1))
    assert ill() == {}


def test_an_item_of_which_the_lms_does_not_answer_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    applications = [a_client("one"), a_client("two")]
    clients = [PullClient.objects.get(client_id=one.client_id) for one in applications]
    mistakes = edx_platform.application_mistakes

    def silent(client_id: str, scope: str) -> list[str]:
        if client_id == clients[0].client_id:
            raise PlatformUnavailable("oauth_dispatch", "does not answer")
        return mistakes(client_id, scope)

    monkeypatch.setattr(edx_platform, "application_mistakes", silent)
    found = {one.name: one for one in examine()}
    first, second = (found[f"pull client {client.pk}"] for client in clients)
    assert (first.verdict, "does not answer" in first.seen) == (CheckVerdict.DOUBTFUL, True)
    assert second.verdict is CheckVerdict.WELL


def test_completions_of_which_the_lms_does_not_answer_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> bool:
        raise PlatformUnavailable("completion", "does not answer")

    monkeypatch.setattr(edx_platform, "is_completion_on", silent)
    found = {one.name: one for one in examine()}["completion tracking"]
    assert (found.verdict, found.fix) == (CheckVerdict.WRONG, str(installation_checks.UPGRADE))


def test_a_catalog_that_cannot_be_read_hides_no_other_sites(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PERCIPIO_CATALOG = "chosen"
    other = a_site("other.example.com", "OtherX")
    catalog_for = config.catalog_for

    def silent(site_id: int) -> Any:
        if site_id == 1:
            raise PlatformUnavailable("site_configuration", "does not answer")
        return catalog_for(site_id)

    monkeypatch.setattr(config, "catalog_for", silent)
    seen = {one.name: one.seen for one in course_checks.catalogs(status.take(timezone.now(), [other.pk]), dict)}
    assert "does not answer" in seen["catalog of example.com"]
    assert "does not answer" not in seen["catalog of other.example.com"]
