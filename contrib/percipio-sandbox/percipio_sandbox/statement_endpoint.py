"""The Statements API of the pretend Percipio: POST and GET."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from percipio_sandbox.messages import Answer, Incoming, Refusal, json_answer
from percipio_sandbox.percipio import Percipio
from percipio_sandbox.query import Query, more_link, page_of, parse_query
from percipio_sandbox.recorder import iso
from percipio_sandbox.routes import Kind, Route
from percipio_sandbox.store import Entry, Sender
from percipio_sandbox.validation.statements import problems_of

VERSION_HEADER = "X-Experience-API-Version"
LARGEST_STATEMENT = 16 * 1024  # bytes of UTF-8 without spaces between tokens (Skillsoft's page: 16 KB)
_VERSION = re.compile(r"1\.0(?:\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class Submission:
    """Statements that passed every check, each with an id, and who sent them."""

    sender: Sender
    statements: list[dict[str, Any]]


def answer(incoming: Incoming, route: Route, percipio: Percipio) -> Answer:
    """Store what was posted, or read back.

    Raises:
        Refusal: when the request breaks a rule.
    """
    if incoming.method == "POST":
        submission = admit(incoming, route, percipio)
        percipio.store_statements(submission.sender, submission.statements)
        return with_xapi_headers(json_answer([statement["id"] for statement in submission.statements]), percipio)
    if incoming.method in ("GET", "HEAD"):
        return with_xapi_headers(_read(incoming, route, percipio), percipio)
    raise Refusal(405, "statements are sent with POST and read with GET")


def with_xapi_headers(plain: Answer, percipio: Percipio) -> Answer:
    """Return an answer with the two headers of every xAPI statement resource (Communication 2.1.3, 3.3)."""
    xapi = ((VERSION_HEADER, "1.0.3"), ("X-Experience-API-Consistent-Through", iso(percipio.clock())))
    return Answer(plain.status, plain.body, plain.content_type, (*plain.headers, *xapi))


def sender_of(incoming: Incoming, route: Route, percipio: Percipio) -> Sender:
    """Return on whose behalf a request comes.

    Raises:
        Refusal: 401 or 403, see `TokenDesk.admit`.
    """
    permission = "CONTENT_IMPORT" if route.kind is Kind.CONTENT else "CONTENT_AGGREGATION"
    authorization = incoming.headers.get("Authorization", "")
    client = percipio.tokens.admit(authorization, route.partner, route.organization, permission)
    return Sender(route.partner, route.organization, client.client_id)


def admit(incoming: Incoming, route: Route, percipio: Percipio) -> Submission:
    """Check a POST as far as that is possible without a look at what is stored.

    Raises:
        Refusal: 401 or 403 for the token, 415 for the content type, 413 for size, 400 for anything else.
    """
    sender = sender_of(incoming, route, percipio)
    _check_version(incoming)
    content = incoming.content
    statements = content if isinstance(content, list) else [content]
    if not statements:
        raise Refusal(400, "the batch is empty")
    limit = percipio.rules.max_batch
    if limit is not None and len(statements) > limit:
        raise Refusal(413, f"a batch holds at most {limit} statements")
    _check_statements(statements, percipio)
    _check_sizes(statements, len(incoming.body))
    for index, statement in enumerate(statements):
        if "id" not in statement:
            statements[index] = {"id": str(uuid4()), **statement}
    _check_ids_differ(statements)
    percipio.check_known(sender, (_content_of(statement) for statement in statements))
    return Submission(sender, statements)


def _check_version(incoming: Incoming) -> None:
    version = incoming.headers.get(VERSION_HEADER)
    if version is None:
        raise Refusal(400, f"the header {VERSION_HEADER} is missing; send 1.0.3")
    if _VERSION.fullmatch(version) is None:
        raise Refusal(400, f"the header {VERSION_HEADER} must be 1.0 or 1.0.x; send 1.0.3")


def _check_statements(statements: list[Any], percipio: Percipio) -> None:
    now = percipio.clock()
    problems: list[str] = []
    for index, statement in enumerate(statements):
        problems += problems_of(statement, now, f"statements[{index}]")
    if problems:
        raise Refusal(400, "xAPI 1.0.3 does not allow this", tuple(problems[:100]))


def _check_sizes(statements: list[dict[str, Any]], body_size: int) -> None:
    # A body of at most 16 KB cannot hold a larger statement: raw UTF-8 without spaces is the shortest form.
    if body_size <= LARGEST_STATEMENT:
        return
    for index, statement in enumerate(statements):
        size = len(json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode("utf-8"))
        if size > LARGEST_STATEMENT:
            raise Refusal(413, f"statements[{index}] has {size} bytes; {LARGEST_STATEMENT} (16 KB) are allowed")


def _content_of(statement: dict[str, Any]) -> str:
    """Return the activity that a statement is about; an empty text where it is about something else."""
    target = statement["object"]
    return str(target["id"]) if target.get("objectType", "Activity") == "Activity" else ""


def _check_ids_differ(statements: list[dict[str, Any]]) -> None:
    if len({statement["id"].lower() for statement in statements}) != len(statements):
        raise Refusal(400, "two statements of the batch have the same id")


def _read(incoming: Incoming, route: Route, percipio: Percipio) -> Answer:
    sender_of(incoming, route, percipio)
    _check_version(incoming)
    query = parse_query(incoming.query)
    if query.statement_id or query.voided_id:
        return json_answer(_shown(_one(query, route, percipio)))
    store = percipio.statements
    entries = store.ledger.entries[:]
    page, cursor = page_of(query, entries, lambda entry: _belongs(entry, route) and not store.is_voided(entry))
    more = "" if cursor is None else more_link(incoming.path, incoming.query, cursor)
    return json_answer({"statements": [_shown(entry) for entry in page], "more": more})


def _one(query: Query, route: Route, percipio: Percipio) -> Entry:
    store = percipio.statements
    entry = store.find(route.partner, query.statement_id or query.voided_id or "")
    if entry is None or not _belongs(entry, route) or store.is_voided(entry) != bool(query.voided_id):
        raise Refusal(404, "there is no such statement")
    return entry


def _belongs(entry: Entry, route: Route) -> bool:
    return entry.partner == route.partner and route.organization in (None, entry.organization)


def _shown(entry: Entry) -> dict[str, Any]:
    """Return a statement as it is read back: with what an LRS adds, context activities as arrays."""
    stored = iso(entry.stored)
    account = {"homePage": "https://sandbox.invalid", "name": entry.client_id}
    shown = {"timestamp": stored, "version": "1.0.0", **entry.body, "stored": stored}
    shown["authority"] = {"objectType": "Agent", "account": account}
    activities = entry.body.get("context", {}).get("contextActivities")
    if activities is not None:
        arrays = {name: value if isinstance(value, list) else [value] for name, value in activities.items()}
        shown["context"] = {**entry.body["context"], "contextActivities": arrays}
    return shown
