"""Format statements: exact, ids and canonical (xAPI 1.0.3, Communication 2.1.3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from percipio_openedx.lrs.find import StoredStatement, written
from percipio_openedx.lrs.query import Form
from percipio_openedx.statements.vocabulary import FALLBACK_LANGUAGE

# The version of a statement received without one (Data 2.4.10), whatever the request's.
VERSION: Final = "1.0.0"

_IDENTIFIERS: Final = ("objectType", "mbox", "mbox_sha1sum", "openid", "account")
_LANGUAGE_MAPS: Final = ("name", "description")

# Language ranges in lower case, with their qualities.
Preferences = Sequence[tuple[str, float]]


def authority(home_page: str) -> dict[str, Any]:
    """Return the authority of the statements (Data 2.4.9): this plugin, as an account of the LMS."""
    return {"objectType": "Agent", "account": {"homePage": home_page, "name": "percipio-openedx"}}


def formatted(stored: StoredStatement, form: Form, by: Mapping[str, Any], wanted: Preferences) -> bytes:
    """Return a statement as answered, with the authority ``by``; ``wanted`` languages are for the canonical form.

    The exact form is the bytes sent to Percipio, with the LRS's properties inserted before the closing brace.
    """
    added = _json({"authority": by, "stored": written(stored.stored_at), "version": VERSION})
    exact = stored.body.rstrip()[:-1] + b"," + added[1:]
    if form is Form.EXACT:
        return exact
    statement = json.loads(exact)
    return _json(_ids(statement) if form is Form.IDS else _canonical(statement, wanted))


def _ids(statement: dict[str, Any]) -> dict[str, Any]:
    """Return a statement whose agents, verb and activities have only their identifiers."""
    found = {**statement, "verb": {"id": statement["verb"]["id"]}, "object": _identified(statement["object"])}
    for name in ("actor", "authority"):
        found[name] = _agent(statement[name])
    if "context" in statement:
        context = found["context"] = dict(statement["context"])
        for name in ("instructor", "team"):
            if name in context:
                context[name] = _agent(context[name])
        if "contextActivities" in context:
            context["contextActivities"] = _each_activity(context, _identified)
    return found


def _canonical(statement: dict[str, Any], wanted: Preferences) -> dict[str, Any]:
    """Return a statement with one language per map of its verb and activities; agents unchanged."""
    found = {**statement, "object": _described(statement["object"], wanted)}
    if "display" in statement["verb"]:
        found["verb"] = {**statement["verb"], "display": _chosen(statement["verb"]["display"], wanted)}
    if "contextActivities" in statement.get("context", {}):
        described = _each_activity(statement["context"], partial(_described, wanted=wanted))
        found["context"] = {**statement["context"], "contextActivities": described}
    return found


def _each_activity(context: Mapping[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    return {place: list(map(change, activities)) for place, activities in context["contextActivities"].items()}


def _identified(target: dict[str, Any]) -> dict[str, Any]:
    return {name: target[name] for name in ("objectType", "id") if name in target}


def _agent(agent: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: agent[name] for name in _IDENTIFIERS if name in agent}
    if "member" in agent and found.keys() <= {"objectType"}:
        found["member"] = [_agent(member) for member in agent["member"]]
    return found


def _described(target: dict[str, Any], wanted: Preferences) -> dict[str, Any]:
    if "definition" not in target:
        return target
    definition = target["definition"]
    maps = {name: _chosen(definition[name], wanted) for name in _LANGUAGE_MAPS if name in definition}
    return {**target, "definition": {**definition, **maps}}


def _chosen(texts: Mapping[str, Any], wanted: Preferences) -> dict[str, Any]:
    """Return the best entry of a language map; the fallback's or the first if none is wanted."""
    if len(texts) < 2:
        return dict(texts)
    tag = max(texts, key=lambda each: (_quality(each.lower(), wanted), each == FALLBACK_LANGUAGE))
    return {tag: texts[tag]}


def _quality(tag: str, wanted: Preferences) -> float:
    """Return a language's quality: by the longest matching range, else by ``*`` (RFC 2616 14.4)."""
    liked = [(len(each), q) for each, q in wanted if tag == each or tag.startswith(f"{each}-")]
    return max(liked or [(0, q) for each, q in wanted if each == "*"], default=(0, 0.0))[1]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
