"""What counts as an IRI, as an address on the web, and as an email address."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

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

# RFC 5321 mailboxes with a dot-atom as local part, of the characters that stand in a mailto IRI as they are (RFC 6068);
# quoted local parts and address literals are refused.
_ATOM: Final = r"[\w!$&'*+/=~-]+"
_LABEL: Final = r"(?!-)(?:[^\W_]|-){1,63}(?<!-)"
_EMAIL: Final = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")

# Those that every known validator of statements takes, Learning Locker's being the narrowest.
_COMMON_EMAIL: Final = re.compile(r"[A-Za-z0-9._'+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{1,63}")

MAX_IRI: Final = 2000
MAX_EMAIL: Final = 254


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """On first use: compiling these takes longer than importing all the rest of the package."""
    return re.compile(pattern)


def is_iri(value: object) -> bool:
    """Whether a value is an absolute IRI (RFC 3987) of at most 2,000 characters; user names in it are refused."""
    return isinstance(value, str) and len(value) <= MAX_IRI and _compiled(_IRI).fullmatch(value) is not None


def is_irl(value: object) -> bool:
    """Whether a value is an IRI that a browser can open: ``http`` or ``https`` with a host."""
    return isinstance(value, str) and len(value) <= MAX_IRI and _compiled(_IRL).fullmatch(value) is not None


def is_email(value: object) -> bool:
    """Whether a value is a plain email address of at most 254 characters (RFC 5321 section 4.5.3.1.3)."""
    return isinstance(value, str) and len(value) <= MAX_EMAIL and _EMAIL.fullmatch(value) is not None


def is_common_email(value: object) -> bool:
    """Whether a value is an email address without characters that are allowed but seldom understood."""
    return is_email(value) and isinstance(value, str) and _COMMON_EMAIL.fullmatch(value) is not None
