"""Redact foreign text for pages, logs and columns: short, without personal data or secrets. Pure.

Undoes encodings (JSON's escapes, percent signs, HTML's entities) first, so that a name is found in every form. Masks
the people of the request anywhere (``personal``); of anybody else what looks like an address, or stands under a name
such as ``email``.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from percipio_openedx.statements.personal import MASK, NOBODY, Personal

LONGEST = 1000
_READ = 4000
# How many nested encodings are undone.
_ROUNDS = 4

REPLACEMENT = "\ufffd"
# No database stores half a surrogate pair, PostgreSQL no NUL, and MySQL's utf8mb3 (once in all of Open edX's tables)
# nothing beyond the Basic Multilingual Plane.
_UNFIT = re.compile("[\0\ud800-\udfff\U00010000-\U0010ffff]")

_TAG = re.compile(r"<[^<>]{0,500}>")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
# Members that name a person or hold a credential, wherever an answer echoes the request.
_MEMBER = re.compile(
    r"(?i)([\"'](?:name|mbox|mbox_sha1sum|openid|user|username|user_?id|email|account|\w*token\w*"
    r"|\w*secret\w*|\w*password\w*|authorization|client_id)[\"']\s*:\s*)([\"'])(?:(?!\2)[^\\]|\\.){0,2000}(\2|\Z)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}")
_EMAIL = re.compile(r"[^\s@<>\"'(),:;\\]{0,200}(?:@|%40)[^\s@<>\"'(),:;\\]{1,200}")
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_LONG = re.compile(rf"(?<![\w-])(?!{_UUID}(?![\w-]))[\w~=-]{{28,}}(?:\.[\w~=-]+)*")

_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([\"\\/bfnrt]))")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_MEANS = {"b": " ", "f": " ", "n": "\n", "r": "\n", "t": "\t"}
# A partial word at the end of a cut text.
_LAST = re.compile(r"[^\W_]+\Z")


def fitted(text: str, longest: int | None = None) -> str:
    """Return the text with U+FFFD for each character that some column cannot hold, cut to ``longest`` characters."""
    return _UNFIT.sub(REPLACEMENT, text[:longest])


def message_of(body: bytes, secrets: Iterable[str] = (), personal: Personal = NOBODY) -> str:
    """Return the first 1,000 characters of an answer, without emails, names, credentials and what looks like one.

    Arguments:
        body: the answer as it came; need not be text.
        secrets: values masked anywhere (the client secret, the token in use).
        personal: the people of the request.
    """
    text = body[: _READ * 4].decode("utf-8", "replace")
    if len(body) > _READ * 4:
        text = _LAST.sub("", text.rstrip(REPLACEMENT))
    for secret in filter(None, secrets):
        text = text.replace(secret, MASK)
    return redacted(text, personal)


def redacted(text: str, personal: Personal = NOBODY) -> str:
    """Return a text of unknown origin in one line, masked and cut as in ``message_of``."""
    text = _clean(_cut(text, _READ))
    for _ in range(_ROUNDS):
        text = personal.masked(_MEMBER.sub(rf"\1\2{MASK}\3", text))
        decoded = _decoded(text)
        if decoded == text:
            break
        text = _clean(decoded)
    text = personal.masked(_SPACE.sub(" ", _TAG.sub(" ", _MEMBER.sub(rf"\1\2{MASK}\3", text))))
    text = _EMAIL.sub(MASK, _BEARER.sub(rf"\1 {MASK}", text))
    return fitted(_cut(_LONG.sub(MASK, text).strip(), LONGEST).strip())


def without_addresses(text: str) -> str:
    """Return a text of our own with what looks like an email address or a token in a header masked."""
    return _EMAIL.sub(MASK, _BEARER.sub(rf"\1 {MASK}", text))


def _cut(text: str, longest: int) -> str:
    """Return the text cut between words, since half of a name would not be recognized."""
    if len(text) <= longest:
        return text
    begun = text[:longest]
    return _LAST.sub("", begun) if text[longest].isalnum() else begun


def _clean(text: str) -> str:
    """Return the text in NFC, without invisible characters, lone surrogates replaced."""
    if text.isascii():
        return text.replace("\x00", "")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    seen = (letter for letter in text if letter != "\x00" and unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFC", "".join(seen))


def _decoded(text: str) -> str:
    text = _PAIR.sub(lambda pair: chr(0x10000 + ((int(pair[1], 16) & 0x3FF) << 10) + (int(pair[2], 16) & 0x3FF)), text)
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _MEANS.get(found[2], found[2]), text)
    text = _PERCENT.sub(lambda run: unquote(run[0], errors="replace"), text)
    return html.unescape(text)
