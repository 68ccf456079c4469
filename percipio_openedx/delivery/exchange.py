"""One HTTP request, bounded on every side: time to connect, between two parts, as a whole, and bytes of the answer.

TLS is always verified (with the certificate bundle and the proxies that ``requests`` takes from the environment), no
redirect is followed, no cookie kept. A connection stays open for the next request of the process.

``sensitive_variables`` keeps what is sent (the secret, the token, learners) out of Django's reports of unforeseen
errors: those show the variables of every frame, also of ``urllib3`` beneath.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException

import requests
from django.views.decorators.debug import sensitive_variables
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from percipio_openedx.delivery.connections import HEADERS, channel_to
from percipio_openedx.delivery.failures import error_of_exception
from percipio_openedx.delivery.watch import Watch
from percipio_openedx.exceptions import Unavailable, Unreachable
from percipio_openedx.secrets import Secret

LONGEST_ANSWER = 1024 * 1024
LONGEST_PAGE = 32 * 1024 * 1024
_CHUNK = 65536
# An answer as a whole may take this many times the time-out.
PATIENCE = 3.0
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
# Some servers name a character set where a coding belongs, or say that there is none.
_NO_CODING = frozenset({"", "identity", "none", "utf-8", "utf8", "us-ascii", "iso-8859-1"})
# urllib3 lets some of the lower layers' errors through; those of requests are about the address, or the proxy's.
_FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError, zlib.error)


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and body as they came; ``duration`` in seconds."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    duration: float


@sensitive_variables()
def exchange(
    method: str,
    url: str,
    *,
    timeout: float,
    token: Secret | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    longest: int = LONGEST_ANSWER,
) -> Reply:
    """Send one request and read its whole answer.

    Arguments:
        timeout: seconds to connect, and between two parts of the answer; the whole may take ``PATIENCE`` times as long.
        token: the bearer token, None for a request without.
        body: sent as it is.
        longest: bytes of the answer, decoded, beyond which it is given up.

    Raises:
        Unreachable: no answer, or not within the time.
        Unavailable: an answer that is too long or cannot be decoded.
    """
    started = time.monotonic()
    with Watch(timeout * PATIENCE) as watch:
        try:
            reply = _send(method, url, timeout, body, _headers(token, headers), longest, started)
        except _FAILURES as error:
            if watch.expired:
                raise _too_slow(timeout, started) from None
            raise error_of_exception(error, time.monotonic() - started) from None
    if watch.expired:
        raise _too_slow(timeout, started)
    return reply


def _too_slow(timeout: float, started: float) -> Unreachable:
    return Unreachable(f"no whole answer within {timeout * PATIENCE:g} seconds", duration=time.monotonic() - started)


def _headers(token: Secret | None, more: Mapping[str, str] | None) -> dict[str, str]:
    headers = {**HEADERS, **(more or {})}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.reveal()}"
    return headers


def _send(
    method: str,
    url: str,
    timeout: float,
    body: bytes | None,
    headers: Mapping[str, str],
    longest: int,
    started: float,
) -> Reply:
    with channel_to(url).send(method, url, body, headers, timeout) as response:
        content = _decoded(_read(response, longest), response.headers.get("Content-Encoding", ""), longest)
        return Reply(response.status, response.headers, content, time.monotonic() - started)


def _read(response: BaseHTTPResponse, longest: int) -> bytes:
    """The bytes as they come over the wire, never more than ``longest`` and a little."""
    parts: list[bytes] = []
    size = 0
    while part := response.read(_CHUNK, decode_content=False):
        parts.append(part)
        size += len(part)
        if size > longest:
            raise Unavailable(f"the answer is longer than {longest} bytes", status=response.status)
    return b"".join(parts)


def _decoded(raw: bytes, encoding: str, longest: int) -> bytes:
    """Undo gzip or deflate, bounded: a small answer that swells to gigabytes is given up at ``longest``."""
    codings = {part.strip().lower() for part in encoding.split(",")} - _NO_CODING
    if not codings or not raw:
        return raw
    if len(codings) > 1 or not codings <= _CODINGS:
        raise Unavailable("the answer has a content encoding that was not asked for")
    # 32 + 15: either of gzip's and zlib's headers.
    decoder = zlib.decompressobj(47)
    content = decoder.decompress(raw, longest)
    if decoder.unconsumed_tail:
        raise Unavailable(f"the answer is longer than {longest} bytes")
    if not decoder.eof:
        raise Unavailable("the answer broke off")
    return content
