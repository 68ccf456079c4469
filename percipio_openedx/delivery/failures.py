"""What it means when no answer came: every exception of ``requests``, and of what is beneath it."""

from __future__ import annotations

import http.client
import socket
import ssl
import zlib

import requests
from urllib3 import exceptions as urllib3_errors

from percipio_openedx.delivery.adapter import causes_of
from percipio_openedx.exceptions import DeliveryError, Unavailable, Unreachable

_Kinds = tuple[type[BaseException], ...]

# The first that an error or one of its causes is. Our words only: an exception's own text may hold an address with
# credentials, or a piece of what was sent.
_WORDS: tuple[tuple[_Kinds, type[DeliveryError], str], ...] = (
    (
        (urllib3_errors.ProxyError, requests.exceptions.ProxyError),
        Unreachable,
        "the proxy refused or could not be reached",
    ),
    ((urllib3_errors.SSLError, ssl.SSLError), Unreachable, "the server's certificate is not trusted, or TLS failed"),
    ((urllib3_errors.DecodeError, zlib.error), Unavailable, "the answer cannot be decoded"),
    ((socket.gaierror, UnicodeError), Unreachable, "the host's name cannot be resolved"),
    # A time-out by its class, but any failure to connect.
    ((urllib3_errors.NewConnectionError,), Unreachable, "the connection failed or was cut"),
    ((urllib3_errors.ConnectTimeoutError, requests.ConnectTimeout), Unreachable, "no connection within the time-out"),
    ((urllib3_errors.TimeoutError, requests.Timeout, TimeoutError), Unreachable, "no answer within the time-out"),
    ((ConnectionError,), Unreachable, "the connection failed or was cut"),
    ((http.client.HTTPException,), Unreachable, "the answer broke off"),
    # Those of requests that are about an address or a header.
    ((ValueError,), Unreachable, "the request could not be made"),
    ((urllib3_errors.HTTPError, OSError), Unreachable, "the connection failed or was cut"),
)


def error_of_exception(error: BaseException, duration: float | None = None) -> DeliveryError:
    """Return the typed error of an exception that a request raised; what nobody foresaw is named by its class.

    Arguments:
        error: what was raised.
        duration: seconds that the request took.
    """
    if isinstance(error, DeliveryError):
        error.duration = duration
        return error
    causes = list(causes_of(error))
    for kinds, typed, words in _WORDS:
        if any(isinstance(one, kinds) for one in causes):
            return typed(f"{words} ({type(causes[-1]).__name__})", duration=duration)
    return Unreachable(f"the request failed ({type(error).__name__})", duration=duration)
