"""The way through event-routing-backends: own registry, own processor, the site's filter steps, and no logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from event_routing_backends.processors.xapi.registry import XApiTransformersRegistry
from openedx_filters import PipelineStep
from openedx_filters.exceptions import OpenEdxFilterException
from tincan import Activity, Agent, Verb

from percipio_openedx.data import LearnerIdentity, Milestone
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import ids
from percipio_openedx.statements.build import build
from percipio_openedx.statements.content import StatementContext
from percipio_openedx.statements.transformers import ACTOR_FILTER, OBJECT_FILTER, PercipioRegistry
from percipio_openedx.statements.vocabulary import VERBS, event_name
from tests.unit.statements.cases import AT, CASES, CLOUD, NOW, VERB_FILTER, a_context

HERE = __name__
COMPLETED = CASES["completed"]


class Pseudonym(PipelineStep):
    """A step as sites write them: another actor."""

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        return {"result": Agent(account={"homePage": "https://id.example.com", "name": "p-1"})}


class Tag(PipelineStep):
    """A step that changes what it is given in place, and leaves rubbish."""

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        result.definition.extensions = {"https://example.com/org": transformer.event["context"]["org_id"]}
        result.definition.name["fr"] = "  "
        return {"result": result}


class Attended(PipelineStep):
    """A step with a verb of the site's own."""

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        return {"result": Verb(id="https://example.com/attended")}


class Break(PipelineStep):
    """A step that makes the statement invalid."""

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        return {"result": Activity(id="nowhere at all")}


class Vanish(PipelineStep):
    """A step that takes the actor away."""

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        return {"result": None}


class Refuse(PipelineStep):
    """A step that forbids the statement."""

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        raise OpenEdxFilterException("john.doe@example.com must not be reported")


@pytest.fixture
def steps(settings: Any) -> Iterator[dict[str, Any]]:
    settings.OPEN_EDX_FILTERS_CONFIG = {}
    yield settings.OPEN_EDX_FILTERS_CONFIG


def with_step(step: type[PipelineStep]) -> dict[str, Any]:
    return {"pipeline": [f"{HERE}.{step.__name__}"], "fail_silently": False}


def test_each_milestone_has_its_transformer() -> None:
    assert set(PercipioRegistry.mapping) == {event_name(kind) for kind in Kind}
    assert {json.loads(build(context, now=NOW).body)["verb"]["id"] for context in CASES.values()} == set(VERBS.values())


def test_the_registry_of_event_routing_backends_is_left_alone() -> None:
    assert PercipioRegistry.mapping is not XApiTransformersRegistry.mapping
    assert [name for name in XApiTransformersRegistry.mapping if name.startswith("percipio")] == []


def test_a_filter_step_may_change_the_actor(steps: dict[str, Any]) -> None:
    steps[ACTOR_FILTER] = with_step(Pseudonym)
    built = build(COMPLETED, now=NOW)
    account = {"homePage": "https://id.example.com", "name": "p-1"}

    assert json.loads(built.body)["actor"] == {"objectType": "Agent", "account": account}
    assert built.actor_key == ids.actor_key_of({"account": account})
    assert built.id == build(CASES["completed"], now=NOW).id


def test_a_filter_step_may_change_the_verb(steps: dict[str, Any]) -> None:
    steps[VERB_FILTER] = with_step(Attended)

    assert build(COMPLETED, now=NOW).verb == "https://example.com/attended"


def test_a_filter_step_may_change_the_course_for_one_statement_only(steps: dict[str, Any]) -> None:
    before = build(COMPLETED, now=NOW)
    steps[OBJECT_FILTER] = with_step(Tag)
    definition = json.loads(build(COMPLETED, now=NOW).body)["object"]["definition"]
    steps.clear()

    assert definition["extensions"] == {"https://example.com/org": "DemoX"}
    assert definition["name"] == {"en-US": "Cloud Foundations"}
    assert build(COMPLETED, now=NOW) == before


@pytest.mark.parametrize(
    ("hook", "step", "problem"),
    [
        (OBJECT_FILTER, Break, "object.id: is not an IRI"),
        (ACTOR_FILTER, Vanish, "actor: is missing"),
        (ACTOR_FILTER, Refuse, "statement: could not be transformed (OpenEdxFilterException)"),
    ],
)
def test_what_a_filter_step_spoils_is_not_reported(
    steps: dict[str, Any], hook: str, step: type[PipelineStep], problem: str
) -> None:
    steps[hook] = with_step(step)

    with pytest.raises(StatementError) as caught:
        build(COMPLETED, now=NOW)

    assert str(caught.value) == problem


def test_nothing_of_a_statement_is_logged(caplog: pytest.LogCaptureFixture, settings: Any) -> None:
    settings.XAPI_EVENT_LOGGING_ENABLED = True
    settings.XAPI_EVENTS_ENABLED = False
    with caplog.at_level(logging.DEBUG):
        built = build(COMPLETED, now=NOW)

    assert built.body
    assert caplog.records == []


IMPOSSIBLE: list[tuple[StatementContext, str]] = [
    (replace(COMPLETED, identity=LearnerIdentity(email="amina haddad")), "actor.mbox: is not an email address"),
    (
        replace(COMPLETED, identity=LearnerIdentity(account="a", home_page="here")),
        "actor.account.homePage: is not an IRI",
    ),
    (
        replace(COMPLETED, identity=LearnerIdentity(account=" a", home_page="https://lms.example.com")),
        "actor.account.name: is empty, too long or not printable",
    ),
    (replace(COMPLETED, content_id=""), "content_id: is empty"),
    (replace(COMPLETED, activity_id="Cloud 101"), "object.id: is not an IRI"),
    (a_context(Kind.PROGRESSED), "result.extensions.progress: is not a whole percentage from 0 to 100"),
    (a_context(Kind.PROGRESSED, percent=101), "result.extensions.progress: is not a whole percentage from 0 to 100"),
    (a_context(Kind.PASSED, score=float("nan")), "result.score.scaled: is not a number"),
    (a_context(Kind.RETRACTED), "object.id: a retraction needs one earlier statement that it takes back"),
    (
        a_context(Kind.RETRACTED, retracts=Kind.RETRACTED),
        "object.id: a retraction needs one earlier statement that it takes back",
    ),
    (replace(COMPLETED, milestone=Milestone(Kind.COMPLETED, AT.replace(tzinfo=None))), "timestamp: has no time zone"),
]


@pytest.mark.parametrize(("context", "problem"), IMPOSSIBLE)
def test_what_cannot_be_said_is_an_error_without_personal_data(context: StatementContext, problem: str) -> None:
    with pytest.raises(StatementError) as caught:
        build(context, now=NOW)

    assert str(caught.value) == problem


def test_a_learner_without_any_name_is_refused_for_track_too() -> None:
    with pytest.raises(StatementError, match=r"^actor.account.name: is empty"):
        build(replace(COMPLETED, identity=LearnerIdentity(home_page="https://lms.example.com")), now=NOW)


def test_progress_carries_no_score() -> None:
    built = build(a_context(Kind.PROGRESSED, percent=40, score=0.4), now=NOW)

    assert "score" not in json.loads(built.body)["result"]


@pytest.mark.parametrize(("fraction", "scaled", "raw"), [(1.04, 1, 100), (-0.1, 0, 0), (0.33333, 0.3333, 33.33)])
def test_a_score_stays_within_its_bounds(fraction: float, scaled: float, raw: float) -> None:
    result = json.loads(build(a_context(Kind.PASSED, score=fraction), now=NOW).body)["result"]

    assert result["score"] == {"scaled": scaled, "raw": raw, "min": 0, "max": 100}


@pytest.mark.parametrize("seconds", [None, -5, 10**12])
def test_a_time_on_task_that_cannot_be_is_left_out(seconds: int | None) -> None:
    built = build(a_context(Kind.PROGRESSED, percent=40, seconds=seconds), now=NOW)

    assert built.track is not None
    assert "duration" not in json.loads(built.body)["result"]
    assert "duration_spent" not in json.loads(built.track)


def test_a_renamed_course_is_told_by_its_new_name_at_once() -> None:
    renamed = replace(COMPLETED, course=replace(CLOUD, name="Cloud Foundations II"))
    build(COMPLETED, now=NOW)

    assert json.loads(build(renamed, now=NOW).body)["object"]["definition"]["name"] == {"en-US": "Cloud Foundations II"}
