"""OAuth2 client credentials in Percipio's form; one token shared by all workers.

Source: "Authentication" of Skillsoft's page, with a JSON body where RFC 6749 has a form. The token is kept in Django's
cache, encrypted with the newest client-secret key (``encryption``), and in process memory, so that a broken cache does
not cost a token per request.
"""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import dataclass, replace

from django.core.cache import cache
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from percipio_openedx import encryption
from percipio_openedx.config import Configuration
from percipio_openedx.delivery.bodies import outcome_of, parsed
from percipio_openedx.delivery.exchange import Reply, exchange
from percipio_openedx.delivery.outcomes import Answer, DeliveryError, retry_after_of
from percipio_openedx.encryption import Secret
from percipio_openedx.enums import Outcome
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.redaction import message_of

SCOPE = "api"
# Seconds. Used where the answer does not state the token's lifetime.
UNKNOWN_LIFE = 300.0
LONGEST_LIFE = 86400.0
# Refresh this long before expiry, or at nine tenths of a short life.
MARGIN = 60.0

_memory: dict[str, Token] = {}
_fetching = threading.Lock()


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its expiry in seconds since the epoch (the clock all workers share)."""

    value: Secret
    until: float

    def is_fresh(self) -> bool:
        return time.time() < self.until


class Tokens:
    """The token of one service account; thread-safe."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        account = [configuration.token_url, configuration.client_id, configuration.client_secret.reveal()]
        hashed = salted_hmac("percipio_openedx.delivery.tokens", json.dumps(account), algorithm="sha256")
        self._key = f"percipio_openedx:token:{hashed.hexdigest()}"

    @sensitive_variables()
    def current(self) -> Secret:
        """Return a usable token from memory, from the cache, or fetched now; raise ``DeliveryError`` without one."""
        with _fetching:
            # Threads that find none fetch one together; two processes may fetch two, which is harmless.
            token = self._known() or self._fetched()
        return token.value

    def held_until(self) -> float | None:
        """Return when the token in hand expires, in seconds since the epoch; None without one."""
        token = self._known()
        return None if token is None else token.until

    def refused(self, value: Secret) -> None:
        """Forget a token the API refused, unless it was replaced already."""
        if (known := _memory.get(self._key)) and known.value == value:
            _memory.pop(self._key, None)
        stored = self._stored()
        if stored is not None and stored.value == value:
            cache.delete(self._key)

    def _known(self) -> Token | None:
        token = _memory.get(self._key)
        if token is None or not token.is_fresh():
            token = self._stored()
            if token is not None:
                _memory[self._key] = token
        return token

    def _stored(self) -> Token | None:
        sealed = cache.get(self._key)
        found = encryption.unseal(sealed) if isinstance(sealed, bytes) else None
        if found is None or not found.is_newest:
            # The keys have changed since: the next token replaces it.
            return None
        try:
            value, until = json.loads(found.reveal())
        except ValueError:
            return None
        token = Token(Secret(value), until)
        return token if token.is_fresh() else None

    def _fetched(self) -> Token:
        try:
            token = fetch(self._configuration)
        except DeliveryError as error:
            raise DeliveryError(replace(error.answer, is_of_token=True)) from None
        _memory[self._key] = token
        try:
            sealed = encryption.seal(Secret(json.dumps([token.value.reveal(), token.until])))
        except PercipioConfigurationError:
            # No encryption key, as the doctor reports: each process fetches its own token.
            return token
        cache.set(self._key, sealed, timeout=max(1, math.ceil(token.until - time.time())))
        return token


@sensitive_variables()
def fetch(configuration: Configuration) -> Token:
    """Fetch a token.

    Raises:
        DeliveryError: *unauthorized* where the credentials are refused, or the address is no token endpoint; else
            *later*.
    """
    body = {
        "client_id": configuration.client_id,
        "client_secret": configuration.client_secret.reveal(),
        "grant_type": "client_credentials",
        "scope": SCOPE,
    }
    reply = exchange(
        "POST",
        configuration.token_url,
        timeout=configuration.timeout,
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    if reply.status not in (200, 201):
        raise _refusal(reply, configuration)
    answer = parsed(reply.body)
    value = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(value, str) or not _is_token(value):
        message = "the token endpoint's answer holds no token"
        raise DeliveryError(Answer(Outcome.LATER, reply.status, message, duration=reply.duration))
    life = _life(answer.get("expires_in"))
    return Token(Secret(value), time.time() + life - min(MARGIN, life / 10))


def _refusal(reply: Reply, configuration: Configuration) -> DeliveryError:
    """Treat any 4xx but the momentary ones as wrong credentials or address, for a person to fix (RFC 6749 5.2)."""
    is_refused = reply.status >= 400 and outcome_of(reply.status) is not Outcome.LATER
    message = message_of(reply.body, (configuration.client_secret.reveal(),))
    return DeliveryError(
        Answer(
            Outcome.UNAUTHORIZED if is_refused else Outcome.LATER,
            reply.status,
            f"token endpoint, {reply.status}: {message}".rstrip(": "),
            retry_after_of(reply.headers.get("Retry-After"), timezone.now()),
            reply.duration,
        )
    )


def _is_token(value: str) -> bool:
    """Return whether it can stand in a header: no line breaks (RFC 6750 2.1 is stricter)."""
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


def _life(said: object) -> float:
    """Return a token's lifetime in seconds: a number, or a number as text, else ``UNKNOWN_LIFE``."""
    try:
        seconds = float(said) if isinstance(said, int | float | str) and not isinstance(said, bool) else 0.0
    except (ValueError, OverflowError):
        return UNKNOWN_LIFE
    return min(seconds, LONGEST_LIFE) if seconds > 0 and math.isfinite(seconds) else UNKNOWN_LIFE
