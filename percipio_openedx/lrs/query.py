"""Parse a query string into a ``Query`` (xAPI 1.0.3, Communication 2.1.3), and sign the next page's address.

Unknown, repeated, empty or malformed parameters are refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing

from percipio_openedx.exceptions import QueryError, StatementError
from percipio_openedx.statements.checker import check_agent
from percipio_openedx.statements.ids import activity_key, actor_key_of
from percipio_openedx.statements.text import is_iri

MORE: Final = "more"
MORE_SECONDS: Final = 24 * 60 * 60
# Most statements per answer, and the default (``limit`` absent or 0).
MOST: Final = 500
LONGEST_AGENT: Final = 8000
# Earlier than any statement here, and within every database's range.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)

# ISO 8601 combined date and time, profiled by RFC 3339 (Data 4.5). "-00" means an unknown zone, so it is refused.
_MOMENT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:[.,]\d{1,12})?(?:Z|(?!-00(?::?00)?$)[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII | re.IGNORECASE,
)


class Form(StrEnum):
    """How statements are returned (xAPI 1.0.3 Communication 2.1.3, ``format``)."""

    EXACT = "exact"
    IDS = "ids"
    CANONICAL = "canonical"


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. Learners and activities are held as hashes, so no address is stored."""

    statement_id: UUID | None = None
    voided_id: UUID | None = None
    actor_key: str = ""
    verb: str = ""
    activity_key: str = ""
    registration: UUID | None = None
    related_activities: bool = False
    related_agents: bool = False
    since: datetime = EARLIEST
    until: datetime | None = None
    limit: int = MOST
    form: Form = Form.EXACT
    ascending: bool = False
    attachments: bool = False


def single_values(lists: Iterable[tuple[str, list[str]]]) -> dict[str, str]:
    """Return the query string's parameters; raise ``QueryError`` if one is unknown, in another case, or repeated."""
    values: dict[str, str] = {}
    for name, given in lists:
        if name not in PARAMETERS and name != MORE:
            is_fit_to_show = name.isascii() and name.isprintable() and 0 < len(name) <= 40
            shown = name if is_fit_to_show else "(a parameter)"
            raise QueryError(shown, "is not a parameter of the statement resource")
        if len(given) != 1:
            raise QueryError(name, "is given more than once")
        values[name] = given[0]
    return values


def query_of(values: Mapping[str, str]) -> Query:
    """Return the query for these parameters; raise ``QueryError`` if a value is malformed or parameters conflict."""
    for name in ("statementId", "voidedStatementId"):
        others = values.keys() - {name, "attachments", "format"}
        if name in values and others:
            raise QueryError(min(others), f"cannot be used together with {name}")
    fields: dict[str, Any] = {}
    for name, text in values.items():
        field, read = PARAMETERS[name]
        if not text:
            raise QueryError(name, "is empty")
        fields[field] = read(name, text)
    return Query(**fields)


def _matching(pattern: str, convert: Callable[[str], Any], problem: str) -> Callable[[str, str], Any]:
    form = re.compile(pattern, re.ASCII)

    def read(name: str, text: str) -> Any:
        if not form.fullmatch(text):
            raise QueryError(name, problem)
        return convert(text)

    return read


def _iri(name: str, text: str) -> str:
    if not is_iri(text):
        raise QueryError(name, "is not an IRI")
    return text


def _moment(name: str, text: str) -> datetime:
    """Return a time in UTC (the default zone), truncated to microseconds."""
    if " " in text:
        raise QueryError(name, "is not a timestamp; a + in a query has to be written as %2B")
    if not _MOMENT.fullmatch(text):
        raise QueryError(name, "is not an ISO 8601 timestamp as 2026-03-01T12:00:00.000Z")
    try:
        moment = datetime.fromisoformat(text.upper())
        return max(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC), EARLIEST)
    except (ValueError, OverflowError):
        raise QueryError(name, "is not a moment that exists") from None


def _agent(name: str, text: str) -> str:
    if len(text) > LONGEST_AGENT:
        raise QueryError(name, f"is longer than {LONGEST_AGENT} characters")
    try:
        # "NaN" and the like are not valid JSON.
        agent = json.loads(text, parse_constant=int, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError):
        raise QueryError(name, "is not JSON") from None
    try:
        check_agent(agent, name)
        return actor_key_of(agent)
    except StatementError as error:
        raise QueryError(name, f"is no Agent or identified Group: {error}") from None


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


_uuid = _matching("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", UUID, "is not a UUID in its standard form")
_flag = _matching("true|false", "true".__eq__, "is neither true nor false")
_limit = _matching("[0-9]{1,9}", lambda text: min(int(text), MOST) or MOST, "is not a whole number from 0 to 999999999")
_form = _matching("|".join(Form), Form, "is none of ids, exact and canonical")

# By parameter: the query's field and the parser of its value.
PARAMETERS: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    "statementId": ("statement_id", _uuid),
    "voidedStatementId": ("voided_id", _uuid),
    "agent": ("actor_key", _agent),
    "verb": ("verb", _iri),
    "activity": ("activity_key", lambda name, text: activity_key(_iri(name, text))),
    "registration": ("registration", _uuid),
    "related_activities": ("related_activities", _flag),
    "related_agents": ("related_agents", _flag),
    "since": ("since", _moment),
    "until": ("until", _moment),
    "limit": ("limit", _limit),
    "format": ("form", _form),
    "attachments": ("attachments", _flag),
    "ascending": ("ascending", _flag),
}

_SALT: Final = "percipio_openedx.lrs.more"
# Fields of a query without a JSON type.
_READ: Final[dict[str, Callable[[str], Any]]] = {
    "registration": UUID,
    "since": datetime.fromisoformat,
    "until": datetime.fromisoformat,
    "form": Form,
}


class Continuation(NamedTuple):
    """Where an answer continues.

    Statements stored after ``ceiling`` are excluded, so that new ones do not shift pages. The next page begins behind
    ``after``, when the last statement given was stored; None for the first page.
    """

    query: Query
    ceiling: datetime
    after: datetime | None = None


def more_address(path: str, place: tuple[int, str], continuation: Continuation) -> str:
    """Return the ``more`` of an answer: the resource's path, with a signed query that holds all needed to continue.

    Valid for 24 hours (xAPI 1.0.3, Data 2.5), for one ``place`` (a site and its account), and for the original query.
    """
    query, *moments = continuation
    state = {
        "place": list(place),
        "moments": [str(moment) for moment in moments],
        "query": {
            field.name: str(value) if field.name in _READ else value
            for field in fields(query)
            if (value := getattr(query, field.name)) != field.default
        },
    }
    return f"{path}?{urlencode({MORE: signing.dumps(state, salt=_SALT, compress=True)})}"


def read_more(values: Mapping[str, str], place: tuple[int, str]) -> Continuation:
    """Return the continuation of a request with ``more``.

    Some clients repeat the parameters of their first request: they must be the same. Raises ``QueryError`` if it was
    not signed here, is older than 24 hours, or belongs to another place or query.
    """
    try:
        state = signing.loads(values[MORE], salt=_SALT, max_age=MORE_SECONDS)
    except signing.SignatureExpired:
        raise QueryError(MORE, "is older than 24 hours; ask again from the beginning") from None
    except signing.BadSignature:
        raise QueryError(MORE, "was not made by this resource") from None
    if state.get("place") != list(place):
        raise QueryError(MORE, "belongs to another client's answer")
    query = Query(**{name: _READ[name](value) if name in _READ else value for name, value in state["query"].items()})
    again = {name: text for name, text in values.items() if name != MORE}
    if again and query_of(again) != query:
        raise QueryError(MORE, "belongs to a question with other parameters")
    return Continuation(query, *map(datetime.fromisoformat, state["moments"]))
