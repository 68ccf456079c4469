"""Validate IRIs, web addresses and email addresses, and convert addresses to and from ``mailto:`` IRIs."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from urllib.parse import quote, unquote

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

# ucschar of RFC 3987 section 2.2: the characters beyond ASCII that an IRI may hold outside its query.
_UCS: Final = "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef" + "".join(
    f"{chr(plane * 0x10000 + (0x1000 if plane == 0xE else 0))}-{chr(plane * 0x10000 + 0xFFFD)}"
    for plane in range(1, 0xF)
)
_CHAR: Final = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@{_UCS}]|%[0-9A-Fa-f]{{2}})"
_HOST: Final = rf"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;={_UCS}]|%[0-9A-Fa-f]{{2}})+)"
_AUTHORITY: Final = rf"//{_HOST}(?::[0-9]*)?"
_TAIL: Final = rf"(?:\?(?:{_CHAR}|[/?])*)?(?:\#(?:{_CHAR}|[/?])*)?"
_IRI: Final = rf"[A-Za-z][A-Za-z0-9+.\-]*:(?:{_AUTHORITY}(?:/{_CHAR}*)*|/?{_CHAR}+(?:/{_CHAR}*)*){_TAIL}"
_IRL: Final = rf"(?i:https?):{_AUTHORITY}(?:/{_CHAR}*)*{_TAIL}"

# Email addresses that every known validator of statements accepts; Learning Locker's is the strictest.
_COMMON_EMAIL: Final = re.compile(r"[A-Za-z0-9._'+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{1,63}")

# Characters that a mailto IRI holds percent-encoded only (RFC 6068 section 2). ``@,:`` would end the address or begin
# the next one.
_UNSAFE_IN_LOCAL: Final = rf"[^A-Za-z0-9\-._~!$'*+{_UCS}]"
_UNSAFE_IN_DOMAIN: Final = rf"[^A-Za-z0-9\-._~{_UCS}]"
_MAILTO: Final = rf"mailto:(?:[A-Za-z0-9\-._~!$&'()*+,;:=/{_UCS}]|%[0-9A-Fa-f]{{2}})+@[A-Za-z0-9\-.{_UCS}]+"
# Joiners are part of some domains (RFC 5892 A.1 and A.2), though invisible.
_JOINERS: Final = re.compile("[\u200c\u200d]")

MAX_IRI: Final = 2000
# RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3.
MAX_EMAIL: Final = 254
MAX_LOCAL_PART: Final = 64


class _Mailbox(EmailValidator):
    """Django's rules plus local parts beyond ASCII (RFC 6531), without ``localhost`` and address literals."""

    user_regex = re.compile(
        r"[-!#$%&'*+/=?^_`{}|~0-9A-Za-z\u0080-\U0010ffff]+(?:\.[-!#$%&'*+/=?^_`{}|~0-9A-Za-z\u0080-\U0010ffff]+)*\Z"
        r'|"(?:[ !#-\[\]-~]|\\[ -~])*"\Z'
    )
    literal_regex = re.compile(r"(?!)")


_check_mailbox: Final = _Mailbox(allowlist=[])


# With the first use: compiling all of them takes 40 ms, a third of what the plugin added to the LMS's start.
_compiled: Final = cache(re.compile)


def _fits(pattern: str, value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_IRI and _compiled(pattern).fullmatch(value) is not None


def is_iri(value: object) -> bool:
    """Whether a value is an absolute IRI (RFC 3987) of at most 2,000 characters, without user names."""
    return _fits(_IRI, value)


def is_irl(value: object) -> bool:
    """Whether a value is an IRI that a browser can open: ``http`` or ``https`` with a host."""
    return _fits(_IRL, value)


def is_email(value: object) -> bool:
    """Whether a value is a plain email address of at most 254 characters."""
    if not isinstance(value, str) or len(value) > MAX_EMAIL or not _JOINERS.sub("", value).isprintable():
        return False
    if len(value.rpartition("@")[0]) > MAX_LOCAL_PART:
        return False
    try:
        _check_mailbox(value)
    except ValidationError:
        return False
    return True


def is_common_email(value: object) -> bool:
    """Whether a value is an email address without valid but rarely supported characters."""
    return isinstance(value, str) and is_email(value) and _COMMON_EMAIL.fullmatch(value) is not None


def mailto(address: str) -> str:
    """Return an address, which has an ``@``, as a ``mailto:`` IRI (RFC 6068 section 2; RFC 3987 section 3.1)."""
    local, _, domain = address.rpartition("@")
    local, domain = _compiled(_UNSAFE_IN_LOCAL).sub(_encoded, local), _compiled(_UNSAFE_IN_DOMAIN).sub(_encoded, domain)
    return f"mailto:{local}@{domain}"


def _encoded(found: re.Match[str]) -> str:
    return quote(found[0], safe="", errors="replace")


def address_of(mbox: str) -> str:
    """Return the plain address of a ``mailto:`` IRI, with U+FFFD for invalid UTF-8. Inverse of ``mailto``."""
    return unquote(mbox.removeprefix("mailto:"))


def is_mailto(value: object) -> bool:
    """Whether a value is a ``mailto:`` IRI of one email address, without headers."""
    if not isinstance(value, str) or not _fits(_MAILTO, value):
        return False
    address = address_of(value)
    return "\ufffd" not in address and is_email(address)
