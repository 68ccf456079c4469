"""The rest of an answer, as an address: all that is needed to go on is in the address itself, signed.

It is good for 24 hours (xAPI 1.0.3, Data 2.5), for one site, and for the question it began with. The first answer's
bound is in it, so that what is stored meanwhile does not move the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing

from percipio_openedx.exceptions import QueryError
from percipio_openedx.lrs.query import MORE, Form, Query, query_of

GOOD_FOR: Final = 24 * 60 * 60  # seconds
_SALT: Final = "percipio_openedx.lrs.more"
# Fields of a query that JSON has no form for.
_READ: Final[dict[str, Callable[[str], Any]]] = {
    "registration": UUID,
    "since": datetime.fromisoformat,
    "until": datetime.fromisoformat,
    "form": Form,
}


class Continuation(NamedTuple):
    """Where an answer goes on.

    Arguments:
        query: the question.
        ceiling: nothing stored later belongs to this answer.
        after: when the last statement given was stored; the next page begins behind it. None for the first page.
    """

    query: Query
    ceiling: datetime
    after: datetime | None = None


def address(path: str, site_id: int, continuation: Continuation) -> str:
    """Return the ``more`` of an answer: the resource's own path, everything else in the query."""
    query, *moments = continuation
    state = {
        "site": site_id,
        "moments": [str(moment) for moment in moments],
        "query": {
            field.name: str(value) if field.name in _READ else value
            for field in fields(query)
            if (value := getattr(query, field.name)) != field.default
        },
    }
    return f"{path}?{urlencode({MORE: signing.dumps(state, salt=_SALT, compress=True)})}"


def read(values: Mapping[str, str], site_id: int) -> Continuation:
    """Return what a request with ``more`` goes on with.

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
    if state["site"] != site_id:
        raise QueryError(MORE, "belongs to another client's answer")
    query = Query(**{name: _READ[name](value) if name in _READ else value for name, value in state["query"].items()})
    again = {name: text for name, text in values.items() if name != MORE}
    if again and query_of(again) != query:
        raise QueryError(MORE, "belongs to a question with other parameters")
    return Continuation(query, *map(datetime.fromisoformat, state["moments"]))
