"""Percipio's words, made fit for a page and a log: short, and without anything personal or secret in them. Pure.

What is encoded is read first (JSON's escapes, percent signs, HTML's entities, each as often as it was applied), so that
a name is found in every form, and an operator reads plain words. What the request itself held of people is masked
wherever it stands (``personal``); of anybody else what has the form of an address, or stands under a telling name.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from percipio_openedx.fitting import fitted
from percipio_openedx.statements.personal import MASK, NOBODY, Personal

LONGEST = 1000
_READ = 4000
# So often is something encoded within something encoded.
_ROUNDS = 4

_TAG = re.compile(r"<[^<>]{0,500}>")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
# Members that name a person or hold a credential, wherever an answer echoes what was sent.
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
# Half a word, where a text was cut.
_LAST = re.compile(r"[^\W_]+\Z")


def words_of(body: bytes, secrets: Iterable[str] = (), personal: Personal = NOBODY) -> str:
    """The first 1,000 characters of an answer, with emails, names, credentials and anything that looks like a token
    masked.

    Arguments:
        body: the answer as it came; need not be text.
        secrets: values that are masked wherever they stand (the client secret, the token in use).
        personal: of whom the request was.
    """
    text = body[: _READ * 4].decode("utf-8", "replace")
    if len(body) > _READ * 4:
        text = _LAST.sub("", text.rstrip("\ufffd"))
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return redacted(text, personal)


def redacted(text: str, personal: Personal = NOBODY) -> str:
    """A text of unknown origin in one line, masked and cut as ``words_of`` says."""
    text = _whole(_cut(text, _READ))
    for _ in range(_ROUNDS):
        text = personal.masked(_MEMBER.sub(rf"\1\2{MASK}\3", text))
        plain = _read(text)
        if plain == text:
            break
        text = _whole(plain)
    text = personal.masked(_SPACE.sub(" ", _TAG.sub(" ", _MEMBER.sub(rf"\1\2{MASK}\3", text))))
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _EMAIL.sub(MASK, text)
    return fitted(_cut(_LONG.sub(MASK, text).strip(), LONGEST).strip())


def _cut(text: str, longest: int) -> str:
    """Without the half of a word that a cut would leave: it may be a name's, and could not be told for one."""
    if len(text) <= longest:
        return text
    begun = text[:longest]
    return _LAST.sub("", begun) if text[longest].isalnum() else begun


def _whole(text: str) -> str:
    """Letters with their accents in one, half characters replaced, and without what is not seen."""
    if text.isascii():
        return text.replace("\x00", "")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    seen = (letter for letter in text if letter != "\x00" and unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFC", "".join(seen))


def _read(text: str) -> str:
    """One layer of encoding undone."""
    text = _PAIR.sub(lambda pair: chr(0x10000 + ((int(pair[1], 16) & 0x3FF) << 10) + (int(pair[2], 16) & 0x3FF)), text)
    text = _ESCAPE.sub(_meant, text)
    text = _PERCENT.sub(lambda run: unquote(run[0], errors="replace"), text)
    return html.unescape(text)


def _meant(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _MEANS.get(escape[2], escape[2])
