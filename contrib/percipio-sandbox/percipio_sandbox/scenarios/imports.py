"""Scenarios in which Percipio refuses items of the catalog: with the codes of the sister pages."""

from __future__ import annotations

import json
from collections.abc import Callable

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer, Refusal
from percipio_sandbox.scenarios.answers import error
from percipio_sandbox.scenarios.model import Act, Scenario, Settings, Stage
from percipio_sandbox.scenarios.refusals import throttled

_WHICH = "a text: the items that contain it; without it all"


def _refused(answer: Answer) -> Callable[[Settings], Act]:
    """Return the maker of an act that gives this answer to the items that contain a text, and serves the others."""

    def make(settings: Settings) -> Act:
        def act(call: Call) -> Answer:
            item = call.item
            chosen = item is not None and settings.argument in json.dumps(item, ensure_ascii=False)
            return answer if chosen else call.ordinary()

        return act

    return make


def _known(settings: Settings) -> Act:
    def act(call: Call) -> Answer:
        if call.item is not None and call.percipio.has_item(call.route.partner, call.route.organization, call.item):
            raise Refusal(409, "conflict", ("there is an item with this content_id already",))
        return call.ordinary()

    return act


def _scenario(name: str, description: str, answer: Answer) -> Scenario:
    return Scenario(name, description, Stage.CONTENT, _refused(answer), meaning=_WHICH)


SCENARIOS = (
    _scenario("content-400", "items are refused as malformed", error(400, "malformed content")),
    _scenario("content-401", "401, whatever the token", error(401, "invalid_token", (("WWW-Authenticate", "Bearer"),))),
    _scenario("content-403", "403: the permission CONTENT_IMPORT is missing", error(403, "forbidden")),
    _scenario("content-404", "404: the organization is unknown", error(404, "not found")),
    Scenario("content-409", "an item that is known already gets 409 and is not updated", Stage.CONTENT, _known),
    Scenario(
        "content-429",
        "429 with Retry-After in seconds",
        Stage.CONTENT,
        throttled,
        argument="2",
        meaning="seconds",
    ),
    _scenario("content-500", "500 with a JSON error", error(500, "internal server error")),
)
