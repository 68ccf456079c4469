"""The catalog on its way to Percipio, over loopback: every answer, crashes, two accounts, the order of statements."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from percipio_openedx.catalog import push, send
from percipio_openedx.catalog.push import Pushed, SiteCatalog, differences, push_due, without_organization
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.items_first import ItemsFirst
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import (
    Account,
    CatalogEntry,
    CourseOverride,
    DeliveryAttempt,
    Destination,
    PercipioConfiguration,
)
from percipio_openedx.operations import sites
from percipio_openedx.operations.run import run_once
from percipio_sandbox import Sandbox
from tests.integration.builders import a_site
from tests.integration.catalog.overviews import an_overview, overviews
from tests.integration.delivery.odd_server import OddServer, answer
from tests.integration.delivery.rows import add

pytestmark = pytest.mark.django_db

KEY = "course-v1:Org+C+R"
ITEM = "course:Org+C"


@pytest.fixture(autouse=True)
def pushing(arriving: Sandbox, settings: Any) -> Iterator[Any]:
    """A site that sends all of its visible courses to an organization."""
    tokens._memory.clear()
    settings.LMS_ROOT_URL = "https://lms.example.com"
    settings.PERCIPIO_CATALOG = "all visible"
    settings.PERCIPIO_CATALOG_PUSH = True
    settings.PERCIPIO_ORGANIZATION_ID = "globex"
    settings.PERCIPIO_TIMEOUT = 1
    yield settings
    tokens._memory.clear()


def pass_() -> Pushed:
    """What a worker's pass does for the catalog."""
    return push_due(sites.reporting().values())


def later() -> None:
    """Everything that waits, and the next comparison, is due."""
    CatalogEntry.objects.update(due_at=timezone.now())
    Destination.objects.update(retry_at=None, compared_at=None)


def entry(content_id: str = ITEM) -> CatalogEntry:
    return CatalogEntry.objects.get(content_id=content_id)


def states() -> dict[str, str]:
    return dict(CatalogEntry.objects.values_list("content_id", "state"))


def sent(sandbox: Sandbox) -> Counter[tuple[str, str]]:
    """How often each title of an item was accepted."""
    return Counter((one.body["content_id"], one.body["title"]) for one in sandbox.content_entries)


def test_items_are_sent_once_and_again_when_they_change(sandbox: Sandbox) -> None:
    an_overview(KEY, display_name="First")
    assert pass_().counts == {"sent": 1}
    assert (entry().state, entry().status, entry().answer) == ("delivered", 200, "")
    assert entry().sent_at and not entry().in_doubt and entry().lease is None
    later()
    assert not pass_().counts
    CourseOverride.objects.create(course_key=KEY, title="Second")
    later()
    pass_()
    assert sent(sandbox) == {(ITEM, "First"): 1, (ITEM, "Second"): 1}
    assert entry().title == "Second"
    (destination,) = Destination.objects.filter(is_catalog=True)
    assert (destination.organization, destination.failures, destination.successes) == ("globex", 0, 2)
    assert list(DeliveryAttempt.objects.values_list("api", "accepted", "outcome")) == [("content", 1, "accepted")] * 2


def test_it_is_compared_once_in_an_interval(pushing: Any, sandbox: Sandbox) -> None:
    an_overview(KEY)
    done = pass_()
    an_overview("course-v1:Org+D+R")
    assert done.next_at is not None and done.next_at > timezone.now() + timedelta(minutes=59)
    assert not pass_().counts
    Destination.objects.update(compared_at=timezone.now() - timedelta(hours=1))
    assert pass_().counts == {"sent": 1}
    an_overview("course-v1:Org+E+R")
    # A clock was ahead.
    Destination.objects.update(compared_at=timezone.now() + timedelta(days=1))
    assert pass_().counts == {"sent": 1}


def test_a_withdrawn_item_is_remembered_and_sent_again_when_offered_again(sandbox: Sandbox) -> None:
    an_overview(KEY)
    pass_()
    override = CourseOverride.objects.create(course_key=KEY, offer="withdrawn")
    later()
    assert not pass_().counts
    assert (entry().state, entry().wanted_since) == ("withdrawn", None)
    override.delete()
    later()
    pass_()
    assert sum(sent(sandbox).values()) == 2
    assert entry().state == "delivered"


def test_a_statement_waits_for_an_item_that_is_offered_again(sandbox: Sandbox, place: Destination) -> None:
    """Skillsoft may have removed it in between."""
    an_overview(KEY)
    pass_()
    override = CourseOverride.objects.create(course_key=KEY, offer="withdrawn")
    later()
    pass_()
    override.delete()
    _stored(add(1, destination=place), timezone.now())
    assert deliver_due().sent == 0
    assert pass_().counts == {"sent": 1, "forward": 1}, "it is compared at once"
    assert deliver_due().sent == 1


def test_an_item_that_lacks_something_is_held_back_and_one_never_sent_is_forgotten(sandbox: Sandbox) -> None:
    an_overview(KEY, effort=None)
    pass_()
    assert states() == {ITEM: "held"}
    CourseOverride.objects.create(course_key=KEY, offer="withdrawn")
    later()
    pass_()
    assert states() == {} and not sandbox.content_entries


def test_a_lone_refusal_parks_its_item_and_no_other(sandbox: Sandbox) -> None:
    overviews(12)
    sandbox.set_scenario("content-400=C3")
    pass_()
    assert Counter(states().values()) == {"delivered": 11, "refused": 1}
    assert entry("course:Org3+C3").status == 400 and "malformed content" in entry("course:Org3+C3").answer
    requests = len(sandbox.requests)
    later()
    pass_()
    assert len(sandbox.requests) == requests, "it waits for a change, or an operator"
    sandbox.set_scenario("ok")
    assert CatalogEntry.objects.filter(state="refused").send_now(timezone.now()) == 1
    pass_()
    assert set(states().values()) == {"delivered"}
    assert max(sent(sandbox).values()) == 1


def test_a_refused_item_stops_no_other_however_little_time_a_pass_has(sandbox: Sandbox) -> None:
    overviews(8)
    sandbox.set_scenario("content-400=C3")
    (site,) = sites.reporting().values()
    (sender,), offered = push.senders(site), SiteCatalog(site)
    for _ in range(60):
        # Time for one request.
        push.push(sender, offered, Pushed(), mock.Mock(side_effect=[False, False, True, True]))
    assert Counter(states().values()) == {"delivered": 7, "refused": 1}
    requests = len(sandbox.requests)
    later()
    pass_()
    assert len(sandbox.requests) == requests


def test_the_only_item_is_parked_when_it_is_refused(sandbox: Sandbox) -> None:
    an_overview(KEY)
    sandbox.set_scenario("content-400")
    pass_()
    assert entry().state == "refused"
    assert Destination.objects.get(is_catalog=True).failures == 0


@pytest.mark.parametrize(("scenario", "reason"), [("content-401", "unauthorized"), ("content-403", "unauthorized")])
def test_a_missing_permission_stops_the_catalog_and_no_statement(sandbox: Sandbox, scenario: str, reason: str) -> None:
    overviews(5)
    sandbox.set_scenario(scenario)
    add(1, destination=Destination.of(1, "globex", own_credentials=False))
    pass_()
    catalog = Destination.objects.get(is_catalog=True)
    assert (catalog.paused_reason, set(states().values())) == (reason, {"waiting"})
    assert not pass_().counts, "the circuit breaker is open"
    assert deliver_due().sent == 1
    assert Destination.objects.get(is_catalog=False).failures == 0
    sandbox.set_scenario("ok")
    later()
    assert pass_().counts["sent"] == 5
    catalog.refresh_from_db()
    assert (catalog.paused_reason, catalog.failures) == ("", 0)


def test_refused_statements_stop_no_item(sandbox: Sandbox) -> None:
    an_overview(KEY)
    Destination.objects.create(site_id=1, organization="globex", failures=3, paused_reason="unauthorized")
    assert pass_().counts == {"sent": 1}


def test_an_item_that_is_known_there_is_accepted(sandbox: Sandbox) -> None:
    an_overview(KEY)
    pass_()
    CatalogEntry.objects.all().delete()
    sandbox.set_scenario("content-409")
    later()
    assert pass_().counts == {"sent": 1}
    assert (entry().state, entry().status) == ("delivered", 409)


def test_a_rate_limit_is_honored(sandbox: Sandbox) -> None:
    overviews(3)
    sandbox.set_scenario("content-429=120")
    done = pass_()
    retry_at = Destination.objects.get(is_catalog=True).retry_at
    assert retry_at is not None and retry_at >= timezone.now() + timedelta(seconds=110)
    assert done.next_at == retry_at
    assert len(sandbox.content_entries) == 0 and not CatalogEntry.objects.filter(in_doubt=True).exists()


@pytest.mark.parametrize("scenario", ["content-500", "stall"])
def test_an_outage_loses_nothing(sandbox: Sandbox, scenario: str) -> None:
    overviews(4)
    sandbox.set_scenario(scenario)
    pass_()
    assert Destination.objects.get(is_catalog=True).failures == 1
    assert set(states().values()) == {"waiting"}
    sandbox.set_scenario("ok")
    later()
    assert pass_().counts["sent"] == 4
    assert set(states().values()) == {"delivered"}


def test_one_item_that_fails_alone_backs_off_by_itself(sandbox: Sandbox) -> None:
    overviews(12)
    sandbox.set_scenario("content-500=C3")
    pass_()
    assert Counter(states().values()) == {"delivered": 11, "waiting": 1}
    alone = entry("course:Org3+C3")
    assert alone.attempts == 1 and alone.due_at > timezone.now() and alone.in_doubt
    for _ in range(15):
        # Something else is accepted each time.
        CourseOverride.objects.update_or_create(course_key="course:Org1+C1", defaults={"title": str(timezone.now())})
        later()
        pass_()
    assert Counter(states().values()) == {"delivered": 11, "refused": 1}


def test_a_description_that_is_no_html_stops_no_item(sandbox: Sandbox) -> None:
    """Python's parser asserts that it knows what follows ``<![``."""
    overviews(2)
    an_overview(KEY, short_description="<b>Learn</b> <![@] here")
    assert pass_().counts == {"sent": 3}


def test_an_error_of_ours_is_that_of_one_item(monkeypatch: pytest.MonkeyPatch) -> None:
    overviews(12)
    post = PercipioClient.post_content

    def posted(self: PercipioClient, document: bytes, organization: str) -> Any:
        if b"Org3+C3" in document:
            raise RuntimeError("canary")
        return post(self, document, organization)

    monkeypatch.setattr(PercipioClient, "post_content", posted)
    pass_()
    assert Counter(states().values()) == {"delivered": 11, "waiting": 1}
    assert "RuntimeError" in entry("course:Org3+C3").answer and "canary" not in entry("course:Org3+C3").answer


def test_a_worker_that_dies_between_sending_and_settling(sandbox: Sandbox) -> None:
    an_overview(KEY)
    with (
        mock.patch.object(send.CatalogSession, "_settle", side_effect=SystemExit),
        mock.patch.object(send.CatalogSession, "_release"),
        pytest.raises(SystemExit),
    ):
        pass_()
    assert (entry().state, entry().in_doubt) == ("waiting", True)
    assert not pass_().counts, "it is leased"
    CatalogEntry.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    pass_()
    assert entry().state == "delivered" and not entry().in_doubt
    # In doubt it is sent again, and only then.
    assert sum(sent(sandbox).values()) == 2


def test_what_was_never_sent_for_lack_of_a_token_is_not_in_doubt(pushing: Any, sandbox: Sandbox) -> None:
    """Nobody has to ask Skillsoft to remove it when it is withdrawn."""
    an_overview(KEY)
    pushing.PERCIPIO_TOKEN_URL = "http://127.0.0.1:9/token"
    pass_()
    assert (entry().state, entry().in_doubt) == ("waiting", False)


def test_an_item_that_another_worker_found_complete_is_not_sent_empty(sandbox: Sandbox) -> None:
    """Nor counted as delivered by a worker that read the LMS before."""
    an_overview(KEY, effort=None)
    (site,) = sites.reporting().values()
    (sender,) = push.senders(site)
    destination, read_before = push.destination_of(sender), SiteCatalog(site).items
    CatalogEntry.objects.create(destination=destination, content_id=ITEM, due_at=timezone.now())
    send.CatalogSession(destination, sender, read_before).run()
    assert entry().state == "waiting" and not sandbox.requests


def test_what_another_worker_holds_is_not_sent(sandbox: Sandbox) -> None:
    overviews(2)
    pass_()
    CatalogEntry.objects.update(state="waiting", fingerprint="", due_at=timezone.now())
    CatalogEntry.objects.filter(content_id="course:Org0+C0").update(leased_until=timezone.now() + timedelta(minutes=9))
    pass_()
    assert sent(sandbox) == {("course:Org0+C0", "No. 0"): 1, ("course:Org1+C1", "No. 1"): 2}
    # What was accepted meanwhile is not sent again, even where a comparison says so.
    CatalogEntry.objects.filter(content_id="course:Org1+C1").update(state="waiting")
    with mock.patch("percipio_openedx.catalog.push.compare"):
        pass_()
    assert sent(sandbox)["course:Org1+C1", "No. 1"] == 2 and entry("course:Org1+C1").state == "delivered"


def test_an_echo_of_a_title_about_errors_is_no_refusal(pushing: Any) -> None:
    an_overview(KEY, display_name="Error handling: what failed, and why it was rejected")
    with OddServer([lambda request: answer(200, json.loads(request.body))]) as odd:
        pushing.PERCIPIO_API_URL, pushing.PERCIPIO_TOKEN_URL = odd.url, odd.token_url
        pass_()
    assert (entry().state, entry().in_doubt) == ("delivered", False)


def test_a_success_that_denies_itself_is_none(pushing: Any) -> None:
    an_overview(KEY)
    with OddServer([answer(200, {"status": "error", "message": "not imported"})]) as odd:
        pushing.PERCIPIO_API_URL, pushing.PERCIPIO_TOKEN_URL = odd.url, odd.token_url
        pass_()
    assert (entry().state, entry().in_doubt) == ("waiting", True)


def test_a_bare_success_is_believed_when_it_stays(pushing: Any) -> None:
    """As for statements: it may be a proxy's, and an item may be sent again."""
    an_overview(KEY)
    with OddServer([answer(200)]) as odd:
        pushing.PERCIPIO_API_URL, pushing.PERCIPIO_TOKEN_URL = odd.url, odd.token_url
        pass_()
        assert (entry().state, entry().in_doubt) == ("waiting", True)
        Destination.objects.update(plain_answer_since=timezone.now() - timedelta(minutes=11))
        later()
        pass_()
    assert (entry().state, entry().in_doubt) == ("delivered", False)


def test_a_busy_worker_sends_a_little_all_the_same_and_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the catalog may take all the time that there is."""
    overviews(5)
    assert push_due(sites.reporting().values(), 0.0).counts["sent"] == 5
    monkeypatch.setattr(send, "LEAST", -1.0)
    overviews_of_others()
    Destination.objects.update(compared_at=None)
    done = push_due(sites.reporting().values(), -1.0)
    assert not done.counts
    assert done.next_at is not None and done.next_at <= timezone.now()


def overviews_of_others() -> None:
    for number in range(3):
        an_overview(f"course-v1:Other+C{number}+R")


def test_two_accounts_of_two_organizations(pushing: Any, sandbox: Sandbox) -> None:
    overviews(3)
    for name, organization in (("one", "globex"), ("two", "initech"), ("three", "")):
        Account.objects.create(
            site_id=1,
            name=name,
            enabled=True,
            learners=f"sso:{name}",
            region="custom",
            api_url=sandbox.url,
            token_url=sandbox.token_url,
            partner_name=name,
            client_id="client",
            client_secret="canary-own",
            organization_id=organization,
        )
    assert pass_().counts == {"sent": 6}
    found = Counter((one.partner, one.organization) for one in sandbox.content_entries)
    assert found == {("one", "globex"): 3, ("two", "initech"): 3}
    (site,) = sites.reporting().values()
    assert [one.account for one in without_organization(site)] == ["three"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("PERCIPIO_ORGANIZATION_ID", ""), ("PERCIPIO_CATALOG_PUSH", False), ("PERCIPIO_CATALOG", "")],
)
def test_nothing_is_tried_without(pushing: Any, sandbox: Sandbox, name: str, value: object) -> None:
    an_overview(KEY)
    setattr(pushing, name, value)
    assert pass_() == Pushed()
    assert not sandbox.requests


def test_a_pause_ends_with_the_sending(pushing: Any, sandbox: Sandbox) -> None:
    an_overview(KEY)
    Destination.of(1, "globex", own_credentials=False, is_catalog=True)
    Destination.objects.update(failures=2, paused_reason="unauthorized", retry_at=timezone.now() + timedelta(hours=1))
    pass_()
    assert Destination.objects.get().paused_reason == "unauthorized"
    pushing.PERCIPIO_CATALOG_PUSH = False
    pass_()
    assert Destination.objects.get().paused_reason == ""


def test_no_place_waits_until_a_larger_one_is_done(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    site = a_site("academy.example", "AcademyX")
    PercipioConfiguration.objects.create(site_id=site.pk, enabled=True, organization_id="initech")
    an_overview("course-v1:AcademyX+C+R")
    overviews(50)
    # Each request takes a second, and a pass has less.
    monkeypatch.setattr(send, "LEAST", -1.0)
    monkeypatch.setattr(push.time, "monotonic", lambda: float(len(sandbox.requests)))
    for _ in range(20):
        push_due(sites.reporting().values(), 0.5)
    assert len(sandbox.content_entries) < 51
    assert "initech" in {one.organization for one in sandbox.content_entries}


def test_where_no_catalog_is_sent_nothing_is_written(pushing: Any, sandbox: Sandbox) -> None:
    """Not even a lock is taken; and the sites that report are read once for the catalog and the sweep."""
    pushing.PERCIPIO_CATALOG = ""
    run_once()
    with CaptureQueriesContext(connection) as captured:
        pass_()
    assert {query["sql"].split()[0] for query in captured} == {"SELECT"}
    with mock.patch.object(sites, "reporting", wraps=sites.reporting) as read:
        run_once()
    assert read.call_count == 1


def test_what_breaks_one_place_stops_no_other(pushing: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a lock of somebody else an error of ours."""
    site = a_site("academy.example", "AcademyX")
    an_overview("course-v1:AcademyX+C+R")
    an_overview(KEY)
    compare = push.compare

    def broken(destination: Destination, *given: Any) -> Any:
        if destination.site_id == 1:
            raise error
        return compare(destination, *given)

    PercipioConfiguration.objects.create(site_id=site.pk, enabled=True)
    monkeypatch.setattr(push, "compare", broken)
    error: Exception = ValueError("canary")
    done = pass_()
    assert (done.counts, done.broken) == ({"sent": 1}, "ValueError")
    error = OperationalError(1205, "Lock wait timeout exceeded")
    done = pass_()
    assert done.broken == "" and done.next_at is not None and done.next_at < timezone.now() + timedelta(seconds=61)


def test_a_difference_is_shown_and_nothing_stored(sandbox: Sandbox) -> None:
    an_overview(KEY)
    (site,) = sites.reporting().values()
    ((sender, rows),) = differences(site)
    assert sender.organization == "globex" and [row.content_id for row in rows] == [ITEM]
    assert not CatalogEntry.objects.exists() and not Destination.objects.exists() and not sandbox.requests


def test_an_item_whose_id_no_row_can_hold_is_held_back_with_the_reason(sandbox: Sandbox, pushing: Any) -> None:
    pushing.PERCIPIO_CONTENT_ID = "url"
    # Its address, in percent signs, has more than 600 characters.
    an_overview(f"course-v1:Org+{'課' * 80}+R")
    an_overview(KEY)
    assert pass_().counts == {"sent": 1}
    assert not pass_().counts
    held = CatalogEntry.objects.get(state="held")
    assert held.content_id.startswith("https://lms.example.com/courses/course-v1:Org+%E8%AA%B2")
    assert len(held.content_id) < 600
    (site,) = sites.reporting().values()
    ((_sender, rows),) = differences(site)
    assert [(row.content_id, row.gaps) for row in rows] == [(held.content_id, ("id_too_long",))]
    # A shorter one is another item.
    CourseOverride.objects.create(course_key="course:Org+" + "課" * 80, content_id="short")
    Destination.objects.update(compared_at=None)
    assert pass_().counts == {"sent": 1}
    assert set(states().values()) == {"delivered"}


@pytest.mark.parametrize("count", [10, 1000])
def test_a_pass_that_finds_nothing_new_costs_as_many_queries_for_any_number(count: int) -> None:
    overviews(count)
    with mock.patch.object(send.CatalogSession, "run"):
        pass_()
    (site,) = sites.reporting().values()
    items, rows = SiteCatalog(site).items, list(CatalogEntry.objects.all())
    for row in rows:
        row.state, row.fingerprint, row.wanted_since = "delivered", items[row.content_id].fingerprint, None
    CatalogEntry.objects.bulk_update(rows, ["state", "fingerprint", "wanted_since"], batch_size=200)
    Destination.objects.update(compared_at=None)
    with CaptureQueriesContext(connection) as captured:
        assert not pass_().counts
    assert set(states().values()) == {"delivered"}
    assert len(captured) == 17


# --- the order -------------------------------------------------------------------------------------------------------


@pytest.fixture
def place() -> Destination:
    return Destination.of(1, "globex", own_credentials=False)


def test_a_statement_waits_for_its_item_and_leaves_when_it_is_accepted(sandbox: Sandbox, place: Destination) -> None:
    an_overview(KEY)
    row = add(1, destination=place)
    _stored(row, timezone.now())
    assert deliver_due().sent == 0
    row.refresh_from_db()
    assert (row.state, row.awaits_item, row.attempts) == ("waiting", True, 0)
    assert timezone.now() < row.due_at <= timezone.now() + timedelta(hours=1)
    done = pass_()
    assert done.counts == {"sent": 1, "forward": 1}
    assert done.next_at is not None and done.next_at <= timezone.now()
    assert deliver_due().sent == 1
    row.refresh_from_db()
    assert not row.awaits_item
    assert len(sandbox.content) == len(sandbox.statements) == 1


def test_a_statement_waits_no_longer_than_the_patience(pushing: Any, sandbox: Sandbox, place: Destination) -> None:
    an_overview(KEY, effort=None)
    row = add(1, destination=place)
    _stored(row, timezone.now() - timedelta(hours=23, minutes=30))
    assert deliver_due().sent == 0
    row.refresh_from_db()
    assert row.due_at == row.stored_at + timedelta(days=1)
    _stored(row, timezone.now() - timedelta(days=1))
    assert deliver_due().sent == 1
    pushing.PERCIPIO_CATALOG_PATIENCE = 0
    another = add(2, destination=place)
    _stored(another, timezone.now())
    assert deliver_due().sent == 1


def test_no_other_course_waits(sandbox: Sandbox, place: Destination, pushing: Any) -> None:
    """Not what is not offered, nor what is accepted, nor what goes to another organization."""
    pushing.PERCIPIO_CATALOG = "chosen"
    an_overview(KEY)
    other = Destination.of(1, "initech", own_credentials=False)
    rows = [add(1, destination=place), add(2, destination=other)]
    for row in rows:
        _stored(row, timezone.now())
    assert deliver_due().sent == 2
    CourseOverride.objects.create(course_key=KEY, offer="offered")
    pass_()
    _stored(add(3, destination=place), timezone.now())
    assert deliver_due().sent == 1


def test_an_item_offered_since_the_last_comparison_is_compared_at_once(sandbox: Sandbox, place: Destination) -> None:
    pass_()
    an_overview(KEY)
    _stored(add(1, destination=place), timezone.now())
    assert deliver_due().sent == 0
    assert pass_().counts["sent"] == 1


def test_a_clock_that_was_ahead_prolongs_no_patience(sandbox: Sandbox, place: Destination) -> None:
    an_overview(KEY, effort=None)
    _stored(add(1, destination=place), timezone.now() + timedelta(days=365))
    assert deliver_due().sent == 1


def test_a_course_that_is_another_sites_now_waits_for_no_item(sandbox: Sandbox, place: Destination) -> None:
    a_site("academy.example", "AcademyX")
    an_overview("course-v1:AcademyX+C+R")
    _stored(_in("course-v1:AcademyX+C+R", add(1, destination=place)), timezone.now())
    assert deliver_due().sent == 1


def test_an_id_that_is_too_long_for_the_catalog_has_nothing_wait(
    pushing: Any, sandbox: Sandbox, place: Destination
) -> None:
    pushing.PERCIPIO_CONTENT_ID = "url"
    key = f"course-v1:Org+{'ä' * 150}+R"
    an_overview(key)
    _stored(_in(key, add(1, destination=place)), timezone.now())
    assert deliver_due().sent == 1


def test_an_item_accepted_with_the_credentials_of_before_has_nothing_wait(sandbox: Sandbox, place: Destination) -> None:
    an_overview(KEY)
    pass_()
    own = Destination.objects.create(site_id=1, organization="globex", own_credentials=True, is_catalog=True)
    CatalogEntry.objects.create(destination=own, content_id=ITEM, due_at=timezone.now())
    _stored(add(1, destination=place), timezone.now())
    assert deliver_due().sent == 1


def test_what_waits_holds_up_nobody_behind_it(sandbox: Sandbox, place: Destination) -> None:
    """More than a page of the queue waits, before one that may leave; the queries do not grow with the courses."""
    an_overview(KEY)
    for number in range(1, 130):
        _stored(add(number, destination=place), timezone.now() - timedelta(minutes=1))
    free = add(500, destination=place, due_at=timezone.now())
    _stored(_in("course-v1:Org+Gone+R", free), timezone.now())
    assert deliver_due().sent == 1
    assert pass_().counts == {"sent": 1, "forward": 129}
    assert deliver_due().sent == 129


def test_the_queries_of_the_order_do_not_grow_with_the_courses(place: Destination) -> None:
    overviews(300)
    now = timezone.now()
    counts = []
    for count in (2, 300):
        rows = [(number, f"course-v1:Org{number % 10}+C{number}+R", now) for number in range(count)]
        rule = ItemsFirst.of(place, sites.reporting()[1].senders[0])
        assert rule is not None
        with CaptureQueriesContext(connection) as captured:
            assert len(rule.put_off(rows, now)) == count
        counts.append(len(captured))
    assert counts == [6, 6]
    pass_()
    rule = ItemsFirst.of(place, sites.reporting()[1].senders[0])
    assert rule is not None and not rule.put_off(rows, now)
    with CaptureQueriesContext(connection) as captured:
        assert not rule.put_off(rows, now)
    assert not captured, "what Percipio has once, it has"


def test_where_the_lms_cannot_say_what_is_offered_statements_wait(sandbox: Sandbox, place: Destination) -> None:
    _stored(add(1, destination=place), timezone.now())
    with mock.patch("percipio_openedx.edx_platform.course_runs", side_effect=PlatformUnavailable("overviews")):
        assert deliver_due().sent == 0
        assert pass_().broken


def _in(course_key: str, row: Any) -> Any:
    """Have a statement be of another course run."""
    row.learner_course.course_key = row.course_key = course_key
    row.learner_course.save()
    row.save()
    return row


def _stored(row: Any, at: Any) -> None:
    row.stored_at = at + timedelta(microseconds=row.pk)
    row.due_at = min(row.due_at, timezone.now()) if row.due_at else row.due_at
    row.save(update_fields=["stored_at", "due_at"])
