"""The bodies and headers of the answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import uuid4

from django.http import HttpResponse

from percipio_openedx.lrs.timestamps import in_header, written
from percipio_openedx.statements.vocabulary import XAPI_VERSION

CONSISTENT_THROUGH: Final = "X-Experience-API-Consistent-Through"
VERSION: Final = "X-Experience-API-Version"
JSON: Final = "application/json"


def result_of(statements: Iterable[bytes], more: str) -> bytes:
    """A StatementResult (Data 2.5)."""
    return b'{"statements":[' + b",".join(statements) + b'],"more":' + json.dumps(more).encode() + b"}"


def answer(body: bytes, *, attachments: bool, last_modified: datetime | None = None) -> HttpResponse:
    """A successful answer.

    Arguments:
        body: JSON in UTF-8.
        attachments: whether the reader asked for attachments: then the JSON is the only part of a multipart body
            (Communication 1.5.2), since no statement here has any.
        last_modified: when the one statement that is answered was stored.
    """
    if attachments:
        boundary = uuid4().hex
        start, end = f"--{boundary}\r\nContent-Type: {JSON}\r\n\r\n", f"\r\n--{boundary}--\r\n"
        response = HttpResponse(
            start.encode() + body + end.encode(), content_type=f"multipart/mixed; boundary={boundary}"
        )
    else:
        response = HttpResponse(body, content_type=JSON)
    response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:40]}"'
    if last_modified is not None:
        response["Last-Modified"] = in_header(last_modified)
    return response


def mark(response: HttpResponse, through: datetime) -> None:
    """What every answer of the resource carries, also a refusal (Communication 2.1.3 and 3.3)."""
    response[CONSISTENT_THROUGH] = written(through)
    response[VERSION] = XAPI_VERSION
    response["Cache-Control"] = "no-store"
