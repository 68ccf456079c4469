"""Percipio's words, made fit for a page and a log: short, and without anything personal or secret in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from percipio_openedx.fitting import fitted

LONGEST = 1000
_READ = 4000
_MASK = "…"

_TAG = re.compile(r"<[^<>]{0,500}>")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
# Members that name a person or hold a credential, wherever an answer echoes what was sent.
_MEMBER = re.compile(
    r'(?i)(\\?["\'](?:name|mbox|mbox_sha1sum|openid|user|username|user_?id|email|account|\w*token\w*'
    r'|\w*secret\w*|\w*password\w*|authorization|client_id)\\?["\']\s*:\s*\\?["\'])[^"\'\\]{0,2000}'
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}")
_EMAIL = re.compile(r"[^\s@<>\"'(),:;\\]{0,200}(?:@|%40)[^\s@<>\"'(),:;\\]{1,200}")
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_LONG = re.compile(rf"(?<![\w-])(?!{_UUID}(?![\w-]))[\w~=-]{{28,}}(?:\.[\w~=-]+)*")


def words_of(body: bytes, secrets: Iterable[str] = ()) -> str:
    """The first 1,000 characters of an answer, with emails, names, credentials and anything that looks like a token
    masked.

    Arguments:
        body: the answer as it came; need not be text.
        secrets: values that are masked wherever they stand (the client secret, the token in use).
    """
    text = body[: _READ * 4].decode("utf-8", "replace")
    for secret in secrets:
        if secret:
            text = text.replace(secret, _MASK)
    return redacted(text)


def redacted(text: str) -> str:
    """A text of unknown origin in one line, masked and cut as ``words_of`` says."""
    text = _SPACE.sub(" ", _TAG.sub(" ", fitted(text, _READ)))
    text = _MEMBER.sub(rf"\1{_MASK}", text)
    text = _BEARER.sub(rf"\1 {_MASK}", text)
    text = _EMAIL.sub(_MASK, text)
    return _LONG.sub(_MASK, text).strip()[:LONGEST]
