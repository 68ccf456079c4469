"""Learners whom Percipio does not know: refused by name, in words that are plausible.

Skillsoft's page says "validate user IDs against Percipio prior to submission" and shows no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer, Refusal, json_answer
from percipio_sandbox.routes import Kind
from percipio_sandbox.scenarios.model import Act, Scenario, Settings, Stage
from percipio_sandbox.statement_endpoint import sender_of, with_xapi_headers

MEANING = "the learners' emails or ids, with a vertical bar between"


def user_of(item: Any) -> str:
    """Return how a statement or Track record names its learner: an email, an account's name or the user."""
    if not isinstance(item, dict):
        return ""
    actor = item.get("actor")
    if not isinstance(actor, dict):
        return str(item.get("user", ""))
    account = actor.get("account")
    name = account.get("name", "") if isinstance(account, dict) else ""
    return str(actor.get("mbox", "")).removeprefix("mailto:") or str(name)


def _words(user: str) -> str:
    return f'User "{user}" was not found'


def _unknown_users(status: int) -> Callable[[Settings], Act]:
    def make(settings: Settings) -> Act:
        unknown = {user.casefold() for user in settings.argument.split("|") if user}

        def act(call: Call) -> Answer:
            items = call.items()
            users = [user_of(item) for item in items]
            if not any(user.casefold() in unknown for user in users):
                return call.ordinary()
            if call.route.kind is Kind.TRACK or len(items) == 1:
                sender_of(call.incoming, call.route, call.percipio)
                raise Refusal(status, _words(users[0]))
            statements = call.submission.statements
            verdicts = [
                {"id": statement["id"]}
                | ({"status": status, "message": _words(user)} if user.casefold() in unknown else {"status": 200})
                for statement, user in zip(statements, users, strict=True)
            ]
            known = zip(statements, users, strict=True)
            call.store([statement for statement, user in known if user.casefold() not in unknown])
            return with_xapi_headers(json_answer(verdicts, 207), call.percipio)

        return act

    return make


SCENARIOS = tuple(
    Scenario(
        name,
        f"some learners are unknown: 207 for a batch, {status} for one statement or record, with words",
        Stage.API,
        _unknown_users(status),
        argument="unknown@example.com",
        meaning=MEANING,
    )
    for name, status in (("unknown-users", 400), ("unknown-users-404", 404))
)
