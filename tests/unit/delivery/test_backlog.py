"""What is sent next: the untried together, the suspects among themselves, the known ones each alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.delivery.backlog import Backlog


@dataclass(frozen=True)
class Row:
    """A claimed statement."""

    pk: int
    body: bytes = b"x" * 10
    refusals: Mapping[str, int] = field(default_factory=dict)
    refused_after: int | None = None


def suspect(pk: int) -> Row:
    return Row(pk, refused_after=1)


def known(pk: int) -> Row:
    return Row(pk, refusals={"later": 1}, refused_after=1)


def filled(*rows: Row) -> Backlog[Row]:
    backlog: Backlog[Row] = Backlog()
    backlog.add(rows)
    return backlog


def all_of(backlog: Backlog[Row], most: int = 10, room: int = 1000) -> list[list[int]]:
    """Every request that is made of it."""
    found = []
    while backlog:
        found.append([row.pk for row in backlog.take(most, room)])
    return found


def test_a_suspect_breaks_no_request_of_others() -> None:
    rows = [Row(1), suspect(2), known(3), Row(4), suspect(5), known(6), Row(7)]
    assert all_of(filled(*rows)) == [[1, 4, 7], [2, 5], [3], [6]]


def test_requests_are_bounded_by_number_and_by_bytes() -> None:
    assert all_of(filled(*map(Row, range(5))), most=2) == [[0, 1], [2, 3], [4]]
    assert all_of(filled(*map(Row, range(5))), room=25) == [[0, 1], [2, 3], [4]]
    assert all_of(filled(Row(1, b"x" * 5000), Row(2))) == [[1], [2]]


def test_parts_go_first_and_as_they_are() -> None:
    backlog = filled(Row(1), Row(2))
    backlog.put_before([(Row(3), Row(4)), (), (Row(5),)])
    backlog.put_before([(Row(6),)])
    assert all_of(backlog, most=1) == [[6], [3, 4], [5], [1], [2]]


def test_a_single_one_comes_from_as_far_away_as_possible() -> None:
    backlog = filled(Row(1), Row(2), suspect(3), known(4))
    backlog.put_before([(Row(5), Row(6)), (Row(7), Row(8))])
    order = []
    while backlog:
        assert backlog.has_fresh == (len(order) < 2)
        order += [row.pk for row in backlog.take_single()]
    assert order == [2, 1, 8, 7, 6, 5, 3, 4]
    assert backlog.take_single() == backlog.take(1, 1) == ()


@given(st.lists(st.sampled_from([Row, suspect, known])), st.integers(1, 5), st.lists(st.booleans(), max_size=30))
def test_nothing_is_lost_and_nothing_is_sent_twice(kinds: list[type[Row]], most: int, singly: list[bool]) -> None:
    backlog = filled(*(kind(pk) for pk, kind in enumerate(kinds)))
    sent: list[int] = []
    for single in singly:
        rows = backlog.take_single() if single else backlog.take(most, 1000)
        assert len(rows) <= most
        sent += [row.pk for row in rows]
    sent += [pk for request in all_of(backlog) for pk in request]
    assert sorted(sent) == list(range(len(kinds)))
