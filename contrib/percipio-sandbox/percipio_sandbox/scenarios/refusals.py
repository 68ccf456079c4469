"""Scenarios in which Percipio is well and says no: permissions, bad batches, conflicts, size, rate."""

from __future__ import annotations

import threading
from datetime import timedelta
from email.utils import format_datetime

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer, Refusal
from percipio_sandbox.scenarios.answers import error
from percipio_sandbox.scenarios.model import Act, Scenario, Settings, Stage, always, number, whole
from percipio_sandbox.scenarios.selection import MEANING, Selector

_FORBIDDEN = error(403, "forbidden")


def _forbidden_once(settings: Settings) -> Act:
    lock = threading.Lock()  # taken once and never given back

    def act(call: Call) -> Answer:
        return _FORBIDDEN if lock.acquire(blocking=False) else call.ordinary()

    return act


def _refuse_organization(settings: Settings) -> Act:
    def act(call: Call) -> Answer:
        organization = call.route.organization
        refused = organization is not None and settings.argument in ("", organization)
        return _FORBIDDEN if refused else call.ordinary()

    return act


def _bad_request(settings: Settings) -> Act:
    selector = Selector(settings.argument)

    def act(call: Call) -> Answer:
        if call.posts_statements and any(selector.picked(call.submission.statements)):
            # Percipio's own words are not known; that no statement is named is the harder case.
            raise Refusal(400, "Malformed xAPI")
        return call.ordinary()

    return act


def _conflict(settings: Settings) -> Act:
    def act(call: Call) -> Answer:
        if call.posts_statements:
            store = call.percipio.statements
            if any(store.find(call.route.partner, item["id"]) for item in call.submission.statements):
                raise Refusal(409, "conflict")
        return call.ordinary()

    return act


def _too_large(settings: Settings) -> Act:
    limit = whole(settings.argument, "the largest batch")

    def act(call: Call) -> Answer:
        if len(call.items()) > limit:
            raise Refusal(413, "payload too large")
        return call.ordinary()

    return act


def throttled(settings: Settings) -> Act:
    """Answer 429 to every request, with a wait of the argument's seconds."""
    seconds = number(settings.argument, "the wait")
    return always(error(429, "too many requests", (("Retry-After", f"{seconds:.0f}"),)))(settings)


def _throttled_until(settings: Settings) -> Act:
    wait = timedelta(seconds=number(settings.argument, "the wait"))

    def act(call: Call) -> Answer:
        until = format_datetime(call.percipio.clock() + wait, usegmt=True)
        return error(429, "too many requests", (("Retry-After", until),))

    return act


SCENARIOS = (
    Scenario("forbidden", "every API request gets 403", Stage.API, always(_FORBIDDEN)),
    Scenario("forbidden-once", "the first API request gets 403, the others are served", Stage.API, _forbidden_once),
    Scenario(
        "refuse-organization",
        "requests for an organization get 403, those for the partner alone are served",
        Stage.API,
        _refuse_organization,
        meaning="the id of the one organization that is refused; without it all are",
    ),
    Scenario(
        "bad-request-one",
        "a batch that holds a bad statement gets 400, and nothing of it is stored",
        Stage.API,
        _bad_request,
        argument="3",
        meaning=MEANING,
    ),
    Scenario(
        "conflict-409",
        "a batch that holds a statement known already gets 409, and nothing of it is stored",
        Stage.API,
        _conflict,
    ),
    Scenario(
        "too-large-413",
        "larger batches get 413",
        Stage.API,
        _too_large,
        argument="10",
        meaning="the number of statements that pass",
    ),
    Scenario("throttled-429", "429 without Retry-After", Stage.API, always(error(429, "too many requests"))),
    Scenario(
        "throttled-429-seconds",
        "429 with Retry-After in seconds",
        Stage.API,
        throttled,
        argument="2",
        meaning="seconds",
    ),
    Scenario(
        "throttled-429-date",
        "429 with Retry-After as an HTTP date",
        Stage.API,
        _throttled_until,
        argument="2",
        meaning="seconds from now to that date",
    ),
)
