"""The rest of an answer, as an address: all that is needed to go on is in the address itself, signed.

It is good for 24 hours (xAPI 1.0.3, Data 2.5), for one site, and for the question it began with. The first answer's
bound is in it, so that what is stored meanwhile does not move the pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing

from percipio_openedx.exceptions import QueryError
from percipio_openedx.lrs.parameters import MORE
from percipio_openedx.lrs.query import Form, Query
from percipio_openedx.lrs.timestamps import from_microseconds, to_microseconds

GOOD_FOR: Final = 24 * 60 * 60  # seconds
_SALT: Final = "percipio_openedx.lrs.more"


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where an answer goes on.

    Arguments:
        site_id: whose statements.
        query: the question.
        asked: the digest of the parameters of the first request.
        ceiling: nothing stored later belongs to this answer.
        after: when the last statement given was stored; the next page begins behind it. None for the first page.
    """

    site_id: int
    query: Query
    asked: str
    ceiling: datetime
    after: datetime | None = None


def digest(values: Mapping[str, str]) -> str:
    """A short mark of parameters, by which the same ones are known again. It cannot be turned back."""
    text = urlencode(sorted((name, value) for name, value in values.items() if name != MORE))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def address(path: str, continuation: Continuation, after: datetime) -> str:
    """The ``more`` of an answer: the resource's own path, everything else in the query.

    Arguments:
        after: when the last statement of the answer was stored.
    """
    query = continuation.query
    state = {
        "s": continuation.site_id,
        "d": continuation.asked,
        "c": to_microseconds(continuation.ceiling),
        "a": to_microseconds(after),
        "q": [
            query.actor_key,
            query.verb,
            query.activity_key,
            query.registration.hex if query.registration else "",
            _flags(query),
            to_microseconds(query.since) if query.since else 0,
            query.limit,
            str(query.form),
        ],
    }
    return f"{path}?{urlencode({MORE: signing.dumps(state, salt=_SALT, compress=True)})}"


def read(values: Mapping[str, str], site_id: int) -> Continuation:
    """What a request with ``more`` goes on with.

    Some clients send the parameters of their first request again: then they have to be the same.

    Raises:
        QueryError: it was not made here, is older than 24 hours, is another site's or another question's.
    """
    try:
        state = signing.loads(values[MORE], salt=_SALT, max_age=GOOD_FOR)
    except signing.SignatureExpired:
        raise QueryError(MORE, "is older than 24 hours; ask again from the beginning") from None
    except signing.BadSignature:
        raise QueryError(MORE, "was not made by this resource") from None
    if state["s"] != site_id:
        raise QueryError(MORE, "belongs to another client's answer")
    if len(values) > 1 and digest(values) != state["d"]:
        raise QueryError(MORE, "belongs to a question with other parameters")
    return Continuation(
        site_id, _query(state["q"]), state["d"], from_microseconds(state["c"]), from_microseconds(state["a"])
    )


def _flags(query: Query) -> int:
    flags = (query.related_activities, query.related_agents, query.ascending, query.attachments)
    return sum(1 << place for place, flag in enumerate(flags) if flag)


def _query(parts: list[Any]) -> Query:
    """The question again; ``until`` is in the ceiling already."""
    actor_key, verb, key, registration, flags, since, limit, form = parts
    return Query(
        actor_key=actor_key,
        verb=verb,
        activity_key=key,
        registration=UUID(registration) if registration else None,
        related_activities=bool(flags & 1),
        related_agents=bool(flags & 2),
        ascending=bool(flags & 4),
        attachments=bool(flags & 8),
        since=from_microseconds(since) if since else None,
        limit=limit,
        form=Form(form),
    )
