"""Any well-formed question: the resource answers as the specification does, evaluated plainly in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from percipio_openedx.enums import Kind
from percipio_openedx.lrs.find import written
from percipio_openedx.models import Statement
from percipio_openedx.statements.vocabulary import VERBS
from tests.integration.lrs import reference
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import COURSE, TEACHER, actor_of, add, course_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

# ``PERCIPIO_TEST_EXAMPLES=2000`` asks as many questions, in minutes.
many = settings(
    max_examples=int(os.environ.get("PERCIPIO_TEST_EXAMPLES", "150")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

AUTHORITY = {"account": {"homePage": "https://academy.demo.local", "name": "percipio-openedx"}}
GRACE = {"mbox": "mailto:grace@example.com"}
ALAN = {"account": {"homePage": "https://academy.demo.local", "name": "instructor:alan"}}
BOTH = {"objectType": "Group", "member": [GRACE, TEACHER]}
NAMED = {"objectType": "Group", "mbox": "mailto:team@example.com", "member": [ALAN]}
STRANGER = {"mbox": "mailto:nobody@example.com"}
LEARNERS, COURSES = range(1, 5), range(1, 8)


def context_of(row: Statement, **people: Any) -> dict[str, Any]:
    """The context of a statement with other people in it."""
    context: dict[str, Any] = json.loads(bytes(row.body))["context"]
    return {"context": {**context, **people}}


def a_history() -> None:
    """Learners in courses that several people teach, one after the other; some completions are taken back."""
    taught_by: list[dict[str, Any]] = [
        {},
        {"instructor": GRACE},
        {"instructor": BOTH},
        {"instructor": NAMED, "team": BOTH},
    ]
    for learner in LEARNERS:
        for course in COURSES:
            first = add(learner, course)
            people = taught_by[(learner + course) % len(taught_by)]
            changed = context_of(first, **people)
            add(learner, course, Kind.PROGRESSED, value="50", changes=changed)
            if (learner + course) % 3 == 0:
                add(learner, course, Kind.FAILED, changes=changed)
                continue
            passed = add(learner, course, Kind.PASSED)
            completed = add(learner, course, Kind.COMPLETED, changes=changed)
            if course % 2:
                add(learner, course, Kind.RETRACTED, retracts=completed)
            if course % 3 == 0:
                # Under an address that the learner has only since.
                add(learner, course, Kind.RETRACTED, retracts=passed, changes={"actor": actor_of(90 + learner)})
    # A course whose statements name the course run alone, as without an id of the operator's own.
    run = {"object": {"objectType": "Activity", "id": COURSE.format(number=8)}}
    add(1, 8, changes=run)


def stored() -> list[dict[str, Any]]:
    """All of them, as the reference takes them."""
    rows = Statement.objects.filter(site_id=1).order_by("stored_at")
    return [{**json.loads(bytes(row.body)), "stored": written(row.stored_at)} for row in rows]


class History:
    """All that is stored, in memory, and who asks for it. Its ``repr`` is short: Hypothesis shows it."""

    def __init__(self, puller: Puller) -> None:
        a_history()
        self.puller, self.known = puller, stored()

    def __repr__(self) -> str:
        return f"<History of {len(self.known)} statements>"


@pytest.fixture
def history(puller: Puller) -> History:
    return History(puller)


people = [*(actor_of(learner) for learner in (1, 2, 91, 92)), TEACHER, GRACE, ALAN, NAMED, STRANGER, AUTHORITY]
activities = [course_id(1), course_id(3), course_id(6), course_id(8), *(COURSE.format(number=n) for n in (1, 3, 8, 9))]
flags = st.sampled_from(["true", "true", "false"])
# Which of the statements in memory a time or a registration is taken from.
places = st.none() | st.none() | st.none() | st.integers(0, 80)
questions = st.fixed_dictionaries(
    {
        "verb": st.none() | st.sampled_from(sorted(VERBS.values())),
        "agent": st.none() | st.sampled_from(people).map(json.dumps),
        "activity": st.none() | st.sampled_from(activities),
        "registration": places,
        "since": places,
        "until": places,
        "related_activities": flags,
        "related_agents": flags,
        "ascending": flags,
    }
)


def question_of(drawn: dict[str, Any], known: list[dict[str, Any]]) -> dict[str, str]:
    """The parameters, with times and registrations of statements that are there."""
    asked = {name: value for name, value in drawn.items() if value is not None}
    for name in asked.keys() & {"since", "until"}:
        asked[name] = known[asked[name] % len(known)]["stored"]
    if "registration" in asked:
        asked["registration"] = known[asked["registration"] % len(known)]["context"]["registration"]
    return asked


def pages(puller: Puller, question: dict[str, str], limit: int) -> Iterator[list[str]]:
    """Every page; no page but the last is short."""
    found = list(puller.pages(limit=limit, **question))
    assert all(len(page) == limit for page in found[:-1])
    return iter(found)


@pytest.mark.slow
@many
@given(drawn=questions, limit=st.sampled_from([1, 2, 7, 25, 500]))
def test_the_answer_is_that_of_the_specification(history: History, drawn: dict[str, Any], limit: int) -> None:
    question = question_of(drawn, history.known)
    expected = reference.answer(history.known, question, AUTHORITY)
    if limit < 7 and len(expected) > 20:
        limit = 25
    assert [each for page in pages(history.puller, question, limit) for each in page] == expected


def test_the_reference_finds_something() -> None:
    """Whatever a question may ask for is there, so that agreement says something."""
    a_history()
    known = stored()
    for verb in VERBS.values():
        assert reference.answer(known, {"verb": verb}, AUTHORITY)
    for person in (*people[:-2], AUTHORITY):
        assert reference.answer(known, {"agent": json.dumps(person), "related_agents": "true"}, AUTHORITY)
    assert not reference.answer(known, {"agent": json.dumps(STRANGER), "related_agents": "true"}, AUTHORITY)
    for activity in activities[:-1]:
        found = reference.answer(known, {"activity": activity, "related_activities": "true"}, AUTHORITY)
        assert found or activity == course_id(8)
