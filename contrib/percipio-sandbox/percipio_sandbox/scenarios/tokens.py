"""Faults of the token endpoint, and tokens that die."""

from __future__ import annotations

import json
import threading
from collections import Counter

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer, Manner, Refusal
from percipio_sandbox.scenarios.answers import html_page
from percipio_sandbox.scenarios.model import Act, Scenario, Settings, Stage, always, whole
from percipio_sandbox.token_endpoint import token_answer

_REFUSED = Refusal(401, "invalid_client", ("the client id or the client secret is wrong",)).answer()


def _token_with_lifetime(lifetime: object) -> Act:
    def act(call: Call) -> Answer:
        content = json.loads(call.ordinary().body)
        return token_answer(content["access_token"], lifetime)

    return act


class _DyingToken:
    """Kills the tokens in mid-flight: at the first API request, or each one after N API requests."""

    def __init__(self, settings: Settings, status: int) -> None:
        self._requests = whole(settings.argument, "the number of requests") if settings.argument else None
        self._status = status
        self._used: Counter[str] = Counter()
        self._fired = False
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Answer:
        if not self._dies(call.token):
            return call.ordinary()
        call.percipio.tokens.revoke(call.token)
        raise Refusal(self._status, "invalid_token", ("the bearer token has just expired",))

    def _dies(self, token: str) -> bool:
        with self._lock:
            if self._requests is not None:
                self._used[token] += 1
                return self._used[token] > self._requests
            first, self._fired = not self._fired, True
            return first


SCENARIOS = (
    Scenario("token-refused", "the token endpoint says 401: wrong id or secret", Stage.TOKEN, always(_REFUSED)),
    Scenario(
        "token-html",
        "the token endpoint answers 200 with an HTML page",
        Stage.TOKEN,
        always(html_page(200, "Sign in")),
    ),
    Scenario("token-500", "the token endpoint fails with 500", Stage.TOKEN, always(html_page(500, "Server error"))),
    Scenario(
        "token-stall",
        "the token endpoint takes the request and never answers",
        Stage.TOKEN,
        always(Answer(0, manner=Manner.STALL)),
    ),
    Scenario(
        "token-no-lifetime",
        "tokens come without expires_in",
        Stage.TOKEN,
        lambda settings: _token_with_lifetime(None),
    ),
    Scenario(
        "token-text-lifetime",
        "expires_in is a string instead of a number",
        Stage.TOKEN,
        lambda settings: _token_with_lifetime("36000"),
    ),
    Scenario(
        "token-expires-mid-flight",
        "the API says 401 to the first request, as its token has just expired; a new token is good",
        Stage.API,
        lambda settings: _DyingToken(settings, 401),
        meaning="N: every token is good for N API requests",
    ),
    Scenario(
        "token-expires-403",
        "as token-expires-mid-flight, but the API says 403, which Skillsoft's page allows too",
        Stage.API,
        lambda settings: _DyingToken(settings, 403),
        meaning="N: every token is good for N API requests",
    ),
)
