"""How a request reaches a host: an address that was checked (SSRF), and an answer that is the request's own.

The check stands where the connection is made and not where the setting is read, since a name may stand for another
address a moment later (DNS rebinding). A connection that stays open is not checked again: it goes where it went.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from django.utils.translation import gettext_lazy as _
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from percipio_openedx import config
from percipio_openedx.config.addresses import is_loopback, is_public, read_url
from percipio_openedx.exceptions import PercipioConfigurationError

# Addresses of a host that are tried; together they have the time of one.
MOST_ADDRESSES = 3


def checked_addresses(host: str, port: int) -> list[str]:
    """Return the addresses that a host's name stands for, in the order in which the system would try them.

    One that is not allowed refuses them all: which of them is used would be the choice of who answers for the name.

    Raises:
        PercipioConfigurationError: an address is not public, and ``PERCIPIO_PRIVATE_HOSTS`` does not allow it.
        OSError: nobody knows the host.
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


class _Answer(http.client.HTTPResponse):
    """Skip interim answers, as a client must (RFC 9110 15.2); ``http.client`` skips 100 alone.

    Else the next request on the connection would read the answer to this one.
    """

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
        """Read status and headers.

        Raises:
            IncompleteRead: the connection ended after a part of an answer, be it an interim one.
        """
        try:
            super().begin()
        except ConnectionError:
            if self._has_begun:
                raise http.client.IncompleteRead(b"") from None
            raise
        self.will_close = self.will_close or self._has_interim


class _Connection(HTTPConnection):
    response_class = _Answer


class _TLSConnection(HTTPSConnection):
    response_class = _Answer


class CheckedAdapter(HTTPAdapter):
    """Connect to an address that was checked, and to no other; TLS still checks the certificate against the name."""

    def __init__(self) -> None:
        self._addresses: dict[tuple[str, str, int], str] = {}
        super().__init__(pool_connections=4, pool_maxsize=1)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send a request; ``options`` are those that ``requests.Session`` gives, ``timeout`` a pair of seconds.

        Raises:
            PercipioConfigurationError: see ``checked_addresses``.
            requests.RequestException, OSError: no answer.
        """
        where = read_url(str(request.url))
        request.headers["Host"] = urlsplit(str(request.url)).netloc
        if select_proxy(str(request.url), options["proxies"]):
            # It looks the host up, and its own address is the operator's choice.
            return self._sent(request, options)
        known = self._addresses.get(where.origin)
        addresses = [known] if known else checked_addresses(where.host, where.port)[:MOST_ADDRESSES]
        connect, read = options["timeout"]
        for address in addresses:
            self._addresses[where.origin] = address
            try:
                return self._sent(request, options | {"timeout": (connect / len(addresses), read)})
            except requests.ConnectionError as error:
                if not _is_unconnected(error) or address == addresses[-1]:
                    # Looked up anew the next time.
                    self._addresses.pop(where.origin, None)
                    raise
        raise requests.ConnectionError("no address")

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool for a request: through the proxy, or to the checked address under the host's name."""
        where = read_url(str(request.url))
        if select_proxy(str(request.url), proxies):
            pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        else:
            place, tls = self.build_connection_pool_key_attributes(request, verify, cert)
            options: dict[str, Any] = {**tls}
            if where.scheme == "https":
                options["server_hostname"] = where.host
            address = self._addresses[where.origin]
            pool = self.poolmanager.connection_from_host(address, place["port"], place["scheme"], pool_kwargs=options)
        pool.ConnectionCls = _TLSConnection if pool.scheme == "https" else _Connection
        return pool

    def _sent(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        """Send; once more over a new connection where an open one was closed before a byte of an answer came.

        That says nothing of the server. RFC 9110 9.2.2 allows it for what is idempotent: tokens, reads, and statements,
        which have ids; of Track records see decision record 0014.
        """
        pool = self.get_connection_with_tls_context(request, options["verify"], options["proxies"], options["cert"])
        opened = pool.num_connections
        try:
            return super().send(request, **options)
        except requests.ConnectionError as error:
            is_closed = any(isinstance(one, ConnectionResetError | ssl.SSLEOFError) for one in causes_of(error))
            if not is_closed or pool.num_connections > opened:
                raise
        return super().send(request, **options)


def causes_of(error: BaseException) -> Iterator[BaseException]:
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


def _is_unconnected(error: requests.ConnectionError) -> bool:
    return any(isinstance(one, NewConnectionError | ConnectTimeoutError) for one in causes_of(error))
