"""The three forms of a statement: exact, ids and canonical (xAPI 1.0.3, Communication 2.1.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from percipio_openedx.lrs.languages import Preferences, chosen
from percipio_openedx.lrs.page import Kept
from percipio_openedx.lrs.query import Form
from percipio_openedx.lrs.timestamps import written
from percipio_openedx.statements.terms import CONTEXT_ACTIVITIES

# What a statement that was received without a version has (Data 2.4.10), whatever the version of the request.
VERSION: Final = "1.0.0"

_IDENTIFIERS: Final = ("objectType", "mbox", "mbox_sha1sum", "openid", "account")
_LANGUAGE_MAPS: Final = ("name", "description")


def authority(home_page: str) -> dict[str, Any]:
    """Who vouches for the statements (Data 2.4.9): this plugin, as an account of the LMS."""
    return {"objectType": "Agent", "account": {"homePage": home_page, "name": "percipio-openedx"}}


def shaped(kept: Kept, form: Form, by: Mapping[str, Any], wanted: Preferences) -> bytes:
    """A statement as it is answered.

    Arguments:
        by: the authority.
        wanted: the reader's languages, for the canonical form.
    """
    if form is Form.EXACT:
        return exact(kept, by)
    statement = json.loads(exact(kept, by))
    return _json(identified(statement) if form is Form.IDS else canonical(statement, wanted))


def exact(kept: Kept, by: Mapping[str, Any]) -> bytes:
    """The very bytes that are sent to Percipio, with what an LRS adds put in before the closing brace."""
    added = _json({"authority": by, "stored": written(kept.stored_at), "version": VERSION})
    return kept.body.rstrip()[:-1] + b"," + added[1:]


def identified(statement: dict[str, Any]) -> dict[str, Any]:
    """Agents, verb and activities with nothing but what identifies them."""
    found = {**statement, "verb": {"id": statement["verb"]["id"]}, "object": _identified(statement["object"])}
    for name in ("actor", "authority"):
        found[name] = _agent(statement[name])
    if "context" in statement:
        found["context"] = _context(statement["context"])
    return found


def canonical(statement: dict[str, Any], wanted: Preferences) -> dict[str, Any]:
    """Verb and activities with one language in each of their maps; agents as they are."""
    found = {**statement, "verb": _verb(statement["verb"], wanted), "object": _described(statement["object"], wanted)}
    if "contextActivities" in statement.get("context", {}):
        described = {
            place: [_described(activity, wanted) for activity in activities]
            for place, activities in statement["context"]["contextActivities"].items()
        }
        found["context"] = {**statement["context"], "contextActivities": described}
    return found


def _identified(target: dict[str, Any]) -> dict[str, Any]:
    if target.get("objectType") in ("Agent", "Group"):
        return _agent(target)
    return {name: target[name] for name in ("objectType", "id") if name in target}


def _agent(agent: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: agent[name] for name in _IDENTIFIERS if name in agent}
    if "member" in agent and found.keys() <= {"objectType"}:
        found["member"] = [_agent(member) for member in agent["member"]]
    return found


def _context(context: dict[str, Any]) -> dict[str, Any]:
    found = dict(context)
    for name in ("instructor", "team"):
        if name in context:
            found[name] = _agent(context[name])
    if "contextActivities" in context:
        places = context["contextActivities"]
        found["contextActivities"] = {
            place: [_identified(activity) for activity in places[place]]
            for place in CONTEXT_ACTIVITIES
            if place in places
        }
    return found


def _verb(verb: dict[str, Any], wanted: Preferences) -> dict[str, Any]:
    return {**verb, "display": chosen(verb["display"], wanted)} if "display" in verb else verb


def _described(target: dict[str, Any], wanted: Preferences) -> dict[str, Any]:
    if "definition" not in target:
        return target
    definition = target["definition"]
    maps = {name: chosen(definition[name], wanted) for name in _LANGUAGE_MAPS if name in definition}
    return {**target, "definition": {**definition, **maps}}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
