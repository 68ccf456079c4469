"""One HTTP request with bounds on connecting, on pauses, on the whole body and on its bytes.

TLS is always verified, using the certificates and proxies ``requests`` takes from the environment; redirects, cookies
and ``netrc`` passwords are ignored.

Against SSRF, addresses are checked on connecting rather than when the setting is read, since a name may resolve
differently a moment later (DNS rebinding). An open connection is not checked again.

``sensitive_variables`` keeps secrets, tokens and learners out of Django's error reports, which show the variables of
every frame, including those of ``requests`` and ``urllib3``.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from typing import Any

import requests
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection

from percipio_openedx import __version__, config
from percipio_openedx.config.addresses import is_loopback, is_public, read_url
from percipio_openedx.delivery.outcomes import Answer, DeliveryError, later
from percipio_openedx.encryption import Secret
from percipio_openedx.enums import Outcome
from percipio_openedx.exceptions import PercipioConfigurationError

LONGEST_ANSWER = 1024 * 1024
LONGEST_PAGE = 32 * 1024 * 1024
# An answer may take this many times the time-out.
PATIENCE = 3.0
# Addresses tried per host; together they share one time-out.
MOST_ADDRESSES = 3
_CHUNK = 65536
_HEADERS = {"User-Agent": f"percipio-openedx/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip"}
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
# Some servers name a character set instead of a coding, or say that there is none.
_NO_CODING = frozenset({"", "identity", "none", "utf-8", "utf8", "us-ascii", "iso-8859-1"})
# Errors of requests are OSErrors; reading the body raises those of the lower layers.
_FAILURES = (urllib3_errors.HTTPError, http.client.HTTPException, OSError, ValueError, zlib.error, DeliveryError)
_TLS = "the server's certificate is not trusted, or TLS failed"
_SLOW = "no answer within the time-out"
_CUT = "the connection failed or was cut"
# Message per error: the first match among it and its causes. Only our own text: an exception's may quote an address
# with credentials, or part of what was sent.
_PROBLEMS: Mapping[type[BaseException], str] = {
    urllib3_errors.ProxyError: "the proxy refused or could not be reached",
    urllib3_errors.SSLError: _TLS,
    ssl.SSLError: _TLS,
    zlib.error: "the answer cannot be decoded",
    socket.gaierror: "the host's name cannot be resolved",
    UnicodeError: "the host's name cannot be resolved",
    # A time-out by class, but raised for any failure to connect.
    urllib3_errors.NewConnectionError: _CUT,
    urllib3_errors.ConnectTimeoutError: "no connection within the time-out",
    urllib3_errors.TimeoutError: _SLOW,
    TimeoutError: _SLOW,
    ConnectionError: _CUT,
    http.client.HTTPException: "the answer broke off",
    # Errors of requests about an address or a header.
    ValueError: "the request could not be made",
    urllib3_errors.HTTPError: _CUT,
    OSError: _CUT,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and raw body; ``duration`` in seconds."""

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
    session: Session | None = None,
) -> Reply:
    """Send one request and read its whole answer.

    Arguments:
        timeout: seconds to connect, and between two parts of the answer; the body may take ``PATIENCE`` times as long.
        longest: most decoded bytes of the answer.
        session: this thread's; without one a connection is opened for this request alone.

    Raises:
        DeliveryError: *later*; without a status no answer came, or not in time, else it is too long or unreadable.
        PercipioConfigurationError: the host's address is not allowed.
    """
    started = time.monotonic()
    status: int | None = None
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token.reveal()}"
    own = session or Session()
    try:
        host = read_url(url).host
        # A proxy would receive in the clear what must stay on this machine, and has its own 127.0.0.1.
        proxies = {"no_proxy": host} if is_loopback(host) else None
        with own.request(
            method,
            url,
            data=body,
            headers=sent,
            timeout=(timeout, timeout),
            allow_redirects=False,
            proxies=proxies,
            stream=True,
        ) as response:
            raw = _read(response, longest, started, timeout * PATIENCE)
        status = response.status_code
        if not _is_plain_frame(response):
            # Leftover bytes would be read as the answer to the next request.
            own.close()
        content = _decoded(raw, response.headers.get("Content-Encoding", ""), longest)
        return Reply(status, response.headers, content, time.monotonic() - started)
    except _FAILURES as error:
        raise error_of_exception(error, time.monotonic() - started, status) from None
    finally:
        if session is None:
            own.close()


def error_of_exception(error: BaseException, duration: float, status: int | None = None) -> DeliveryError:
    """Return what an exception of a request means; ``duration`` in seconds, ``status`` of an answer read to its end."""
    if isinstance(error, DeliveryError):
        return DeliveryError(replace(error.answer, status=error.answer.status or status, duration=duration))
    causes = list(_causes_of(error))
    message = next(said for kind, said in _PROBLEMS.items() if any(isinstance(one, kind) for one in causes))
    message = f"{message} ({type(causes[-1]).__name__})"
    return DeliveryError(Answer(Outcome.LATER, status, message, duration=duration))


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what ``requests`` and ``urllib3`` wrapped in it, outermost first."""
    seen: set[int] = set()
    inner: Any = error
    while isinstance(inner, BaseException) and id(inner) not in seen:
        yield inner
        seen.add(id(inner))
        wrapped = getattr(inner, "reason", None) or next(
            (part for part in inner.args if isinstance(part, BaseException)), None
        )
        inner = wrapped or inner.__cause__ or (None if inner.__suppress_context__ else inner.__context__)


# --- the answer ------------------------------------------------------------------------------------------------------


def _read(response: requests.Response, longest: int, started: float, seconds: float) -> bytes:
    """Read the raw bytes, never much more than ``longest``."""
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read1(_CHUNK, decode_content=False):
        parts.append(part)
        size += len(part)
        if size > longest:
            raise later(f"the answer is longer than {longest} bytes", response.status_code)
        if time.monotonic() > started + seconds:
            raise later(f"no whole answer within {seconds:g} seconds")
    if not parts and 200 <= response.status_code < 300 and _frames(response) == [] and response.status_code != 204:
        # No length and no bytes: http.client takes a truncated head for a whole one (RFC 9112 8).
        raise later("the answer broke off")
    return b"".join(parts)


def _frames(response: requests.Response) -> list[str]:
    headers: Any = response.raw.headers
    return [*headers.getlist("Content-Length"), *headers.getlist("Transfer-Encoding")]


def _is_plain_frame(response: requests.Response) -> bool:
    frames = _frames(response)
    has_no_body = response.status_code < 200 or response.status_code in (204, 205, 304)
    return set(frames) <= {"0"} and response.status_code >= 200 if has_no_body else len(frames) == 1


def _decoded(raw: bytes, encoding: str, longest: int) -> bytes:
    """Undo gzip or deflate; raise if the result exceeds ``longest``, against decompression bombs."""
    codings = {part.strip().lower() for part in encoding.split(",")} - _NO_CODING
    if not codings or not raw:
        return raw
    if len(codings) > 1 or not codings <= _CODINGS:
        raise later("the answer has a content encoding that was not asked for")
    # 32 + 15: accept gzip and zlib headers.
    decoder = zlib.decompressobj(47)
    content = decoder.decompress(raw, longest)
    if decoder.unconsumed_tail:
        raise later(f"the answer is longer than {longest} bytes")
    if not decoder.eof:
        raise later("the answer broke off")
    return content


# --- the connection --------------------------------------------------------------------------------------------------


class Session(requests.Session):
    """The open connections of one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.headers.clear()
        self.headers.update(_HEADERS)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Otherwise requests would replace the token with a netrc password.
        self.auth = lambda request: request
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(pool_connections=4, pool_maxsize=1))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests would read a redirect's whole body, even without following it."""


class _HttpResponse(http.client.HTTPResponse):
    """Skip interim answers (RFC 9110 15.2), which would be read as the next one; ``http.client`` skips only 100."""

    _has_begun = _has_interim = False

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            self._has_begun = True
            if not 100 <= status < 200 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            self._has_interim = True
            http.client.parse_headers(self.fp)

    def begin(self) -> None:
        """Read status and headers; a break after the first bytes is not a closed connection."""
        try:
            super().begin()
        except ConnectionError:
            if self._has_begun:
                raise http.client.IncompleteRead(b"") from None
            raise
        self.will_close = self.will_close or self._has_interim


class _Checked:
    """Connect only to a checked address. A proxy resolves the host itself."""

    response_class: Any = _HttpResponse

    def _new_conn(self: Any) -> Any:
        if self.proxy:
            return super()._new_conn()  # type: ignore[misc]
        host, timeout = self.host, self.timeout
        addresses = checked_addresses(host, self.port)[:MOST_ADDRESSES]
        self.timeout = timeout / len(addresses)
        try:
            for address in addresses:
                self._dns_host = address
                try:
                    return super()._new_conn()  # type: ignore[misc]
                except (urllib3_errors.NewConnectionError, urllib3_errors.ConnectTimeoutError):
                    if address == addresses[-1]:
                        raise
        finally:
            self._dns_host, self.timeout = host, timeout


def checked_addresses(host: str, port: int) -> list[str]:
    """Return a host's addresses in the system's order.

    One disallowed address refuses them all: otherwise the DNS server would choose which one is used.

    Raises:
        PercipioConfigurationError: an address is not public, and ``PERCIPIO_PRIVATE_HOSTS`` does not allow it.
        OSError: the host is unknown.
    """
    found = socket.getaddrinfo(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_rest, sockaddr in found))
    for text in addresses:
        address = ip_address(text)
        is_itself = is_loopback(host) and is_loopback(text)
        if not (is_public(address) or is_itself or config.private_hosts().allow(host, address)):
            problem = _(
                "%(host)s stands at %(address)s, which is no public address; add the host here if that is meant"
            )
            raise PercipioConfigurationError("PERCIPIO_PRIVATE_HOSTS", problem, host=host, address=address)
    return addresses


class _Connection(_Checked, HTTPConnection):
    pass


class _TLSConnection(_Checked, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send; retry once on a new connection if an open one was closed before any byte of the answer.

        RFC 9110 9.2.2 allows that for idempotent requests: tokens, reads, and statements (by id); for Track see
        decision record 0014.
        """
        pool: Any = self.get_connection_with_tls_context(
            request, options["verify"], options["proxies"], options["cert"]
        )
        opened = pool.num_connections
        try:
            return super().send(request, *args, **options)
        except requests.ConnectionError as error:
            is_closed = any(isinstance(one, ConnectionResetError | ssl.SSLEOFError) for one in _causes_of(error))
            if not is_closed or pool.num_connections > opened:
                raise
        return super().send(request, *args, **options)
