"""Client of Percipio's content-aggregation API, for one site."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urljoin

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from percipio_openedx.config import SERVICE_PATH, Configuration
from percipio_openedx.config.addresses import read_url
from percipio_openedx.delivery.bodies import outcome_of, parsed
from percipio_openedx.delivery.exchange import LONGEST_ANSWER, LONGEST_PAGE, PATIENCE, Reply, Session, exchange
from percipio_openedx.delivery.outcomes import (
    Answer,
    DeliveryError,
    is_challenge,
    later,
    outcome_of_answer,
    retry_after_of,
    without_echo,
)
from percipio_openedx.delivery.tokens import Tokens
from percipio_openedx.encryption import Secret
from percipio_openedx.enums import Outcome
from percipio_openedx.redaction import message_of
from percipio_openedx.statements.personal import personal_of
from percipio_openedx.statements.vocabulary import XAPI_VERSION

_VERSION = {"X-Experience-API-Version": XAPI_VERSION}
_JSON = {"Content-Type": "application/json"}
# Shown to an operator before the message of an unconfirmed success.
_ABOUT = {
    Outcome.PLAIN: "does not say what was stored, and is asked again: ",
    Outcome.DOUBT: "no answer about what was sent: ",
}
# Seconds after a fresh token was refused during which a refusal is not blamed on the token's age.
_FRESH = 60.0


def longest_call(configuration: Configuration) -> float:
    """Return the longest seconds a call may take: two tokens and two requests, each on a new connection."""
    return 4 * (PATIENCE + 1) * configuration.timeout


class _Connections(threading.local):
    """The open connections of each thread."""

    def __init__(self) -> None:
        self.session = Session()


class PercipioClient:
    """Send and read for one site. Thread-safe: connections are per thread, the token is shared by all processes."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._tokens = Tokens(configuration)
        self._believed_until = 0.0
        self._connections = _Connections()

    def post_statements(self, bodies: Sequence[bytes], organization: str = "") -> Answer:
        """Send frozen statements in one array, byte for byte as stored.

        Source: ``POST /v1/partners/{partnerName}/statements`` and ``.../organizations/{orgId}/statements``.
        """
        url = self._configuration.endpoint("statements", organization)
        return self._answered("POST", url, b"[" + b",".join(bodies) + b"]", {**_JSON, **_VERSION})

    def post_track(self, record: bytes, organization: str = "") -> Answer:
        """Send one frozen Track record.

        Source: ``POST /v1/partners/{partnerName}/track`` and ``.../organizations/{orgId}/track``.
        """
        url = self._configuration.endpoint("track", organization)
        return self._answered("POST", url, record, _JSON, is_record=True)

    def post_content(self, document: bytes, organization: str) -> Answer:
        """Send one item of the catalog; an answer that repeats the item says nothing by that.

        Source: ``POST /v1/partners/{partnerName}/organizations/{orgId}/content`` (Content Import API).
        """
        url = self._configuration.endpoint("content", organization)
        return self._answered("POST", url, document, _JSON, is_item=True)

    def get_statements(
        self, params: Mapping[str, str] | None = None, organization: str = ""
    ) -> Iterator[list[dict[str, Any]]]:
        """Read statements back, a page at a time (xAPI 1.0.3 Communication 2.1.3, Data 2.5).

        ``params`` are the statement resource's (``since``, ``limit``); ``organization`` selects its address, not the
        partner's.

        Raises:
            DeliveryError: a page could not be read or repeats an earlier one; pages already yielded stand.
        """
        first = self._configuration.endpoint("statements", organization)
        url = f"{first}?{urlencode(params)}" if params else first
        seen: set[str] = set()
        while url:
            if url in seen:
                raise later("the link to the next page leads back to a page already read")
            seen.add(url)
            answer = self._answered("GET", url, None, _VERSION, LONGEST_PAGE)
            page, more = _page(answer)
            yield page
            url = self._next(url, more)

    def _next(self, url: str, more: str) -> str:
        """Return the next page's address; it must stay with the service, since it receives our token."""
        if not more:
            return ""
        try:
            following = urljoin(url, more)
            here, there = read_url(self._configuration.api_url), read_url(following)
            same = here.origin == there.origin
        except ValueError:
            same = False
        if not same or not _is_below(there.path, here.path.rstrip("/") + SERVICE_PATH):
            raise later("the link to the next page leads away from Percipio's service")
        return following

    @sensitive_variables()
    def _answered(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        longest: int = LONGEST_ANSWER,
        *,
        is_record: bool = False,
        is_item: bool = False,
    ) -> Answer:
        """Make one request, and after a 401 or 403 one more with a fresh token. Raise no delivery error.

        Refusals right after a refused fresh token fetch no other: the cause is elsewhere, and a firewall that refuses
        many statements must not flood the token endpoint.
        """

        def sent(token: Secret) -> Answer:
            timeout, session = self._configuration.timeout, self._connections.session
            reply = exchange(
                method, url, timeout=timeout, token=token, body=body, headers=headers, longest=longest, session=session
            )
            if is_item:
                reply = replace(reply, body=without_echo(reply.body, body or b""))
            outcome = outcome_of(reply.status)
            if method == "POST" and outcome is Outcome.ACCEPTED:
                is_one = is_record or (is_item and parsed(reply.body) is not None)
                outcome = outcome_of_answer(reply.status, reply.body, is_record=is_one)
            if outcome is Outcome.ACCEPTED and is_challenge(reply.headers):
                outcome = Outcome.DOUBT
            secrets = (token.reveal(), self._configuration.client_secret.reveal())
            return _answer_of(reply, outcome, secrets, body)

        try:
            token = self._tokens.current()
            answer = sent(token)
            if answer.outcome is not Outcome.UNAUTHORIZED or time.monotonic() < self._believed_until:
                return answer
            self._tokens.refused(token)
            fresh = self._tokens.current()
            again = sent(fresh)
            if again.status == 401:
                self._tokens.refused(fresh)
            if again.outcome is Outcome.UNAUTHORIZED:
                self._believed_until = time.monotonic() + _FRESH
            return replace(again, earlier=(answer,))
        except DeliveryError as error:
            return error.answer


def _answer_of(reply: Reply, outcome: Outcome, secrets: tuple[str, ...], sent: bytes | None) -> Answer:
    """Return what is stored of a reply: nothing of a success, else Percipio's message, redacted."""
    retry_after = retry_after_of(reply.headers.get("Retry-After"), timezone.now())
    if outcome is Outcome.ACCEPTED:
        return Answer(outcome, reply.status, "", retry_after, reply.duration, reply.body)
    personal = personal_of(sent)
    message = f"{_ABOUT.get(outcome, '')}{message_of(reply.body, secrets, personal) or 'no words'}"
    if 300 <= reply.status < 400:
        message = "a redirect, which is not followed; check the address"
    message = f"{reply.status}: {message}"
    return Answer(outcome, reply.status, message, retry_after, reply.duration, reply.body, personal=personal)


def _page(answer: Answer) -> tuple[list[dict[str, Any]], str]:
    if answer.outcome is not Outcome.ACCEPTED:
        raise DeliveryError(answer)
    result = parsed(answer.body)
    statements = result.get("statements") if isinstance(result, dict) else None
    if not isinstance(statements, list) or not all(isinstance(item, dict) for item in statements):
        raise later("the answer is no page of statements", answer.status)
    more = result.get("more") or ""
    return statements, more if isinstance(more, str) else ""


def _is_below(path: str, prefix: str) -> bool:
    return path.startswith(f"{prefix}/") and not any(
        part in path.lower() for part in ("/..", "%2e", "%2f", "\\", "%5c")
    )
