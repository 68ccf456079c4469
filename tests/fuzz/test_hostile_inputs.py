"""Whatever others write, each reader answers with a value or with its typed error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.proof.guided import FIELDS, READERS
from benchmarks.proof.hostile import TARGETS, Target
from benchmarks.proof.hostile_pages import PAGES
from percipio_openedx import config


def try_many(target: Target, examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        target.try_one(data.draw(target.inputs))

    run()


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_typed_errors(name: str) -> None:
    try_many(TARGETS[name], 200)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_nothing_but_answers_of_a_page(name: str) -> None:
    try_many(PAGES[name](), 60)


@pytest.mark.parametrize("name", READERS)
def test_the_seeds_of_the_guided_fuzzing_are_read(name: str) -> None:
    """It starts from them, so what each of them is made into must be an input of its target."""
    for seed in [b"", *READERS[name].seeds]:
        TARGETS[name].try_one(READERS[name].made_of(seed))


def test_every_pure_reader_is_led_by_coverage_too() -> None:
    assert (set(READERS), FIELDS) == (set(TARGETS), config.FIELDS)
