"""Service accounts and their tokens: who may speak to which partner and organization."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from percipio_sandbox.messages import Refusal


@dataclass(frozen=True)
class Client:
    """A service account of the pretend Percipio.

    An empty `partner` lets it speak for every partner, empty `organizations` for every organization.
    """

    client_id: str
    secret: str = field(repr=False)
    partner: str = ""
    organizations: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Client:
        """Read `ID:SECRET[:PARTNER[:ORGANIZATION...]]`.

        Raises:
            ValueError: when the id or the secret is missing; the message does not repeat the text.
        """
        client_id, _, rest = text.partition(":")
        secret, *scope = rest.split(":")
        if not client_id or not secret:
            raise ValueError("a client is written ID:SECRET[:PARTNER[:ORGANIZATION...]]")
        partner = scope[0] if scope else ""
        return cls(client_id, secret, partner, tuple(name for name in scope[1:] if name))


# What a service account may be allowed: tracking, and the import of the catalog.
PERMISSIONS = ("CONTENT_AGGREGATION", "CONTENT_IMPORT")


def denials(texts: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Read `ID:PERMISSION` texts: permissions that accounts lack.

    Raises:
        ValueError: when one is written otherwise.
    """
    found = set()
    for text in texts:
        client_id, _, permission = text.rpartition(":")
        if not client_id or permission not in PERMISSIONS:
            raise ValueError(f"a permission that an account lacks is written ID:{' or ID:'.join(PERMISSIONS)}")
        found.add((client_id, permission))
    return frozenset(found)


@dataclass(frozen=True)
class _Token:
    client: Client
    expires: datetime


class TokenDesk:
    """Issues bearer tokens and recognises them.

    Arguments:
        clients: the accounts that are known; with none, any id with any secret is an account without limits.
        lifetime: seconds that a token is good for.
        clock: returns the present time with its zone.
        denied: client ids, each with a permission that it lacks.
    """

    def __init__(
        self,
        clients: Sequence[Client],
        lifetime: int,
        clock: Callable[[], datetime],
        denied: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self._clients = {client.client_id: client for client in clients}
        self._denied = denied
        self.lifetime = lifetime
        self._clock = clock
        self._tokens: dict[str, _Token] = {}
        self._lock = threading.Lock()
        self.issued = 0

    def issue(self, client_id: str, secret: str) -> str:
        """Return a new token for an account.

        Raises:
            Refusal: 401 when the account is unknown or the secret is wrong.
        """
        client = self._clients.get(client_id) if self._clients else Client(client_id, secret)
        if client is None or not secrets.compare_digest(client.secret.encode(), secret.encode()):
            raise Refusal(401, "invalid_client", ("the client id or the client secret is wrong",))
        now = self._clock()
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens = {name: known for name, known in self._tokens.items() if known.expires > now}
            self._tokens[token] = _Token(client, now + timedelta(seconds=self.lifetime))
            self.issued += 1
        return token

    def revoke(self, token: str) -> None:
        """Forget one token, as if it had expired."""
        with self._lock:
            self._tokens.pop(token, None)

    def admit(self, authorization: str, partner: str, organization: str | None, permission: str) -> Client:
        """Return the account behind an Authorization header, if it may do that for partner and organization.

        Raises:
            Refusal: 401 without a good token, 403 when the token belongs to another partner or organization or its
                account lacks the permission.
        """
        token = bearer_token(authorization)
        known = self._tokens.get(token) if token else None
        if known is None or known.expires <= self._clock():
            reason = "the bearer token is unknown or expired" if token else "there is no bearer token"
            raise Refusal(401, "invalid_token", (reason,))
        client = known.client
        if client.partner and client.partner != partner:
            raise Refusal(403, "forbidden", ("this service account belongs to another partner",))
        if (client.client_id, permission) in self._denied:
            raise Refusal(403, "forbidden", (f"this service account lacks the permission {permission}",))
        if organization is not None and client.organizations and organization not in client.organizations:
            raise Refusal(403, "forbidden", ("this service account may not write for this organization",))
        return client


def bearer_token(authorization: str) -> str:
    """Return the token in an Authorization header, or an empty text when it holds none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
