"""What is sent next: the untried together, the suspects among themselves, the known ones each alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.delivery.attribution import Row
from percipio_openedx.delivery.sender import Backlog


def a_row(
    pk: int, body: bytes = b"x" * 10, refusals: Mapping[str, int] | None = None, refused_after: int | None = None
) -> Row:
    """A claimed statement."""
    return Row(pk, UUID(int=pk), 1, body, None, datetime.max, refusals or {}, refused_after)


def suspect(pk: int) -> Row:
    return a_row(pk, refused_after=1)


def known(pk: int) -> Row:
    return a_row(pk, refusals={"later": 1}, refused_after=1)


def filled(*rows: Row) -> Backlog:
    backlog: Backlog = Backlog()
    backlog.add(rows)
    return backlog


def all_of(backlog: Backlog, most: int = 10, room: int = 1000) -> list[list[int]]:
    """Every request that is made of it."""
    found = []
    while backlog:
        found.append([row.pk for row in backlog.take(most, room)])
    return found


def test_a_suspect_breaks_no_request_of_others() -> None:
    rows = [a_row(1), suspect(2), known(3), a_row(4), suspect(5), known(6), a_row(7)]
    assert all_of(filled(*rows)) == [[1, 4, 7], [2, 5], [3], [6]]


def test_what_need_not_be_sent_is_taken_out_wherever_it_stands() -> None:
    backlog = filled(a_row(1), suspect(2), known(3), a_row(4))
    backlog.put_before([(a_row(5), a_row(6)), (a_row(7),)])
    assert sorted(row.pk for row in backlog.drop({1, 2, 3, 5, 7, 99})) == [1, 2, 3, 5, 7]
    assert all_of(backlog) == [[6], [4]]


def test_requests_are_bounded_by_number_and_by_bytes() -> None:
    assert all_of(filled(*map(a_row, range(5))), most=2) == [[0, 1], [2, 3], [4]]
    assert all_of(filled(*map(a_row, range(5))), room=25) == [[0, 1], [2, 3], [4]]
    assert all_of(filled(a_row(1, b"x" * 5000), a_row(2))) == [[1], [2]]


def test_parts_go_first_and_as_they_are() -> None:
    backlog = filled(a_row(1), a_row(2))
    backlog.put_before([(a_row(3), a_row(4)), (), (a_row(5),)])
    backlog.put_before([(a_row(6),)])
    assert all_of(backlog, most=1) == [[6], [3, 4], [5], [1], [2]]


def test_a_single_one_comes_from_as_far_away_as_possible() -> None:
    backlog = filled(a_row(1), a_row(2), suspect(3), known(4))
    backlog.put_before([(a_row(5), a_row(6)), (a_row(7), a_row(8))])
    order = []
    while backlog:
        assert backlog.has_fresh == (len(order) < 2)
        order += [row.pk for row in backlog.take_single()]
    assert order == [2, 1, 8, 7, 6, 5, 3, 4]
    assert backlog.take_single() == backlog.take(1, 1) == ()


@given(st.lists(st.sampled_from([a_row, suspect, known])), st.integers(1, 5), st.lists(st.booleans(), max_size=30))
def test_nothing_is_lost_and_nothing_is_sent_twice(kinds: list[Any], most: int, singly: list[bool]) -> None:
    backlog = filled(*(kind(pk) for pk, kind in enumerate(kinds)))
    sent: list[int] = []
    for single in singly:
        rows = backlog.take_single() if single else backlog.take(most, 1000)
        assert len(rows) <= most
        sent += [row.pk for row in rows]
    sent += [pk for request in all_of(backlog) for pk in request]
    assert sorted(sent) == list(range(len(kinds)))
