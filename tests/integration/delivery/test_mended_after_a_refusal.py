"""What Percipio refused leaves under the same id, built from what is true once the cause is mended in the LMS.

The guide's own procedure (docs/troubleshooting.md, "Statements are parked"): mend the cause, then choose Send again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.utils import timezone
from social_django.models import UserSocialAuth

from percipio_openedx import edx_platform
from percipio_openedx.delivery.claim import Claims
from percipio_openedx.models import (
    CourseOverride,
    Destination,
    LearnerCourse,
    PercipioConfiguration,
    PullClient,
    Statement,
)
from percipio_openedx.models.statement import State
from percipio_openedx.operations.requeue import requeue
from percipio_openedx.operations.run import run_once
from percipio_openedx.reporting import rebuild_due
from percipio_openedx.reporting.retirement import erase
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.test_reporting import grade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

REFUSED = "bad-request-one=course:DemoX+CS101"


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, reporting: Any) -> Iterator[Sandbox]:
    with Sandbox(scenario=getattr(request, "param", REFUSED)) as sandbox:
        reporting.PERCIPIO_API_URL, reporting.PERCIPIO_TOKEN_URL = sandbox.url, sandbox.token_url
        yield sandbox


def work(passes: int = 3) -> None:
    for _ in range(passes):
        Destination.objects.update(retry_at=None)
        run_once(budget=10)


def reported(**account: str) -> tuple[Any, Any]:
    """A learner who has passed and completed, and passes of a worker."""
    course, learner = a_course(units=2), a_learner(**account)
    enrolled(learner, course)
    grade(learner, course)
    work()
    return course, learner


def refused(**account: str) -> tuple[Any, Any]:
    """A learner whose reports are all parked, for they hold the word that this Percipio does not know."""
    found = reported(**account)
    assert states() == {State.PARKED}
    return found


def waiting(sandbox: Sandbox) -> tuple[Any, Any]:
    """A learner whose reports all wait, for the credentials are refused: none was ever sent."""
    sandbox.set_scenario("token-refused")
    found = reported()
    assert states() == {State.WAITING}
    sandbox.set_scenario("ok")
    return found


def states() -> set[str]:
    return set(Statement.objects.values_list("state", flat=True))


def bodies() -> dict[Any, bytes]:
    return {uuid: bytes(body) for uuid, body in Statement.objects.values_list("uuid", "body")}


def frozen() -> list[tuple[Any, ...]]:
    columns = ("uuid", "registration", "kind", "value", "sequence", "happened_at", "stored_at")
    return list(Statement.objects.order_by("pk").values_list(*columns))


def arrived(sandbox: Sandbox) -> list[dict[str, Any]]:
    return list(sandbox.statements)


def retry() -> None:
    call_command("percipio_retry", "--parked")


def test_the_course_is_given_its_id_of_the_catalog(sandbox: Sandbox) -> None:
    course, _learner = refused()
    before = frozen()
    CourseOverride.objects.create(course_key=str(course), content_id="percipio-4711")
    retry()
    assert states() == {State.OUTDATED}
    work()
    assert states() == {State.DELIVERED}
    assert frozen() == before
    sent = arrived(sandbox)
    assert [one["id"] for one in sent] == [str(row[0]) for row in before]
    assert {one["object"]["id"] for one in sent} == {"https://academy.demo.local/percipio/launch/percipio-4711"}


@pytest.mark.parametrize("sandbox", ["bad-request-one=amina@exmaple.com"], indirect=True)
def test_the_learners_address_is_mended(sandbox: Sandbox) -> None:
    _course, learner = refused(email="amina@exmaple.com")
    learner.email = "amina@example.com"
    learner.save()
    retry()
    work()
    assert states() == {State.DELIVERED}
    assert {one["actor"]["mbox"] for one in arrived(sandbox)} == {"mailto:amina@example.com"}


@pytest.mark.parametrize("sandbox", ["bad-request-one=wrong-id"], indirect=True)
def test_the_single_sign_on_value_is_mended(sandbox: Sandbox, settings: Any) -> None:
    settings.PERCIPIO_LEARNER_ID = "sso:employee"
    course, learner = a_course(units=2), a_learner()
    link = UserSocialAuth.objects.create(user=learner, provider="p", uid="1", extra_data={"employee": "wrong-id"})
    enrolled(learner, course)
    grade(learner, course)
    work()
    assert states() == {State.PARKED}
    link.extra_data = {"employee": "right-id"}
    link.save()
    retry()
    work()
    assert states() == {State.DELIVERED}
    assert {one["actor"]["account"]["name"] for one in arrived(sandbox)} == {"right-id"}


def test_the_site_names_courses_by_run(sandbox: Sandbox, settings: Any) -> None:
    refused()
    settings.PERCIPIO_CONTENT_ID = "course_run"
    retry()
    work()
    assert states() == {State.DELIVERED}


def test_score_success_and_time_stay_those_of_the_milestone(sandbox: Sandbox, settings: Any) -> None:
    course, learner = refused()
    before = {one["id"]: one.get("result") for one in map(json.loads, bodies().values())}
    assert any(result and "score" in result for result in before.values())
    grade(learner, course, 0.2, passing=False)
    settings.PERCIPIO_CONTENT_ID = "course_run"
    retry()
    work()
    assert {one["id"]: one.get("result") for one in arrived(sandbox)} == before


def test_what_waits_is_built_anew_when_the_site_names_otherwise(sandbox: Sandbox, settings: Any) -> None:
    """Every statement waits, for the credentials are refused; the naming is changed before they are mended."""
    waiting(sandbox)
    settings.PERCIPIO_CONTENT_ID = "course_run"
    work()
    assert states() == {State.DELIVERED}
    assert {one["object"]["id"] for one in arrived(sandbox)} == {KEY}


def test_what_waits_goes_to_the_organization_of_now(sandbox: Sandbox, settings: Any) -> None:
    settings.PERCIPIO_ORGANIZATION_ID = "old"
    waiting(sandbox)
    settings.PERCIPIO_ORGANIZATION_ID = "new"
    work()
    assert states() == {State.DELIVERED}
    assert set(Statement.objects.values_list("destination__organization", flat=True)) == {"new"}


def test_a_course_answer_counts_for_what_waits(sandbox: Sandbox, settings: Any) -> None:
    course, _learner = waiting(sandbox)
    answer = CourseOverride.objects.create(course_key=str(course), content_id="other")
    assert states() == {State.OUTDATED}
    rebuild_due()
    assert states() == {State.WAITING}
    answer.content_id = "percipio-4711"
    answer.save()
    work()
    assert {one["object"]["id"].rpartition("/")[2] for one in arrived(sandbox)} == {"percipio-4711"}


@pytest.mark.parametrize("act", ["save", "delete", "delete_many"])
def test_a_course_answer_for_all_runs_counts_too(sandbox: Sandbox, settings: Any, act: str) -> None:
    answer = CourseOverride.objects.create(course_key="course:DemoX+CS101", content_id="before")
    other = CourseOverride.objects.create(course_key="course:DemoX+CS10", content_id="elsewhere")
    waiting(sandbox)
    other.save()
    assert states() == {State.WAITING}
    {"save": answer.save, "delete": answer.delete, "delete_many": CourseOverride.objects.all().delete}[act]()
    assert states() == {State.OUTDATED}


@pytest.mark.parametrize("sandbox", ["server-500"], indirect=True)
def test_what_was_answered_5xx_keeps_its_bytes(sandbox: Sandbox, settings: Any) -> None:
    """It may have been stored before the server broke."""
    reported()
    row = Statement.objects.order_by("sequence").first()
    assert row is not None
    assert row.in_doubt and row.status == 500
    before, destination = bytes(row.body), row.destination_id
    settings.PERCIPIO_CONTENT_ID, settings.PERCIPIO_ORGANIZATION_ID = "course_run", "new"
    Statement.objects.filter(pk=row.pk).update(state=State.PARKED, settled_at=row.stored_at)
    retry()
    work(1)
    row.refresh_from_db()
    assert (bytes(row.body), row.destination_id) == (before, destination)
    assert row.state != State.OUTDATED


@pytest.mark.parametrize("sandbox", ["ok"], indirect=True)
def test_what_was_delivered_keeps_its_bytes(sandbox: Sandbox, settings: Any) -> None:
    reported()
    assert states() == {State.DELIVERED}
    before = bodies()
    settings.PERCIPIO_CONTENT_ID = "course_run"
    requeue(Statement.objects.filter(uuid__in=before), lambda: False)
    assert states() == {State.WAITING}
    work()
    assert states() == {State.DELIVERED}
    assert bodies() == before


def test_what_somebody_may_have_pulled_keeps_its_bytes(sandbox: Sandbox, settings: Any) -> None:
    refused()
    before = bodies()
    PullClient.objects.create(site=Site.objects.get(pk=1), client_id="reader", enabled=True)
    settings.PERCIPIO_CONTENT_ID = "course_run"
    retry()
    work()
    assert bodies() == before
    assert states() == {State.PARKED}


def test_what_somebody_may_pull_since_it_was_outdated_keeps_its_bytes(sandbox: Sandbox, settings: Any) -> None:
    refused()
    before = bodies()
    settings.PERCIPIO_CONTENT_ID = "course_run"
    retry()
    PullClient.objects.create(site=Site.objects.get(pk=1), client_id="reader", enabled=True)
    work()
    assert bodies() == before


def test_who_can_be_named_no_more_waits_with_the_reason(sandbox: Sandbox, settings: Any) -> None:
    _course, learner = refused()
    before = bodies()
    learner.email = ""
    learner.save()
    settings.PERCIPIO_CONTENT_ID = "course_run"
    retry()
    rebuild_due()
    rows = list(Statement.objects.all())
    assert {(row.state, row.answer) for row in rows} == {(State.OUTDATED, "cannot be rebuilt yet: no_email")}
    assert bodies() == before
    first = {row.due_at for row in rows}
    Statement.objects.bring_forward(rows[0].stored_at)
    rebuild_due()
    again = Statement.objects.first()
    assert again is not None
    assert again.attempts == 2 and again.due_at > max(first)

    learner.email = "amina@example.com"
    learner.save()
    call_command("percipio_retry", "--now")
    work()
    assert states() == {State.DELIVERED}


def test_an_account_that_is_inactive_waits(sandbox: Sandbox) -> None:
    _course, learner = refused()
    learner.is_active = False
    learner.save()
    retry()
    work()
    assert states() == {State.OUTDATED}
    assert arrived(sandbox) == []


def test_a_retired_learner_is_erased_with_what_was_to_be_built(sandbox: Sandbox) -> None:
    _course, learner = refused()
    retry()
    erase(learner.pk)
    work()
    assert not Statement.objects.exists()
    assert arrived(sandbox) == []


def test_what_is_to_be_built_holds_back_its_own_learner_and_course_alone(sandbox: Sandbox, settings: Any) -> None:
    _course, amina = refused()
    retry()
    settings.PERCIPIO_CONTENT_ID = "course_run"
    amina.email = ""
    amina.save()
    # All but the first leave their line only behind it.
    first, *later = Statement.objects.order_by("sequence").values_list("pk", flat=True)
    Statement.objects.filter(pk__in=later).update(state=State.WAITING, built_by="")
    other = a_learner("bela")
    enrolled(other, _course)
    work()
    assert set(Statement.objects.filter(pk=first).values_list("state", flat=True)) == {State.OUTDATED}
    assert set(Statement.objects.filter(pk__in=later).values_list("state", flat=True)) == {State.WAITING}
    theirs = Statement.objects.filter(learner_course__user_id=other.pk)
    assert set(theirs.values_list("state", flat=True)) == {State.DELIVERED}


def test_what_was_stored_with_a_former_configuration_is_never_claimed(sandbox: Sandbox, settings: Any) -> None:
    """A worker that began before the change stores after the comparison: the claim finds it."""
    waiting(sandbox)
    destination = Destination.objects.get()
    claims = Claims(destination.pk, uuid4(), 20.0, "another")
    assert claims.claim(timezone.now(), 10) == ()
    first = Statement.objects.order_by("sequence").first()
    assert first is not None
    assert first.state == State.OUTDATED


def test_nothing_is_built_anew_where_nothing_has_changed(
    sandbox: Sandbox, settings: Any, django_assert_max_num_queries: Any
) -> None:
    waiting(sandbox)
    before = bodies()
    with django_assert_max_num_queries(8):
        done = rebuild_due()
    assert (done.built, done.put_off) == (0, 0)
    assert (bodies(), states()) == (before, {State.WAITING})


def test_own_credentials_that_are_gone_give_nothing_to_those_of_the_settings(
    sandbox: Sandbox, settings: Any, reporting: Any
) -> None:
    own = {"partner_name": "own", "client_id": "own-client", "client_secret": "own-secret", "enabled": True}
    PercipioConfiguration.objects.create(site_id=1, **own)
    reported()
    assert states() <= {State.WAITING, State.PARKED}
    PercipioConfiguration.objects.create(site_id=1, enabled=True)
    settings.PERCIPIO_CONTENT_ID = "course_run"
    retry()
    work()
    assert arrived(sandbox) == []
    assert set(Statement.objects.values_list("destination__own_credentials", flat=True)) == {True}


def test_one_course_that_cannot_be_read_holds_back_no_other(
    sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    course, _learner = refused()
    settings.PERCIPIO_CONTENT_ID = "course_run"
    other_course, other = a_course("course-v1:DemoX+CS102+2026", units=2), a_learner("bela")
    enrolled(other, other_course)
    work()
    sandbox.set_scenario("bad-request-one=CS10")
    grade(other, other_course)
    work()
    parked = Statement.objects.filter(state=State.PARKED)
    assert len(set(parked.values_list("learner_course_id", flat=True))) == 2
    sandbox.set_scenario("ok")
    retry()
    read = edx_platform.course

    def broken(key: str) -> Any:
        if key == str(course):
            raise OSError("no such block structure")
        return read(key)

    monkeypatch.setattr(edx_platform, "course", broken)
    work()
    of = Statement.objects.values_list("state", flat=True)
    assert set(of.filter(learner_course__course_key=str(other_course))) == {State.DELIVERED}
    assert set(of.filter(learner_course__course_key=KEY)) == {State.OUTDATED}
    monkeypatch.undo()
    call_command("percipio_retry", "--now")
    work()
    assert states() == {State.DELIVERED}
    assert LearnerCourse.objects.count() == 2
