"""Scenarios in which the server or the network is ill: 5xx, stray pages, silence, floods, resets."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer, Manner
from percipio_sandbox.scenarios.answers import error, html_page
from percipio_sandbox.scenarios.model import Act, Scenario, Settings, Stage, always, number

_RESET = Answer(0, manner=Manner.RESET)
_BOMB_PIECE = 10 * 1024 * 1024  # bytes when unpacked
_BOMB_PIECES = 100


def _unavailable(settings: Settings) -> Act:
    wait = settings.argument
    headers = (("Retry-After", f"{number(wait, 'the wait'):.0f}"),) if wait else ()
    return always(error(503, "service unavailable", headers))(settings)


def _stall(settings: Settings) -> Act:
    pause = number(settings.argument, "the time") if settings.argument else 0.0

    def act(call: Call) -> Answer:
        _ = call.incoming.body  # the request is taken in whole, and then nothing happens
        return Answer(0, manner=Manner.STALL, pause=pause)

    return act


def _dripping(manner: Manner) -> Callable[[Settings], Act]:
    def make(settings: Settings) -> Act:
        pause = number(settings.argument, "the pause")
        return lambda call: replace(call.ordinary(), manner=manner, pause=pause)

    return make


def _reset_after_reading(call: Call) -> Answer:
    _ = call.incoming.body
    return _RESET


def _lost_answer(call: Call) -> Answer:
    call.ordinary()
    return _RESET


@cache
def _bomb() -> bytes:
    # Members of a gzip file may follow each other, so that one small piece is packed once and repeated.
    return gzip.compress(b" " * _BOMB_PIECE, mtime=0) * _BOMB_PIECES


def _gzip_bomb(call: Call) -> Answer:
    return Answer(200, _bomb(), headers=(("Content-Encoding", "gzip"),))


def _redirect(settings: Settings) -> Act:
    return always(html_page(307, "Moved", (("Location", settings.argument),)))(settings)


SCENARIOS = (
    Scenario("server-500", "500 with a JSON error", Stage.API, always(error(500, "internal server error"))),
    Scenario("bad-gateway-html-502", "502 with an HTML page", Stage.API, always(html_page(502, "Bad Gateway"))),
    Scenario(
        "unavailable-503",
        "503 with a JSON error",
        Stage.API,
        _unavailable,
        meaning="seconds to send as Retry-After",
    ),
    Scenario(
        "html-200",
        "200 with an HTML page; nothing is stored",
        Stage.API,
        always(html_page(200, "Sign in")),
    ),
    Scenario("empty-200", "200 without a body; nothing is stored", Stage.API, always(Answer(200))),
    Scenario(
        "redirect-307",
        "307 to another address",
        Stage.API,
        _redirect,
        argument="http://127.0.0.1:9/elsewhere",
        meaning="the address",
    ),
    Scenario(
        "stall",
        "the request is read and never answered",
        Stage.API,
        _stall,
        meaning="seconds after which the connection is cut; without it the client has to leave",
    ),
    Scenario(
        "slow",
        "the request is served, the body of the answer drips byte by byte",
        Stage.API,
        _dripping(Manner.DRIP),
        argument="1",
        meaning="seconds between two bytes",
    ),
    Scenario(
        "slow-headers",
        "the request is served, the whole answer drips byte by byte, headers included",
        Stage.API,
        _dripping(Manner.DRIP_HEAD),
        argument="1",
        meaning="seconds between two bytes",
    ),
    Scenario("huge", "200 with a body that never ends", Stage.API, always(Answer(200, manner=Manner.ENDLESS))),
    Scenario(
        "gzip-bomb",
        "200 with 1 MB of gzip that unpacks to 1 GB of spaces",
        Stage.API,
        lambda settings: _gzip_bomb,
    ),
    Scenario("reset", "the connection is reset before the body is read", Stage.API, always(_RESET)),
    Scenario(
        "reset-after-reading",
        "the connection is reset after the body was read; nothing is stored",
        Stage.API,
        lambda settings: _reset_after_reading,
    ),
    Scenario(
        "lost-answer",
        "the request is served, then the connection is reset instead of the answer",
        Stage.API,
        lambda settings: _lost_answer,
    ),
)
