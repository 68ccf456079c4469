"""The addresses of the pretend Percipio."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote, unquote

TOKEN_PATH = "/oauth2-provider/token"  # noqa: S105 - an address, no secret
API_ROOT = "/content-aggregation"

_RESOURCE = re.compile(
    API_ROOT
    + r"/v1/partners/(?P<partner>[^/]+)(?:/organizations/(?P<organization>[^/]+))?/(?P<kind>statements|track|content)"
)


class Kind(Enum):
    """What an address of the API is for."""

    TOKEN = "token"  # noqa: S105 - the name of an endpoint
    STATEMENTS = "statements"
    TRACK = "track"
    CONTENT = "content"


@dataclass(frozen=True)
class Route:
    """An address that was understood; `organization` is None where the path names none."""

    kind: Kind
    partner: str = ""
    organization: str | None = None


def find_route(path: str) -> Route | None:
    """Return what a path (percent-encoded, without query) addresses, or None when there is nothing."""
    if path == TOKEN_PATH:
        return Route(Kind.TOKEN)
    match = _RESOURCE.fullmatch(path)
    if match is None:
        return None
    organization = match["organization"]
    if organization is None and match["kind"] == Kind.CONTENT.value:
        return None  # items are imported for an organization only
    return Route(
        Kind(match["kind"]),
        unquote(match["partner"]),
        None if organization is None else unquote(organization),
    )


def resource_path(kind: Kind, partner: str, organization: str | None = None) -> str:
    """Return the path of a partner's resource, or of that of one of its organizations."""
    middle = f"/organizations/{quote(organization, safe='')}" if organization is not None else ""
    return f"{API_ROOT}/v1/partners/{quote(partner, safe='')}{middle}/{kind.value}"
