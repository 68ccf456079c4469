"""The Content Import API of the pretend Percipio: one item of the catalog a request, and what the catalog knows."""

from __future__ import annotations

from typing import Any

from percipio_sandbox.messages import Answer, Incoming, Refusal, json_answer
from percipio_sandbox.percipio import Percipio
from percipio_sandbox.routes import Route
from percipio_sandbox.statement_endpoint import sender_of
from percipio_sandbox.store import Sender
from percipio_sandbox.validation.content import content_problems_of


def answer(incoming: Incoming, route: Route, percipio: Percipio) -> Answer:
    """Hold an item, in place of an earlier one with its id.

    Raises:
        Refusal: see `admit`.
    """
    sender, item = admit(incoming, route, percipio)
    percipio.store_content(sender, item)
    return json_answer({"status": "accepted", "content_id": item["content_id"]})


def admit(incoming: Incoming, route: Route, percipio: Percipio) -> tuple[Sender, dict[str, Any]]:
    """Return an item that passed every check, and who sent it.

    Raises:
        Refusal: 401 or 403 for the token, 404 for an organization that is not known, 405 for another method than POST,
            415 or 400 for the body.
    """
    sender = sender_of(incoming, route, percipio)
    known = percipio.rules.organizations
    if known and route.organization not in known:
        raise Refusal(404, "not found", ("there is no such organization",))
    if incoming.method != "POST":
        raise Refusal(405, "items are sent with POST")
    item = incoming.content
    problems = content_problems_of(item)
    if problems:
        raise Refusal(400, "the item is malformed", tuple(problems))
    return sender, item
