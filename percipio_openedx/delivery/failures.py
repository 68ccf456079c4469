"""What it means when no answer came: every exception of ``urllib3``, and of what is above and below it."""

from __future__ import annotations

import http.client
import socket
import ssl
import zlib

import requests
from urllib3 import exceptions as urllib3_errors

from percipio_openedx.exceptions import DeliveryError, Unavailable, Unreachable

# The first that fits, so from the particular to the general. Our words only: an exception's own text may hold an
# address with credentials, or a piece of what was sent.
_WORDS: tuple[tuple[type[BaseException], type[DeliveryError], str], ...] = (
    (requests.RequestException, Unreachable, "the request could not be made"),
    (urllib3_errors.SSLError, Unreachable, "the server's certificate is not trusted, or TLS failed"),
    (urllib3_errors.ProxyError, Unreachable, "the proxy refused or could not be reached"),
    # A time-out by its class, but any failure to connect.
    (urllib3_errors.NewConnectionError, Unreachable, "the connection failed or was cut"),
    (urllib3_errors.ConnectTimeoutError, Unreachable, "no connection within the time-out"),
    (urllib3_errors.TimeoutError, Unreachable, "no answer within the time-out"),
    (urllib3_errors.DecodeError, Unavailable, "the answer cannot be decoded"),
    (urllib3_errors.HTTPError, Unreachable, "the connection failed or was cut"),
    (http.client.HTTPException, Unreachable, "the answer broke off"),
    (zlib.error, Unavailable, "the answer cannot be decoded"),
    (ssl.SSLError, Unreachable, "the server's certificate is not trusted, or TLS failed"),
    (socket.gaierror, Unreachable, "the host's name cannot be resolved"),
    (TimeoutError, Unreachable, "no answer within the time-out"),
    (OSError, Unreachable, "the connection failed or was cut"),
    (UnicodeError, Unreachable, "the host's name cannot be resolved"),
)


def error_of_exception(error: BaseException, duration: float | None = None) -> DeliveryError:
    """The typed error of an exception that a request raised; what nobody foresaw is ``Unreachable`` by its class name.

    Arguments:
        error: what was raised.
        duration: seconds that the request took.
    """
    if isinstance(error, DeliveryError):
        return error
    for kind, typed, words in _WORDS:
        if isinstance(error, kind):
            return typed(f"{words} ({_root(error)})", duration=duration)
    return Unreachable(f"the request failed ({type(error).__name__})", duration=duration)


def _root(error: BaseException) -> str:
    """The class name of the innermost cause, which tells a refused connection from a reset or an unknown host."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = getattr(error, "reason", None) or next(
            (part for part in error.args if isinstance(part, BaseException)), None
        )
        inner = inner or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            break
        error = inner
    return type(error).__name__
