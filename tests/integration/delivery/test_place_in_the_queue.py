"""How a turn goes through the queue: each claim behind the last one, out of the way of others, and nothing left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from percipio_openedx.delivery import claim as claiming
from percipio_openedx.delivery.claim import Claims, Row
from percipio_openedx.models import Statement
from percipio_openedx.models.statement import Held, State
from tests.integration.delivery.rows import NOW, add, destination_of

pytestmark = pytest.mark.django_db(transaction=True)


def at_work() -> Callable[[int], list[int]]:
    """A turn: what it gets when it asks for so many."""
    claims = Claims(destination_of().pk, uuid4(), 20.0)
    return lambda most: [row.pk for row in claims.claim(NOW, most)]


def put_back(*pks: int) -> None:
    """They wait again, in their old places."""
    assert Statement.objects.filter(pk__in=pks, state=State.SENDING).put_back() == len(pks)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Behind which statement the queue was read, each time."""
    read: list[int | None] = []
    due = claiming._due

    def seen(destination_id: int, now: datetime, after: int | None) -> Any:
        read.append(after)
        return due(destination_id, now, after)

    monkeypatch.setattr(claiming, "_due", seen)
    return read


def test_a_claim_goes_on_where_the_last_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [add(number).pk for number in range(6)]
    read, get = watched(monkeypatch), at_work()

    assert (get(2), get(2)) == (rows[:2], rows[2:4])
    assert read == [None, rows[1]]


def test_what_was_put_off_meanwhile_comes_when_the_end_is_reached() -> None:
    rows = [add(number).pk for number in range(5)]
    get = at_work()
    assert get(2) == rows[:2]
    put_back(rows[1])

    assert get(2) == rows[2:4]
    # Too few are left at the end, so the beginning comes at once.
    assert get(2) == [rows[4], rows[1]]
    assert get(2) == []


def test_the_next_of_a_learner_comes_when_the_end_is_reached() -> None:
    rows = {(number, sequence): add(number, sequence).pk for number in (1, 2, 3) for sequence in (1, 2)}
    get = at_work()
    first = get(3)
    assert first == [rows[number, 1] for number in (1, 2, 3)]
    lease = Statement.objects.filter(pk__in=first).values_list("lease", flat=True).distinct().get()
    assert Held(first, lease).accept(NOW, 200) == 3

    assert get(3) == [rows[number, 2] for number in (3, 1, 2)]


def test_the_beginning_is_looked_at_now_and_then_though_the_end_is_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "_ROUND", 3)
    rows = [add(number).pk for number in range(12)]
    get = at_work()
    assert get(1) == rows[:1]
    put_back(rows[0])

    got = [get(1) for _ in range(5)]
    assert got == [[rows[1]], [rows[2]], [rows[3]], [rows[0]], [rows[4]]]


@pytest.mark.parametrize("what_happens", ["it is put off", "it is erased"])
def test_nothing_is_left_out_when_the_place_itself_moves(what_happens: str) -> None:
    rows = [add(number).pk for number in range(5)]
    get = at_work()
    assert get(2) == rows[:2]
    place = Statement.objects.filter(pk=rows[1])
    if what_happens == "it is erased":
        place.delete()
    else:
        place.release(NOW + timedelta(hours=1), None, "")

    assert (get(9), get(9)) == (rows[2:], [])


def losing(monkeypatch: pytest.MonkeyPatch, taken: set[int]) -> list[list[int]]:
    """Somebody else holds those rows for the moment; returns the candidates of each attempt to take some."""
    attempts: list[list[int]] = []
    take = claiming._take

    def lose(candidates: Sequence[int], lease: UUID, until: datetime) -> tuple[Row, ...]:
        attempts.append(list(candidates))
        return take([pk for pk in candidates if pk not in taken], lease, until)

    monkeypatch.setattr(claiming, "_take", lose)
    return attempts


def test_who_meets_another_worker_goes_on_further_on(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [add(number).pk for number in range(60)]
    attempts = losing(monkeypatch, set(rows[:3]))
    monkeypatch.setattr(claiming.random, "choice", lambda ahead: ahead[-1])
    get = at_work()

    assert get(3) == rows[3 + 8 * 3 : 3 + 8 * 3 + 3]
    assert attempts[0] == rows[:3]
    # And from there on, not from the beginning, where the other one is.
    assert get(3) == rows[30:33]


def test_who_met_another_worker_makes_way_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [add(number).pk for number in range(3)]
    losing(monkeypatch, {rows[1]})
    ways: list[int] = []
    monkeypatch.setattr(Claims, "_make_way", lambda claims, now, most: ways.append(most))
    get = at_work()

    assert get(3) == [rows[0], rows[2]]
    Statement.objects.filter(pk=rows[1]).delete()
    assert (get(3), get(3), ways) == ([], [], [3])


def test_who_meets_another_worker_halfway_keeps_what_it_got(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [add(number).pk for number in range(6)]
    losing(monkeypatch, {rows[1]})
    assert at_work()(3) == [rows[0], rows[2]]


def test_when_others_hold_all_that_is_left_the_turn_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [add(number).pk for number in range(3)]
    attempts = losing(monkeypatch, set(rows))

    assert at_work()(9) == []
    assert attempts == [rows] * claiming._READS


def test_what_others_took_does_not_count_as_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever meets another worker would wait for its answers before it claims again."""
    rows = [add(number).pk for number in range(7)]
    losing(monkeypatch, {rows[1]})
    claims = Claims(destination_of().pk, uuid4(), 20.0)

    assert (len(claims.claim(NOW, 3)), claims.is_drained) == (2, False)
    assert (len(claims.claim(NOW, 9)), claims.is_drained) == (4, True)


def test_whoever_works_all_is_claimed_once() -> None:
    """Turns in any order, with places of their own: together they leave nothing."""
    rows = [add(number).pk for number in range(50)]
    turns = [at_work() for _ in range(4)]
    got = [pk for number in range(40) for pk in turns[number * 7 % 4](3)]
    assert sorted(got) == rows
