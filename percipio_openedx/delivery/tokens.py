"""OAuth2 client credentials as Percipio wants them, and one token for all workers.

Source: "Authentication" of Skillsoft's page, with a JSON body where RFC 6749 has a form. A token is kept in Django's
cache, encrypted with the newest of the keys that encrypt client secrets (``encryption``), and in the memory of the
process, so that sending costs no look-up.
"""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import dataclass

from django.core.cache import cache
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from percipio_openedx import encryption
from percipio_openedx.config import Configuration
from percipio_openedx.delivery.exchange import Reply, exchange
from percipio_openedx.delivery.outcomes import Answer, error_of
from percipio_openedx.delivery.retry import retry_after_of
from percipio_openedx.delivery.statuses import json_of, outcome_of
from percipio_openedx.enums import Outcome
from percipio_openedx.exceptions import DeliveryError, PercipioConfigurationError, Unavailable
from percipio_openedx.redaction import words_of
from percipio_openedx.secret import Secret

SCOPE = "api"
# Seconds. Where the answer does not say how long a token lives, it is taken to live this long.
UNKNOWN_LIFE = 300.0
LONGEST_LIFE = 86400.0
# Refreshed this long before it ends, or at nine tenths of a short life.
MARGIN = 60.0
_PREFIX = "percipio_openedx:token:"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and until when it may be used, in seconds since the epoch (the clock that all workers share)."""

    value: Secret
    until: float

    def is_fresh(self) -> bool:
        """Whether it may still be used."""
        return time.time() < self.until


class Tokens:
    """The token of one service account. Threads may share it."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._key = (
            _PREFIX
            + salted_hmac(
                "percipio_openedx.delivery.tokens",
                json.dumps([configuration.token_url, configuration.client_id, configuration.client_secret.reveal()]),
                algorithm="sha256",
            ).hexdigest()
        )

    @sensitive_variables()
    def current(self) -> Secret:
        """A token that may be used, from memory, from the cache, or fetched now.

        Raises:
            DeliveryError: the token endpoint did not give one.
        """
        with _fetching:
            # Threads that find none together fetch one; two processes may fetch two, which harms nobody.
            token = self._known() or self._fetched()
        return token.value

    def held_until(self) -> float | None:
        """Until when the token in hand may be used, in seconds since the epoch; None without one. Fetches nothing."""
        token = self._known()
        return None if token is None else token.until

    def refused(self, value: Secret) -> None:
        """Forget a token that the API did not take, unless somebody has replaced it already."""
        with _lock:
            if (known := _memory.get(self._key)) and known.value == value:
                del _memory[self._key]
        stored = self._stored()
        if stored is not None and stored.value == value:
            cache.delete(self._key)

    def _known(self) -> Token | None:
        token = _memory.get(self._key)
        if token is None or not token.is_fresh():
            token = self._stored()
            if token is not None:
                self._remember(token)
        return token

    def _stored(self) -> Token | None:
        sealed = cache.get(self._key)
        if not isinstance(sealed, bytes):
            return None
        found = encryption.unseal(sealed)
        if not found.is_newest:
            # The keys have changed since: as good as no token, and the next one takes its place.
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
            error.is_of_token = True
            raise
        self._progress(token)
        self._remember(token)
        return token

    def _progress(self, token: Token) -> None:
        try:
            sealed = encryption.seal(Secret(json.dumps([token.value.reveal(), token.until])))
        except PercipioConfigurationError:
            # There is no key to encrypt with, as the doctor says: each process fetches a token of its own.
            return
        cache.set(self._key, sealed, timeout=max(1, math.ceil(token.until - time.time())))

    def _remember(self, token: Token) -> None:
        with _lock:
            if len(_memory) > 1000:
                _memory.clear()
            _memory[self._key] = token


_memory: dict[str, Token] = {}
_lock = threading.Lock()
_fetching = threading.Lock()


def forget_all() -> None:
    """Forget the tokens that this process has in memory (the shared cache keeps its own)."""
    with _lock:
        _memory.clear()


@sensitive_variables()
def fetch(configuration: Configuration) -> Token:
    """Ask the token endpoint.

    Raises:
        Unauthorized: the credentials are refused, or the address is no token endpoint.
        Unavailable, Throttled, Unreachable: not now.
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
        raise error_of(_refusal(reply, configuration))
    answer = json_of(reply.body)
    value = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(value, str) or not _is_token(value):
        raise Unavailable("the token endpoint's answer holds no token", status=reply.status, duration=reply.duration)
    life = _life(answer.get("expires_in"))
    return Token(Secret(value), time.time() + life - min(MARGIN, life / 10))


def _refusal(reply: Reply, configuration: Configuration) -> Answer:
    """Any 4xx but those of the moment is about the credentials or the address: a person has to look (RFC 6749 5.2)."""
    outcome = outcome_of(reply.status)
    if outcome is not Outcome.LATER and reply.status >= 400:
        outcome = Outcome.UNAUTHORIZED
    else:
        outcome = Outcome.LATER
    words = words_of(reply.body, (configuration.client_secret.reveal(),))
    return Answer(
        outcome,
        reply.status,
        f"token endpoint, {reply.status}: {words}".rstrip(": "),
        retry_after_of(reply.headers.get("Retry-After"), timezone.now()),
        reply.duration,
    )


def _is_token(value: str) -> bool:
    """Whether it can stand in a header (RFC 6750 2.1 allows less; nothing that breaks a line gets through)."""
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


def _life(said: object) -> float:
    """Seconds a token lives: a number, or a number as text, else ``UNKNOWN_LIFE``."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return UNKNOWN_LIFE
    try:
        seconds = float(said)
    except (ValueError, OverflowError):
        return UNKNOWN_LIFE
    return min(seconds, LONGEST_LIFE) if seconds > 0 and math.isfinite(seconds) else UNKNOWN_LIFE
