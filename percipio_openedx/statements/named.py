"""Who is named in what is sent, so that Percipio's answers can be masked. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from percipio_openedx.statements.personal import NOBODY, Personal, personal


def personal_of(body: bytes | None) -> Personal:
    """The values of the people in a request: in statements their agents, in a Track record its user.

    Arguments:
        body: as it was sent; None and what is no JSON name nobody.
    """
    try:
        return personal(_values(json.loads(body or b""), 12))
    except (ValueError, RecursionError):
        return NOBODY


def learner_of(body: bytes | None) -> set[str]:
    """The values of the one whom a statement or a Track record is about."""
    try:
        document = json.loads(body or b"")
    except (ValueError, RecursionError):
        return set()
    if not isinstance(document, dict):
        return set()
    return set(_values({name: document.get(name) for name in ("actor", "user")}, 4))


def _values(value: Any, depth: int) -> Iterator[str]:
    """The identifiers and names of every agent in a document; a course's name is no text but one for each language."""
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _values(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and key in ("name", "mbox", "mbox_sha1sum", "openid", "user"):
                yield item.removeprefix("mailto:")
            else:
                yield from _values(item, depth - 1)
