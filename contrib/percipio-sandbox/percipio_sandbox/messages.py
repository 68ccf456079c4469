"""What passes between the sandbox's server, its scenarios and its endpoints: requests, answers, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from enum import Enum
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

JSON_TYPE = "application/json"
HTML_TYPE = "text/html; charset=utf-8"


class Manner(Enum):
    """How an answer travels; everything but WHOLE is a fault of the network or of the server."""

    WHOLE = "whole"
    STALL = "stall"
    DRIP = "drip"
    DRIP_HEAD = "drip-head"
    ENDLESS = "endless"
    RESET = "reset"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer.

    `pause` is in seconds: between two bytes of a dripping answer, or how long a stalled connection is held
    before it is cut (0: until the client leaves or the sandbox closes).
    """

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    manner: Manner = Manner.WHOLE
    pause: float = 0.0


class Refusal(Exception):
    """A request that the sandbox refuses by its own rules; becomes a JSON answer that says why.

    Arguments:
        status: the HTTP status.
        message: one sentence for the developer who reads the answer.
        problems: everything that is wrong, a line each.
    """

    def __init__(self, status: int, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.problems = problems

    def answer(self) -> Answer:
        """Return the refusal as an HTTP answer."""
        content: dict[str, Any] = {"error": self.message}
        if self.problems:
            content["problems"] = list(self.problems)
        headers = (("WWW-Authenticate", "Bearer"),) if self.status == 401 else ()
        return json_answer(content, self.status, headers)


@dataclass
class Incoming:
    """A request; its body is read from the connection when somebody first asks for it.

    `read_body` raises `Refusal` for a body that the sandbox will not read.
    """

    method: str
    target: str
    headers: Message
    read_body: Callable[[], bytes] = field(repr=False)

    @cached_property
    def path(self) -> str:
        """The path alone, as sent (percent-encoded)."""
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the query string, decoded; values of a repeated parameter in their order."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @cached_property
    def body(self) -> bytes:
        """The whole body."""
        return self.read_body()

    @property
    def was_read(self) -> bool:
        """Whether the body was read from the connection."""
        return "body" in self.__dict__

    def media_type(self) -> str:
        """Return the content type without its parameters, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @cached_property
    def content(self) -> Any:
        """The parsed body.

        Raises:
            Refusal: 415 when the body says to be something else than JSON, 400 when it is no JSON in UTF-8.
        """
        if self.media_type() != JSON_TYPE:
            raise Refusal(415, f"send the body as {JSON_TYPE}, not as {self.media_type() or 'nothing'}")
        if self.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refusal(415, "send the body without a Content-Encoding")
        return parse_json(self.body)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def parse_json(body: bytes) -> Any:
    """Return the JSON value in a body.

    Raises:
        Refusal: 400 when the body is not UTF-8, is not JSON (NaN and Infinity are none), is nested too deep
            or holds text that has no UTF-8 form.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant)
        if "\\ud" in text or "\\uD" in text:  # half a surrogate pair could never be written out again
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise Refusal(400, "the body is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is not JSON") from error
    return value


def json_answer(content: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an answer whose body is `content` as JSON."""
    return Answer(status, json.dumps(content, ensure_ascii=False).encode("utf-8"), headers=headers)
