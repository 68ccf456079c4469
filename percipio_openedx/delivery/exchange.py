"""One HTTP request, bounded: time to connect, between two parts and for the body; bytes of the answer.

TLS is always verified, with the certificates and the proxies that ``requests`` takes from the environment; no redirect
is followed, no cookie kept, no password taken from a ``netrc``.

``sensitive_variables`` keeps what is sent (the secret, the token, learners) out of Django's reports of unforeseen
errors: those show the variables of every frame, also of ``requests`` and ``urllib3`` beneath.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from django.views.decorators.debug import sensitive_variables
from urllib3.exceptions import HTTPError

from percipio_openedx import __version__
from percipio_openedx.config.addresses import is_loopback, read_url
from percipio_openedx.delivery.adapter import CheckedAdapter
from percipio_openedx.delivery.failures import error_of_exception
from percipio_openedx.exceptions import DeliveryError, Unavailable, Unreachable
from percipio_openedx.secret import Secret

LONGEST_ANSWER = 1024 * 1024
LONGEST_PAGE = 32 * 1024 * 1024
_CHUNK = 65536
# An answer may take this many times the time-out.
PATIENCE = 3.0
_HEADERS = {"User-Agent": f"percipio-openedx/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip"}
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
# Some servers name a character set where a coding belongs, or say that there is none.
_NO_CODING = frozenset({"", "identity", "none", "utf-8", "utf8", "us-ascii", "iso-8859-1"})
# Those of requests are OSErrors; while the body is read the lower layers' come through.
_FAILURES = (HTTPError, HTTPException, OSError, ValueError, zlib.error, DeliveryError)


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and body as they came; ``duration`` in seconds."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    duration: float


class Session(requests.Session):
    """Open connections of one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.headers.clear()
        self.headers.update(_HEADERS)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Else requests would put a netrc's password in the token's place.
        self.auth = lambda request: request
        for scheme in ("http://", "https://"):
            self.mount(scheme, CheckedAdapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests would read the whole body of a redirect, though it does not follow it."""


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
    session: Session | None = None,
) -> Reply:
    """Send one request and read its whole answer.

    Arguments:
        timeout: seconds to connect, and between two parts of the answer; the body may take ``PATIENCE`` times as long.
        token: the bearer token, None for a request without.
        body: sent as it is.
        longest: bytes of the answer, decoded, beyond which it is given up.
        session: of this thread; without one a connection is opened and closed for this request alone.

    Raises:
        Unreachable: no answer, or not within the time.
        Unavailable: an answer that is too long or cannot be decoded.
    """
    started = time.monotonic()
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token.reveal()}"
    try:
        if session is not None:
            return _send(session, method, url, timeout, body, sent, longest, started)
        with Session() as own:
            return _send(own, method, url, timeout, body, sent, longest, started)
    except _FAILURES as error:
        raise error_of_exception(error, time.monotonic() - started) from None


def _send(
    session: Session,
    method: str,
    url: str,
    timeout: float,
    body: bytes | None,
    headers: Mapping[str, str],
    longest: int,
    started: float,
) -> Reply:
    host = read_url(url).host
    # A proxy would be sent in clear what was to stay on this machine, and has a 127.0.0.1 of its own.
    proxies = {"no_proxy": host} if is_loopback(host) else None
    with session.request(
        method,
        url,
        data=body,
        headers=headers,
        timeout=(timeout, timeout),
        allow_redirects=False,
        proxies=proxies,
        stream=True,
    ) as response:
        raw = _read(response, longest, started, timeout * PATIENCE)
    if not _is_plain_frame(response):
        # What is left on the connection would be read as the answer to the next request.
        session.close()
    content = _decoded(raw, response.headers.get("Content-Encoding", ""), longest)
    return Reply(response.status_code, response.headers, content, time.monotonic() - started)


def _read(response: requests.Response, longest: int, started: float, seconds: float) -> bytes:
    """Read the bytes as they come over the wire, never more than ``longest`` and a little."""
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read1(_CHUNK, decode_content=False):
        parts.append(part)
        size += len(part)
        if size > longest:
            raise Unavailable(f"the answer is longer than {longest} bytes", status=response.status_code)
        if time.monotonic() > started + seconds:
            raise Unreachable(f"no whole answer within {seconds:g} seconds")
    if not parts and 200 <= response.status_code < 300 and _frames(response) == [] and response.status_code != 204:
        # No length, and nothing came: http.client takes a head that broke off for the whole of it (RFC 9112 8).
        raise Unreachable("the answer broke off")
    return b"".join(parts)


def _frames(response: requests.Response) -> list[str]:
    """What the headers say of the body's length."""
    headers: Any = response.raw.headers
    return [*headers.getlist("Content-Length"), *headers.getlist("Transfer-Encoding")]


def _is_plain_frame(response: requests.Response) -> bool:
    """Whether it is clear where the answer ended."""
    frames = _frames(response)
    has_no_body = response.status_code < 200 or response.status_code in (204, 205, 304)
    return set(frames) <= {"0"} and response.status_code >= 200 if has_no_body else len(frames) == 1


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
