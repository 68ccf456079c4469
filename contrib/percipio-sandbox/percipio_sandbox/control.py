"""The sandbox's own addresses, for the page, for tests and for demonstrations: `/` and `/_sandbox/...`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from percipio_sandbox.messages import HTML_TYPE, Answer, Incoming, Refusal, json_answer
from percipio_sandbox.recorder import as_line, line_of
from percipio_sandbox.scenarios.catalog import SCENARIOS
from percipio_sandbox.scenarios.model import ScenarioError
from percipio_sandbox.store import Ledger

if TYPE_CHECKING:
    from percipio_sandbox.application import Application

ROOT = "/_sandbox/"
_LINES = "application/x-ndjson; charset=utf-8"


def concerns(path: str) -> bool:
    """Tell whether a path is one of the sandbox's own."""
    return path == "/" or path.startswith(ROOT)


def answer(incoming: Incoming, application: Application) -> Answer:
    """Answer a request to one of the sandbox's own addresses.

    Raises:
        Refusal: 404 for an unknown address, 405 for a wrong method, 400 or 415 for a malformed body.
    """
    method = "GET" if incoming.method == "HEAD" else incoming.method
    methods = _HANDLERS.get(incoming.path)
    if methods is None:
        raise Refusal(404, "the sandbox has no such address", tuple(sorted(_HANDLERS)))
    if method not in methods:
        raise Refusal(405, f"this address takes {' and '.join(methods)}")
    return methods[method](incoming, application)


def _page(incoming: Incoming, application: Application) -> Answer:
    nonce = secrets.token_urlsafe(16)
    page = files("percipio_sandbox").joinpath("page.html").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; connect-src 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        # Another page of this machine, as the demo's, may show it; no page of another may.
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors http://127.0.0.1:* http://localhost:*"
    )
    headers = (("Content-Security-Policy", policy), ("Cache-Control", "no-store"))
    return Answer(200, page.replace("{{nonce}}", nonce).encode("utf-8"), HTML_TYPE, headers)


def state_of(application: Application) -> dict[str, Any]:
    """Return the scenario in force and what was counted, ready for JSON."""
    return {
        "scenario": application.plan.text,
        "in_force": application.plan.in_force(),
        "requests": application.journal.counts(),
        **application.percipio.counts(),
    }


def _state(incoming: Incoming, application: Application) -> Answer:
    return json_answer(state_of(application))


def _scenarios(incoming: Incoming, application: Application) -> Answer:
    return json_answer(
        [
            {
                "name": scenario.name,
                "description": scenario.description,
                "concerns": scenario.stage.value,
                "argument": scenario.argument,
                "meaning": scenario.meaning,
            }
            for scenario in SCENARIOS.values()
        ]
    )


def _last(incoming: Incoming) -> int | None:
    values = incoming.query.get("last")
    if values is None:
        return None
    if not (values[-1].isascii() and values[-1].isdigit() and len(values[-1]) <= 9):
        raise Refusal(400, "last must be a whole number")
    return int(values[-1])


def _lines(kind: str, ledger: Ledger, last: int | None) -> Answer:
    entries = ledger.entries[:]
    if last is not None:
        entries = entries[max(len(entries) - last, 0) :]
    text = "".join(as_line(line_of(kind, entry)) for entry in entries)
    return Answer(200, text.encode("utf-8"), _LINES)


def _statements(incoming: Incoming, application: Application) -> Answer:
    return _lines("statement", application.percipio.statements.ledger, _last(incoming))


def _track(incoming: Incoming, application: Application) -> Answer:
    return _lines("track", application.percipio.track.ledger, _last(incoming))


def _content(incoming: Incoming, application: Application) -> Answer:
    return _lines("content", application.percipio.content.ledger, _last(incoming))


def _set_scenario(incoming: Incoming, application: Application) -> Answer:
    content = incoming.content
    text = content.get("scenario") if isinstance(content, dict) else None
    if not isinstance(text, str):
        raise Refusal(400, 'send {"scenario": "NAME"}')
    try:
        application.set_scenario(text)
    except ScenarioError as error:
        raise Refusal(400, str(error)) from error
    return json_answer({"scenario": text})


def _reset(incoming: Incoming, application: Application) -> Answer:
    _ = incoming.content  # a JSON body is demanded, so that no foreign page can send this from a browser unasked
    application.reset()
    return json_answer({"reset": True})


_Handler = Callable[[Incoming, "Application"], Answer]
_HANDLERS: Mapping[str, Mapping[str, _Handler]] = {
    "/": {"GET": _page},
    ROOT + "state": {"GET": _state},
    ROOT + "scenarios": {"GET": _scenarios},
    ROOT + "scenario": {"POST": _set_scenario},
    ROOT + "statements": {"GET": _statements},
    ROOT + "track": {"GET": _track},
    ROOT + "content": {"GET": _content},
    ROOT + "reset": {"POST": _reset},
}
