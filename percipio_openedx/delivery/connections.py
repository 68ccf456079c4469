"""Connections to Percipio: kept open for the process, through the proxies that the environment names."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import BaseHTTPResponse
from urllib3.util import Timeout

from percipio_openedx import __version__
from percipio_openedx.addresses import is_loopback, read_url
from percipio_openedx.delivery.watch import watch_of_this_thread
from percipio_openedx.delivery.wire import ClosedUnanswered, Ours, OursOverTLS, new_connection

USER_AGENT = f"percipio-openedx/{__version__}"
HEADERS = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
_MOST_CHANNELS = 64


class _OurPool(HTTPConnectionPool):
    ConnectionCls = Ours


class _OurTLSPool(HTTPSConnectionPool):
    ConnectionCls = OursOverTLS


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _OurPool, "https": _OurTLSPool}


# --- open connections ----------------------------------------------------------------------------------------------


class Channel:
    """The way to one host: its open connections, and the proxies and certificates that the environment names for it.

    ``requests`` reads the environment, once, and makes the pool. The requests themselves are ``urllib3``'s: no redirect
    is followed, no cookie kept, nothing looked up again.

    Raises:
        requests.RequestException: nothing can be reached under such an address, or through such a proxy.
    """

    def __init__(self, url: str) -> None:
        where = read_url(url)
        settings = requests.Session().merge_environment_settings(url, {}, True, None, None)
        if is_loopback(where.host):
            # A proxy would be sent in clear what was to stay on this machine, and has a 127.0.0.1 of its own.
            settings["proxies"] = {}
        trusted = DEFAULT_CA_BUNDLE_PATH if settings["verify"] is True else settings["verify"]
        pool = _Adapter(pool_connections=2, pool_maxsize=8).get_connection_with_tls_context(
            requests.Request("GET", url).prepare(), trusted, proxies=settings["proxies"]
        )
        self._pool = cast(HTTPConnectionPool, pool)
        # A proxy that is not tunnelled through has to be told the host (RFC 9112 3.2.2).
        self._names_host = self._pool.proxy is not None and where.scheme == "http"

    def send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> BaseHTTPResponse:
        """Send a request, and return with the head of the answer; the body is still to be read.

        An open connection may be closed by the server at the very moment at which it is used again. That says nothing
        of the server, so the request is sent once more, over a new one. RFC 9110 9.2.2 allows that for what is
        idempotent: tokens, reads, and statements, which have ids. A Track record is none; but a record without an
        answer is sent again in any case (decision record 0014), so it is not sent more often for that.

        Arguments:
            url: of this host.
            timeout: seconds to connect, and between two parts of the answer.
        """
        try:
            return self._sent(method, url, body, headers, timeout)
        except ClosedUnanswered:
            watch = watch_of_this_thread()
            if watch is not None and watch.expired:
                # It was this side that closed it.
                raise
            with new_connection():
                return self._sent(method, url, body, headers, timeout)

    def _sent(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> BaseHTTPResponse:
        return self._pool.urlopen(
            method,
            url if self._names_host else read_url(url).target,
            body,
            headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(timeout, timeout),
            preload_content=False,
            decode_content=False,
        )

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()


_Key = tuple[int, tuple[str, str, int]]

_channels: dict[_Key, Channel] = {}
_lock = threading.Lock()


def channel_to(url: str) -> Channel:
    """The channel of this process to the host of ``url``. A forked worker gets its own, never its parent's sockets."""
    key = (os.getpid(), read_url(url).origin)
    channel = _channels.get(key)
    if channel is None:
        with _lock:
            channel = _channels.get(key) or _new_channel(key, url)
    return channel


def close_channels() -> None:
    """Close every connection of this process (the next request opens a new one)."""
    with _lock:
        mine = [key for key in _channels if key[0] == os.getpid()]
        for key in mine:
            _channels.pop(key).close()


def _new_channel(key: _Key, url: str) -> Channel:
    while len(_channels) >= _MOST_CHANNELS:
        # Forgotten, not closed: it may be another process's, or in use; its sockets close when nobody needs them.
        _channels.pop(next(iter(_channels)))
    channel = _channels[key] = Channel(url)
    return channel
