"""207: some statements stored, some refused, told in one of the bodies that are plausible.

Skillsoft's page says "check response body for failed statements" and shows no body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer, json_answer
from percipio_sandbox.scenarios.model import Act, Scenario, Settings, Stage
from percipio_sandbox.scenarios.selection import MEANING, Selector
from percipio_sandbox.statement_endpoint import with_xapi_headers


@dataclass(frozen=True)
class Verdict:
    """What became of one statement of a batch; `status` is the HTTP status it would have had alone."""

    index: int
    statement_id: str
    status: int

    @property
    def stored(self) -> bool:
        """Whether the statement was stored."""
        return self.status == 200

    @property
    def reason(self) -> str:
        """Why it was not, in a sentence."""
        return "temporarily not available" if self.status == 503 else "the statement was refused"


Shape = Callable[[list[Verdict]], Any]


def _list_by_index(verdicts: list[Verdict]) -> Any:
    return [
        {"index": verdict.index, "status": verdict.status} | ({} if verdict.stored else {"error": verdict.reason})
        for verdict in verdicts
    ]


def _list_by_id(verdicts: list[Verdict]) -> Any:
    return [
        {"id": verdict.statement_id, "status": verdict.status} | ({} if verdict.stored else {"message": verdict.reason})
        for verdict in verdicts
    ]


def _object_with_list(verdicts: list[Verdict]) -> Any:
    return {
        "statements": [
            {"statementId": verdict.statement_id, "success": verdict.stored}
            | ({} if verdict.stored else {"error": {"code": verdict.status, "message": verdict.reason}})
            for verdict in verdicts
        ]
    }


def _object_as_map(verdicts: list[Verdict]) -> Any:
    return {
        verdict.statement_id: {"status": verdict.status} | ({} if verdict.stored else {"error": verdict.reason})
        for verdict in verdicts
    }


def _errors_only(verdicts: list[Verdict]) -> Any:
    return {
        "errors": [
            {
                "index": verdict.index,
                "id": verdict.statement_id,
                "status": verdict.status,
                "message": verdict.reason,
            }
            for verdict in verdicts
            if not verdict.stored
        ]
    }


def _partial(answer: Callable[[list[Verdict]], Answer]) -> Callable[[Settings], Act]:
    def make(settings: Settings) -> Act:
        selector = Selector(settings.argument)

        def act(call: Call) -> Answer:
            if not call.posts_statements:
                return call.ordinary()
            statements = call.submission.statements
            status = 503 if selector.once else 400
            verdicts = [
                Verdict(index, statement["id"], status if selector.picks(statement) else 200)
                for index, statement in enumerate(statements)
            ]
            if all(verdict.stored for verdict in verdicts):
                return call.ordinary()
            call.store([statements[verdict.index] for verdict in verdicts if verdict.stored])
            return with_xapi_headers(answer(verdicts), call.percipio)

        return act

    return make


def _in_json(shape: Shape) -> Callable[[list[Verdict]], Answer]:
    return lambda verdicts: json_answer(shape(verdicts), 207)


def _unreadable(verdicts: list[Verdict]) -> Answer:
    # "Some" of one statement is that one, for good: what fails for a while has to say so by its status.
    if len(verdicts) == 1:
        return json_answer({"message": verdicts[0].reason}, verdicts[0].status)
    return Answer(207, b"Some statements could not be processed.", "text/plain; charset=utf-8")


def _scenario(name: str, body: str, answer: Callable[[list[Verdict]], Answer]) -> Scenario:
    return Scenario(
        name,
        f"207: some statements are refused, the others stored; the body is {body}",
        Stage.API,
        _partial(answer),
        argument="3",
        meaning=MEANING,
    )


SCENARIOS = (
    _scenario("207-list-index", "a list with index and status", _in_json(_list_by_index)),
    _scenario("207-list-id", "a list with id and status", _in_json(_list_by_id)),
    _scenario("207-object-list", "an object that holds a list with a boolean success", _in_json(_object_with_list)),
    _scenario("207-object-map", "an object keyed by the statements' ids", _in_json(_object_as_map)),
    _scenario("207-errors-only", "an object that lists only what was refused", _in_json(_errors_only)),
    _scenario(
        "207-unreadable",
        "a sentence that names no statement; one statement alone gets its own status",
        _unreadable,
    ),
)
