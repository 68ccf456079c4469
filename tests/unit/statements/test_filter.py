"""The public filter: a site's own steps change what is harmless, stop a statement, and never touch a fact."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from openedx_filters import PipelineStep
from openedx_filters.tooling import OpenEdxPublicFilter

from percipio_openedx.api import StatementFreezeRequested
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError, StatementStopped
from percipio_openedx.statements.build import build, milestone_of
from percipio_openedx.statements.content import BuiltStatement
from percipio_openedx.statements.vocabulary import EXTENSION_PROGRESS
from tests.unit.statements.cases import CASES, CLOUD, NOW, a_context

FILTER = "org.openedx.percipio.statement.freeze.requested.v1"
COST_CENTER = "https://example.com/cost-center"
COMPLETED, PROGRESSED = CASES["completed"], CASES["progressed"]


class Change(PipelineStep):
    """A step that sets one value, deep in the statement or the record; ``...`` takes it away."""

    where: tuple[str, ...] = ()
    value: Any = None
    seen: list[dict[str, Any]]

    def run_filter(self, **given: Any) -> dict[str, Any]:
        self.seen.append(given)
        if not self.where:
            return {}
        *path, name = self.where
        part: Any = given
        for one in path:
            part = part.setdefault(one, {})
        if self.value is ...:
            del part[name]
        else:
            part[name] = self.value
        return {name: given[name] for name in ("statement", "record")}


class Stop(PipelineStep):
    """A step that stops the statement."""

    error: Exception = StatementFreezeRequested.PreventStatement("no_consent")

    def run_filter(self, **_: Any) -> dict[str, Any]:
        raise self.error


def configured(settings: Any, *steps: type[PipelineStep], **others: Any) -> None:
    pipeline = [f"{__name__}.{step.__name__}" for step in steps]
    settings.OPEN_EDX_FILTERS_CONFIG = {FILTER: {"pipeline": pipeline, **others}}


@pytest.fixture(autouse=True)
def changing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The step is configured, and changes what the test says."""
    configured(settings, Change)
    monkeypatch.setattr(Change, "seen", [], raising=False)

    def change(*where: str, to: Any) -> None:
        monkeypatch.setattr(Change, "where", where)
        monkeypatch.setattr(Change, "value", to)

    yield change


def made(built: BuiltStatement) -> tuple[dict[str, Any], dict[str, Any]]:
    return json.loads(built.body), json.loads(built.track or b"{}")


def test_a_step_gets_all_of_it(settings: Any) -> None:
    built = build(COMPLETED, now=NOW)
    (given,) = Change.seen
    statement, record = made(built)
    about = {"user_id": COMPLETED.user_id, "course_key": CLOUD.key, "kind": Kind.COMPLETED}
    assert given == {"statement": statement, "record": record, **about}
    settings.OPEN_EDX_FILTERS_CONFIG = {}
    assert build(COMPLETED, now=NOW) == built


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("context", "extensions"), {COST_CENTER: "4711"}),
        (("context", "platform"), "Academy"),
        (("context", "contextActivities", "category"), [{"id": COST_CENTER}]),
        (("object", "definition", "name", "en-US"), "Clouds"),
        (("object", "definition", "description"), ...),
        (("result", "extensions"), {COST_CENTER: "4711"}),
        (("result", "duration"), ...),
    ],
)
def test_what_a_step_may_change(changing: Any, where: tuple[str, ...], value: Any) -> None:
    changing("statement", *where, to=value)
    part, _ = made(build(COMPLETED, now=NOW))
    for name in where[:-1]:
        part = part[name]
    assert part.get(where[-1], ...) == value


def test_what_a_step_changes_is_made_strict_and_found_by_what_it_says_now(changing: Any) -> None:
    changing("statement", "context", "instructor", to={"mbox": "mailto:dean@example.com", "name": ""})
    built = build(COMPLETED, now=NOW)
    assert made(built)[0]["context"]["instructor"] == {"mbox": "mailto:dean@example.com"}
    changing(to=None)
    assert built.terms != build(COMPLETED, now=NOW).terms


@pytest.mark.parametrize(
    ("where", "value", "field"),
    [
        (("id",), "5f0c3a3e-7f0b-5a54-9d8e-6a1c2f7f4b10", "statement.id"),
        (("actor", "mbox"), "mailto:other@example.com", "statement.actor"),
        (("actor", "name"), ..., "statement.actor"),
        (("verb",), {"id": "https://example.com/attended"}, "statement.verb"),
        (("timestamp",), "2026-01-01T00:00:00.000Z", "statement.timestamp"),
        (("object", "id"), "https://example.com/other", "object.id"),
        (("object",), "nothing", "object.id"),
        (("context", "registration"), "5f0c3a3e-7f0b-5a54-9d8e-6a1c2f7f4b10", "context.registration"),
        (("context",), ..., "context.registration"),
        (("result", "score", "scaled"), 1.0, "result.score"),
        (("result", "success"), ..., "result.success"),
        (("result", "duration"), "PT1S", "result.duration"),
        (("result", "response"), "well", "result"),
        (("attachments",), [], "statement"),
    ],
)
def test_a_fact_stays(changing: Any, where: tuple[str, ...], value: Any, field: str) -> None:
    changing("statement", *where, to=value)
    with pytest.raises(StatementError) as caught:
        build(COMPLETED, now=NOW)
    assert caught.value.path == field
    assert "filter step" in caught.value.problem
    assert "other@example.com" not in str(caught.value)


def test_the_progress_stays(changing: Any) -> None:
    changing("statement", "result", "extensions", EXTENSION_PROGRESS, to=99)
    with pytest.raises(StatementError, match=r"^result.extensions.progress: was changed"):
        build(PROGRESSED, now=NOW)


@pytest.mark.parametrize(
    ("where", "value", "problem"),
    [
        (("context", "extensions"), {"no iri": 1}, "is not an IRI"),
        (("context", "extensions"), {COST_CENTER: "x" * 20_000}, "is larger than"),
        (("context", "extensions"), {COST_CENTER: NOW}, "cannot be written as JSON"),
        (("context", "platform"), 7, "is not a text"),
        (("context", "team"), {"mbox": "mailto:team@example.com"}, "context.team: is not a Group"),
        (("result",), None, "was changed"),
    ],
)
def test_what_a_step_adds_is_checked(changing: Any, where: tuple[str, ...], value: Any, problem: str) -> None:
    changing("statement", *where, to=value)
    with pytest.raises(StatementError, match=problem):
        build(COMPLETED, now=NOW)


@pytest.mark.parametrize("value", [None, "nothing", 7, []])
def test_what_is_no_statement_any_more(changing: Any, value: Any) -> None:
    changing("statement", to=value)
    with pytest.raises(StatementError, match="was changed"):
        build(COMPLETED, now=NOW)


def test_a_track_record_may_lose_its_time_on_task(changing: Any) -> None:
    changing(to=None)
    before = made(build(COMPLETED, now=NOW))[1]
    changing("record", "duration_spent", to=...)
    record = made(build(COMPLETED, now=NOW))[1]
    assert record == {name: value for name, value in before.items() if name != "duration_spent"} != before


def test_a_time_on_task_that_is_left_out_of_the_statement_alone_stays_in_the_record(changing: Any) -> None:
    """However often it is built anew."""
    changing("statement", "result", "duration", to=...)
    first = build(COMPLETED, now=NOW)
    milestone = milestone_of(Kind.COMPLETED, COMPLETED.milestone.value, first.timestamp or NOW, first.body, first.track)
    assert made(first)[1]["duration_spent"] == COMPLETED.milestone.seconds
    assert build(replace(COMPLETED, milestone=milestone), now=NOW) == first


@pytest.mark.parametrize("form", [list, tuple])
def test_steps_run_from_a_list_as_from_a_tuple(settings: Any, changing: Any, form: Any) -> None:
    """openedx-filters reads no tuple, and would report without the step."""
    settings.OPEN_EDX_FILTERS_CONFIG = {FILTER: form([f"{__name__}.Change"])}
    changing("statement", "context", "platform", to="Academy")
    assert made(build(COMPLETED, now=NOW))[0]["context"]["platform"] == "Academy"


@pytest.mark.parametrize(
    ("where", "value", "field"),
    [
        (("user",), "other@example.com", "record.user"),
        (("completion_percentage",), 99, "record.completion_percentage"),
        (("duration_spent",), 1, "record.duration_spent"),
        (("status",), ..., "record.status"),
        (("cost_center",), "4711", "record"),
    ],
)
def test_nothing_else_of_a_track_record_changes(changing: Any, where: tuple[str, ...], value: Any, field: str) -> None:
    changing("record", *where, to=value)
    with pytest.raises(StatementError) as caught:
        build(COMPLETED, now=NOW)
    assert caught.value.path == field


@pytest.mark.parametrize(("name", "value"), [("completion_percentage", 40.0), ("duration_spent", 3725.0)])
def test_a_track_record_keeps_the_form_of_its_facts(changing: Any, name: str, value: float) -> None:
    changing(to=None)
    before = build(PROGRESSED, now=NOW).track
    assert made(build(PROGRESSED, now=NOW))[1][name] == value
    changing("record", name, to=value)
    assert build(PROGRESSED, now=NOW).track == before


@pytest.mark.parametrize(("kind", "value"), [(Kind.COMPLETED, None), (Kind.PASSED, {"user": "a"})])
def test_a_track_record_neither_comes_nor_goes(changing: Any, kind: Kind, value: Any) -> None:
    changing("record", to=value)
    with pytest.raises(StatementError, match=r"^record: was added or removed"):
        build(a_context(kind), now=NOW)


def test_a_step_that_returns_nothing_ends_the_pipeline_as_everywhere(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(settings, Change, Stop)
    monkeypatch.setattr(Change, "run_filter", lambda *_, **__: None)
    built = build(COMPLETED, now=NOW)
    settings.OPEN_EDX_FILTERS_CONFIG = {}
    assert build(COMPLETED, now=NOW) == built


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("no_consent", "no_consent"), ("", ""), ("Jane Doe said no", ""), ("jane@example.com", ""), ("x" * 41, "")],
)
def test_a_step_stops_a_statement_for_a_reason_that_names_nobody(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, reason: str, kept: str
) -> None:
    configured(settings, Stop)
    monkeypatch.setattr(Stop, "error", StatementFreezeRequested.PreventStatement(reason))
    with pytest.raises(StatementStopped) as caught:
        build(COMPLETED, now=NOW)
    assert caught.value.reason == kept
    assert str(caught.value) == f"stopped by a filter step{': ' if kept else ''}{kept}"
    # Nor by openedx-filters, which logs the error with its traceback.
    assert not reason or reason == kept or reason not in caplog.text
    assert "PreventStatement" in caplog.text


def test_a_step_that_breaks_lets_nothing_pass_unless_the_site_says_so(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Stop, "error", KeyError("john"))
    caplog.set_level(logging.CRITICAL, "openedx_filters.tooling")
    configured(settings, Stop)
    with pytest.raises(KeyError):
        build(COMPLETED, now=NOW)
    settings.OPEN_EDX_FILTERS_CONFIG = {FILTER: [f"{__name__}.Stop"]}
    with pytest.raises(KeyError):
        build(COMPLETED, now=NOW)
    configured(settings, Change, fail_silently=False)
    settings.OPEN_EDX_FILTERS_CONFIG[FILTER]["pipeline"].append(f"{__name__}.NotThere")
    with pytest.raises(ImportError):
        build(COMPLETED, now=NOW)
    configured(settings, Stop, Change, fail_silently=True)
    assert build(COMPLETED, now=NOW).body
    assert len(Change.seen) == 1


@pytest.mark.parametrize("given", [{}, {FILTER: {}}, {"another": ["x"]}])
def test_without_steps_the_filter_is_only_looked_up(settings: Any, given: dict[str, Any]) -> None:
    settings.OPEN_EDX_FILTERS_CONFIG = given
    with mock.patch.object(StatementFreezeRequested, "run_pipeline", side_effect=AssertionError):
        assert build(COMPLETED, now=NOW).body
    assert issubclass(StatementFreezeRequested, OpenEdxPublicFilter)
