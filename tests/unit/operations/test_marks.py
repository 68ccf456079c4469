"""One bit a row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.operations.marks import PAGE, Marks

ids = st.integers(min_value=0, max_value=2**63 - 1) | st.integers(min_value=0, max_value=3 * PAGE)


@given(st.sets(ids, max_size=50), st.sets(ids, max_size=50))
def test_what_was_marked_is_in_and_nothing_else(marked: set[int], asked: set[int]) -> None:
    marks = Marks()
    for pk in marked:
        marks.add(pk)
    assert {pk for pk in marked | asked if pk in marks} == marked


def test_a_million_rows_take_an_eighth_of_a_megabyte() -> None:
    marks = Marks()
    for pk in range(5_000_000, 6_000_000):
        marks.add(pk)
    assert marks.size <= 17 * PAGE // 8
