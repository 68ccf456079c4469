"""A failure is the statement's or the destination's: the culprit is found and parked, and nobody else waits for it."""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connections as databases
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.attribution import IN_A_ROW, IN_A_ROW_LATER, LIMITS
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.outcomes import outcome_of
from percipio_openedx.delivery.sender import THREADS
from percipio_openedx.enums import Outcome
from percipio_openedx.models import Destination, Statement
from percipio_openedx.models.statement import State
from tests.integration.delivery.rows import NOW, add, destination_of, drain, states, track_of
from tests.integration.delivery.scripted import Reported, Scripted, refusal, running

pytestmark = pytest.mark.django_db(transaction=True)

STATUSES = (400, 415, 422, 431, 413, 401, 402, 403, 404, 405, 410, 500, 502, 503, None)
APIS = ("statements", "track")
# A firewall between: its answers are about the body of one request.
FIREWALL = 403


@pytest.fixture
def percipio(settings: Any) -> Iterator[Scripted]:
    """A site that reports to a Percipio of the test's own."""
    with running() as scripted:
        values = {"REGION": "custom", "API_URL": scripted.url, "TOKEN_URL": f"{scripted.url}/token", "TIMEOUT": 5}
        credentials = {"PARTNER_NAME": "acme", "CLIENT_ID": "c", "CLIENT_SECRET": "s"}
        for name, value in {**values, **credentials, "LEARNERS": "all", "BATCH_SIZE": 50}.items():
            setattr(settings, f"PERCIPIO_{name}", value)
        tokens._memory.clear()
        yield scripted
        tokens._memory.clear()


def fill(count: int, first: int = 0) -> None:
    """Statements of so many learners, one each."""
    for number in range(first, first + count):
        add(number, track=track_of(number))


def ids_by_learner() -> dict[int, str]:
    """The statements' ids, as an answer names them."""
    rows = Statement.objects.values_list("learner_course__user_id", "uuid")
    return {number: str(uuid) for number, uuid in rows}


def limit_of(status: int | None) -> int:
    """How often a statement that is answered so may be tried alone."""
    if status is None:
        return LIMITS[Outcome.LATER]
    return LIMITS.get(outcome_of(status), LIMITS[Outcome.REFUSED])


def destination() -> Destination:
    """The only one, as it is stored."""
    return Destination.objects.get()


def in_state(state: State) -> list[int]:
    """The learners whose statement is in this state."""
    return [number for number, found in states().items() if found == state]


def parked() -> dict[int, int | None]:
    """The learners whose statement is parked, each with the status that it was answered with."""
    rows = Statement.objects.filter(state=State.PARKED)
    return dict(rows.values_list("learner_course__user_id", "status"))


# --- one culprit -----------------------------------------------------------------------------------------------------


@pytest.mark.thinned(5)
@pytest.mark.parametrize(
    ("status", "where", "api"),
    [
        *((status, (0, 13, 29)[place % 3], APIS[place % 2]) for place, status in enumerate(STATUSES)),
        *((status, where, "statements") for status in (400, 401, 403, 404, 500) for where in (0, 29)),
    ],
)
def test_a_culprit_is_found_and_parked_and_the_others_leave_at_once(
    percipio: Scripted, settings: Any, where: int, status: int | None, api: str
) -> None:
    settings.PERCIPIO_API = api
    fill(30)
    percipio.refuse({where: status})

    first = deliver_due(NOW)

    assert sorted(percipio.accepted) == [number for number in range(30) if number != where]
    assert (first.sent, destination().paused_reason, destination().failures) == (29, "", 0)

    drain(NOW)
    assert parked() == {where: status}
    assert destination().failures == 0
    alone = percipio.requests.count([where])
    # Where a fresh token is tried, or a connection that was open already broke, a request is made twice.
    assert alone <= (2 if outcome_of(status or 401) is Outcome.UNAUTHORIZED else 1) * limit_of(status)


def test_it_waits_longer_each_time(percipio: Scripted) -> None:
    fill(3)
    percipio.refuse({1: 500})
    times = [NOW]
    while len(times) < 9:
        at = deliver_due(times[-1]).next_due
        assert at is not None
        times.append(at)

    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[0] <= timedelta(seconds=6)
    assert max(waits[5:]) > timedelta(seconds=10)


def test_how_often_it_was_refused_outlives_the_worker(percipio: Scripted) -> None:
    fill(5)
    percipio.refuse({2: FIREWALL})
    at = deliver_due(NOW).next_due

    counts = []
    while at is not None:
        counts.append(Statement.objects.values_list("refusals", flat=True).get(state=State.WAITING))
        at = deliver_due(at).next_due

    assert counts == [{"unauthorized": count} for count in range(1, LIMITS[Outcome.UNAUTHORIZED])]
    assert Statement.objects.values_list("refusals", flat=True).get(state=State.PARKED) == {"unauthorized": 5}


def test_whatever_it_was_refused_for_is_forgotten_when_it_is_sent_again(percipio: Scripted) -> None:
    fill(2)
    percipio.refuse({1: FIREWALL})
    drain()
    percipio.accept_all()

    Statement.objects.filter(state=State.PARKED).queue(NOW)

    row = Statement.objects.get(state=State.WAITING)
    assert (row.refusals, row.refused_after, row.attempts) == (None, None, 0)
    assert deliver_due(NOW).sent == 1


def test_a_single_404_parks_nothing_that_was_put_off_before(percipio: Scripted) -> None:
    """It is the 404s that are counted, not the tries."""
    fill(4)
    said = [503] * 6 + [404, 404, 503, 200]

    def answer(learners: list[int]) -> Reported | None:
        if 2 not in learners or said[0] == 200:
            return None
        return refusal(said.pop(0) if learners == [2] else 503)

    percipio.answer = answer
    Statement.objects.filter(learner_course__user_id=2).update(attempts=7)

    drain(NOW)

    assert in_state(State.DELIVERED) == [0, 1, 2, 3]
    assert said == [200]


def test_every_kind_of_refusal_has_a_count_of_its_own(percipio: Scripted) -> None:
    fill(3)
    said = [403, 500, 404, 403, 500, 404, 403, 500, 404]
    percipio.answer = lambda learners: (
        refusal(said.pop(0)) if learners == [1] else refusal(500) if 1 in learners else None
    )

    drain(NOW)

    # With its third 404, whatever it was answered between.
    assert (parked(), said) == ({1: 404}, [])


def test_a_firewall_does_not_make_the_token_endpoint_work(percipio: Scripted, settings: Any) -> None:
    settings.PERCIPIO_API = "track"
    fill(60)
    percipio.refuse(dict.fromkeys(range(5, 60, 10), FIREWALL))

    deliver_due(NOW)

    assert len(percipio.accepted) == 54
    assert percipio.tokens == 2


def test_a_token_that_expires_between_is_no_refusal(percipio: Scripted) -> None:
    """401 for everything until there is another token; and one statement that a firewall refuses all the same."""
    fill(20)
    fresh = percipio.tokens + 2
    percipio.answer = lambda learners: (
        refusal(401) if percipio.tokens < fresh else refusal(403) if 7 in learners else None
    )

    assert deliver_due(NOW).sent == 19
    assert (in_state(State.WAITING), destination().failures) == ([7], 0)


# --- several ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@examples(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), count=st.integers(2, 70), batch=st.sampled_from([1, 7, 50, 200]), api=st.sampled_from(APIS))
def test_any_culprits_anywhere_are_parked_and_all_others_are_delivered(
    percipio: Scripted, settings: Any, data: st.DataObject, count: int, batch: int, api: str
) -> None:
    """At most one in eight, and never so many together at the end that nothing tells them from an outage."""
    settings.PERCIPIO_API, settings.PERCIPIO_BATCH_SIZE = api, batch
    Statement.objects.all().delete()
    Destination.objects.all().delete()
    percipio.requests.clear()
    percipio.accepted.clear()
    numbers = st.lists(st.integers(0, count - 1), min_size=1, max_size=min(max(1, count // 8), 2), unique=True)
    culprits = {number: data.draw(st.sampled_from(STATUSES)) for number in data.draw(numbers)}
    fill(count)
    percipio.refuse(culprits)

    first = deliver_due(NOW)
    assert (first.sent, destination().failures) == (count - len(culprits), 0)
    assert sorted(percipio.accepted) == [number for number in range(count) if number not in culprits]
    drain(NOW, rounds=100)

    assert parked() == culprits
    assert (destination().failures, destination().paused_reason) == (0, "")
    # To find one: two requests for each halving, or three where the connection breaks, and a few single statements to
    # compare it with. Then its own tries; refused for its credentials, each of these may be made twice.
    halvings = 3 * math.ceil(math.log2(batch + 1)) + IN_A_ROW
    bound = math.ceil(count / batch) + sum(halvings + 2 * limit_of(status) for status in culprits.values())
    assert len(percipio.requests) <= (count if api == "track" else 0) + bound


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "first", "api"), [(403, 0, "statements"), (400, 20, "statements"), (404, 0, "track"), (400, 0, "track")]
)
def test_many_that_are_refused_lie_together(
    percipio: Scripted, settings: Any, status: int, api: str, first: int
) -> None:
    """As when a firewall does not like the name of a course, and a back-fill has queued all of its learners."""
    settings.PERCIPIO_API, settings.PERCIPIO_BATCH_SIZE = api, 10
    fill(50)
    percipio.refuse(dict.fromkeys(range(first, first + 12), status))

    drain(NOW, rounds=400)

    assert sorted(percipio.accepted) == [number for number in range(50) if not first <= number < first + 12]
    assert parked() == dict.fromkeys(range(first, first + 12), status)
    assert destination().failures == 0


def test_named_in_a_207_or_refused_without_a_word(percipio: Scripted) -> None:
    """Two that Percipio names, one for which a firewall refuses the request, one that breaks the server."""
    fill(40)
    ids = ids_by_learner()

    def answer(learners: list[int]) -> Reported | None:
        if 11 in learners:
            return refusal(FIREWALL)
        if 31 in learners:
            return refusal(500)
        body = [{"id": ids[number], "status": 422 if number in (5, 25) else 200} for number in learners]
        percipio.accepted += [number for number in learners if number not in (5, 25)]
        return Reported(207, json.dumps(body).encode())

    percipio.answer = answer
    drain(NOW)

    assert sorted(percipio.accepted) == [number for number in range(40) if number not in (5, 11, 25, 31)]
    assert parked() == {5: 422, 25: 422, 11: FIREWALL, 31: 500}


def test_a_culprit_holds_back_its_own_learner_only_and_that_one_until_it_is_parked(percipio: Scripted) -> None:
    fill(10)
    later = [add(number, 2) for number in range(10)]
    # Its first one is refused until it is parked, the second one is taken.
    tries = 2 * LIMITS[Outcome.UNAUTHORIZED]
    percipio.answer = lambda learners: refusal(FIREWALL) if 4 in learners and not parked() else None

    assert deliver_due(NOW).sent == 18
    assert Statement.objects.get(pk=later[4].pk).state == State.WAITING
    drain(NOW)
    row = Statement.objects.get(state=State.PARKED)
    assert (row.sequence, percipio.accepted.count(4), percipio.requests.count([4]) <= tries + 1) == (1, 1, True)


def test_several_workers_at_several_culprits(percipio: Scripted) -> None:
    fill(200)
    culprits = dict(zip(range(3, 200, 25), STATUSES, strict=False))
    percipio.refuse(culprits)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            deliver_due(NOW)
        except BaseException as error:  # noqa: BLE001 - asserted below, in the main thread
            errors.append(error)
        finally:
            databases.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    drain(NOW, rounds=200)

    assert errors == []
    assert Counter(percipio.accepted) == Counter(set(range(200)) - culprits.keys())
    assert parked() == culprits
    assert destination().failures == 0


# --- everything ------------------------------------------------------------------------------------------------------


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("status", "reason", "api"),
    [
        *((status, "refused", "statements") for status in (400, 415, 422, 431, 413)),
        *((status, "unauthorized", "statements") for status in (401, 403)),
        *((status, "not_found", "statements") for status in (404, 410)),
        *((status, "", "statements") for status in (500, None)),
        *((status, reason, "track") for status, reason in ((400, "refused"), (403, "unauthorized"), (503, ""))),
    ],
)
def test_where_everything_is_refused_the_destination_waits_and_nothing_is_parked(
    percipio: Scripted, settings: Any, status: int | None, reason: str, api: str
) -> None:
    settings.PERCIPIO_API = api
    fill(64)
    percipio.refuse_all(status)

    first = deliver_due(NOW)

    row = destination()
    assert (row.paused_reason, row.failures, in_state(State.WAITING)) == (reason, 1, list(range(64)))
    assert status is None or f"no, {status}" in row.last_error
    # A few batches, each half of the one before (all the way down where it may be their size), and a few single ones.
    assert len(percipio.requests) <= (30 if status == 413 else 10)
    assert len([request for request in percipio.requests if len(request) == 1]) <= IN_A_ROW + 1

    at = first.next_due
    for _ in range(2):
        assert at is not None
        before = len(percipio.requests)
        at = deliver_due(at).next_due
        assert len(percipio.requests) - before <= IN_A_ROW
    assert in_state(State.WAITING) == list(range(64))

    percipio.accept_all()
    drain(at or NOW)
    assert sorted(percipio.accepted) == list(range(64))
    assert (destination().failures, destination().paused_reason) == (0, "")


@pytest.mark.thinned(5)
@pytest.mark.parametrize(
    ("status", "api"), [*((status, "statements") for status in (400, 401, 404, 500, None)), (403, "track")]
)
def test_everything_is_refused_from_some_moment_on(
    percipio: Scripted, settings: Any, status: int | None, api: str
) -> None:
    settings.PERCIPIO_API, settings.PERCIPIO_BATCH_SIZE = api, 10
    fill(64)
    percipio.answer = lambda _: refusal(status) if len(percipio.accepted) >= 30 else None

    first = deliver_due(NOW)

    assert (first.sent, destination().failures) == (30, 1)
    assert len(in_state(State.WAITING)) == 34
    singles = [request for request in percipio.requests if len(request) == 1 and request[0] not in percipio.accepted]
    # With each of those that were on their way at that moment a fresh token was tried.
    assert len(singles) <= IN_A_ROW_LATER + 2 * THREADS

    percipio.accept_all()
    drain(first.next_due or NOW)
    assert sorted(percipio.accepted) == list(range(64))


def test_credentials_that_are_withdrawn_while_a_culprit_is_looked_for(percipio: Scripted) -> None:
    """Then nothing is counted against the innocent, and the culprit is found when they are given back."""
    fill(120)
    percipio.answer = lambda learners: refusal(403) if 17 in learners or len(percipio.accepted) > 0 else None

    drain(NOW, rounds=6)

    assert destination().paused_reason == "unauthorized"
    assert in_state(State.PARKED) == []
    percipio.refuse({17: 403})
    drain(NOW + timedelta(days=1))
    assert (len(percipio.accepted), parked()) == (119, {17: 403})


def test_a_207_that_refuses_everything_by_name(percipio: Scripted) -> None:
    fill(64)
    ids = ids_by_learner()
    percipio.answer = lambda learners: Reported(
        207,
        json.dumps([{"id": ids[number], "status": 400, "error": "unknown partner"} for number in learners]).encode(),
    )

    deliver_due(NOW)

    assert (destination().paused_reason, in_state(State.WAITING)) == ("refused", list(range(64)))
    assert len(percipio.requests) <= 2


def test_a_retry_after_is_the_destinations_own(percipio: Scripted) -> None:
    fill(20)
    percipio.answer = lambda _: Reported(503, b"{}", {"Retry-After": "600"})

    deliver_due(NOW)

    assert len(percipio.requests) == 1
    assert destination().retry_at is not None and destination().retry_at >= NOW + timedelta(seconds=600)


def test_too_many_requests_are_nobodys_fault(percipio: Scripted) -> None:
    fill(10)
    percipio.answer = lambda learners: Reported(429, b"{}") if len(percipio.requests) % 2 else None

    drain(NOW)

    assert sorted(percipio.accepted) == list(range(10))
    assert not Statement.objects.filter(refusals__isnull=False).exists()


# --- one at a time ---------------------------------------------------------------------------------------------------


def test_a_refused_one_on_a_quiet_day_does_not_close_the_way_of_the_next(percipio: Scripted) -> None:
    """Each is alone in its turn, so there is nothing to compare it with but what was accepted before."""
    for number in (0, 1, 2):
        percipio.refuse({1: FIREWALL})
        fill(1, number)
        deliver_due(NOW)

    assert percipio.accepted == [0, 2]
    assert (destination().paused_reason, destination().lone_failures) == ("", 0)
    drain(NOW)
    assert parked() == {1: FIREWALL}


def test_refused_alone_a_few_times_in_a_row_is_an_outage(percipio: Scripted) -> None:
    fill(1)
    deliver_due(NOW)
    percipio.refuse_all(FIREWALL)
    fill(1, 1)

    at, pauses = NOW, []
    for _ in range(IN_A_ROW):
        at = deliver_due(at).next_due or at
        pauses.append(destination().paused_reason)

    assert pauses == ["", "", "unauthorized"]
    assert Statement.objects.values_list("refusals", flat=True).get(state=State.WAITING) is None


def test_refused_alone_where_nothing_was_ever_accepted(percipio: Scripted) -> None:
    percipio.refuse_all(FIREWALL)
    fill(1)

    deliver_due(NOW)

    assert destination().paused_reason == "unauthorized"


def test_a_malformed_one_is_parked_though_there_is_nothing_to_compare_it_with(percipio: Scripted) -> None:
    """So the next one of its learner can leave."""
    fill(1)
    add(0, 2)
    percipio.answer = lambda _: refusal(400) if len(percipio.requests) == 1 else None

    assert (deliver_due(NOW).sent, parked(), destination().failures) == (1, {0: 400}, 0)


def test_what_was_parked_one_by_one_is_queued_again_when_it_turns_out_that_everything_is_refused(
    percipio: Scripted,
) -> None:
    fill(1)
    deliver_due(NOW)
    percipio.refuse_all(422)
    seen = []
    for number in (1, 2, 3):
        fill(1, number)
        deliver_due(NOW + timedelta(minutes=number))
        seen.append((sorted(parked()), destination().paused_reason))

    assert seen == [([1], ""), ([1, 2], ""), ([], "refused")]
    percipio.accept_all()
    drain(NOW + timedelta(hours=1))
    assert sorted(percipio.accepted) == [0, 1, 2, 3]


def test_all_of_one_learner_is_refused(percipio: Scripted) -> None:
    """That is about the learner, however many there are."""
    for sequence in range(1, 7):
        add(5, sequence)
    percipio.refuse({5: 400})

    drain(NOW)

    assert set(Statement.objects.values_list("state", flat=True)) == {State.PARKED}
    assert destination().paused_reason == ""


def test_a_refusal_says_that_an_outage_is_over(percipio: Scripted) -> None:
    fill(1)
    Destination.objects.update(failures=4, retry_at=NOW, failing_since=NOW, last_error="503: no words")
    percipio.refuse_all(400)

    deliver_due(NOW)

    assert (parked(), destination().failures, destination().last_error) == ({0: 400}, 0, "")


# --- probes ----------------------------------------------------------------------------------------------------------


def test_probes_come_past_a_run_of_refused_ones(percipio: Scripted) -> None:
    """The next probe is not made with the one that failed, and every other one from the other end of the queue."""
    fill(100)
    Destination.objects.update(failures=1, retry_at=NOW)
    percipio.refuse(dict.fromkeys(range(60), FIREWALL))

    at = NOW
    for _ in range(3):
        at = deliver_due(at).next_due or at

    assert sorted(percipio.accepted) == list(range(60, 100))
    assert percipio.requests[0] in ([0], [99])


def test_a_probe_with_one_that_failed_by_itself_before_tells_nothing(percipio: Scripted) -> None:
    """It is tried for want of another; a new one need not wait until the hour is over."""
    fill(1)
    Statement.objects.update(refusals={"unauthorized": 2}, refused_after=1)
    Destination.objects.update(failures=9, retry_at=NOW, paused_reason="unauthorized", successes=2)
    percipio.refuse({0: FIREWALL})

    result = deliver_due(NOW)

    row = destination()
    assert row.failures == 9
    assert row.retry_at is not None and row.retry_at <= NOW + timedelta(seconds=70)
    assert Statement.objects.get().refusals == {"unauthorized": 2}
    assert result.next_due is not None
    fill(1, 1)
    deliver_due(row.retry_at)
    assert (percipio.accepted, destination().failures) == ([1], 0)


# --- Track -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_failing_record_of_a_hundred_slows_nobody(percipio: Scripted, settings: Any) -> None:
    """All others leave in one turn; before, every failure closed the way for seconds."""
    settings.PERCIPIO_API = "track"
    fill(300)
    percipio.refuse(dict.fromkeys(range(50, 300, 100), 500))

    result = deliver_due(NOW)

    assert (result.sent, destination().failures) == (297, 0)
    assert in_state(State.WAITING) == [50, 150, 250]


def test_another_organizations_outage_is_its_own(percipio: Scripted) -> None:
    for number in range(10):
        add(number, destination=destination_of("ab"[number % 2]))
    percipio.answer = lambda learners: refusal(500) if learners[0] % 2 else None

    deliver_due(NOW)

    assert dict(Destination.objects.values_list("organization", "failures")) == {"a": 0, "b": 1}
    assert sorted(percipio.accepted) == [0, 2, 4, 6, 8]
