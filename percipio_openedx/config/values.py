"""Reading one of Django's settings, and checking one value: the only place that does.

Each check takes the setting's name, which its mistake names, and the value as somebody wrote it. It returns the value
as the plugin uses it, and raises ``PercipioConfigurationError`` where it is none.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, TypeVar

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from percipio_openedx.config.addresses import is_segment
from percipio_openedx.exceptions import PercipioConfigurationError

# Characters that the columns of partners and organizations hold.
LONGEST_IDENTIFIER = 128

# ``int`` and ``isdigit`` disagree on some digits, and on thousands of them.
WHOLE = re.compile(r"-?[0-9]{1,12}")

Member = TypeVar("Member", bound=StrEnum)


def setting(name: str, default: Any) -> Any:
    """The raw value of a setting, or the default where the site sets nothing."""
    return getattr(settings, name, default)


def names(prefix: str) -> list[str]:
    """Return the names of all settings that begin so."""
    return [name for name in dir(settings) if name.startswith(prefix)]


def member(name: str, value: Any, members: type[Member]) -> Member:
    """One of the members of an enumeration, by its value."""
    return members(choice(name, value, tuple(member.value for member in members)))


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of the words that are allowed."""
    if value not in allowed:
        problem = _("is %(value)s; it must be one of %(allowed)s")
        raise PercipioConfigurationError(name, problem, value=repr(value), allowed=", ".join(allowed))
    return str(value)


def is_identifier(text: str) -> bool:
    """Whether a text can be an id of Percipio's in an address: what single sign-on says may be anything.

    It has 1 to 128 printable characters, no blank, no ``@`` (an address of a person) and no dot segment, which clients
    and servers take out of an address (RFC 3986 section 5.2.4): the request would go to somebody else's.
    """
    if not 0 < len(text) <= LONGEST_IDENTIFIER or not text.isprintable() or "@" in text or any(map(str.isspace, text)):
        return False
    return not {".", ".."} & set(re.split(r"[/\\]", text))


def identifier(name: str, value: Any) -> str:
    """A partner or an organization, as Skillsoft gave it; it may be empty."""
    text = str(value or "")
    if text and not (len(text) <= LONGEST_IDENTIFIER and text.isprintable() and is_segment(text)):
        problem = _(
            "is no id as it stands in an address: at most 128 printable characters, no slash, no blank at an end, and "
            "neither . nor .."
        )
        raise PercipioConfigurationError(name, problem)
    return text


def sso_or(name: str, value: Any, words: tuple[str, ...]) -> str:
    """One of the words, or ``sso:`` with the name of a field of single sign-on."""
    text = str(value or "")
    if text in words or (text.startswith("sso:") and len(text) > len("sso:")):
        return text
    named = ", ".join(word for word in words if word)
    problem = (
        _("is %(value)s; it must be %(allowed)s or sso:<name>")
        if named
        else _("is %(value)s; it must be empty or sso:<name>")
    )
    raise PercipioConfigurationError(name, problem, value=repr(text), allowed=named)


def whole(name: str, value: Any, least: int, most: int) -> int:
    """A whole number, also written as a text, between two bounds that belong to it."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and WHOLE.fullmatch(value.strip())):
        problem = _("is %(value)s; it must be a whole number from %(least)s to %(most)s")
        raise PercipioConfigurationError(name, problem, value=repr(value), least=least, most=most)
    # ``int`` does not take all of what ``strip`` takes for blanks.
    number = int(value.strip() if isinstance(value, str) else value)
    if not least <= number <= most:
        problem = _("is %(value)s; it must be from %(least)s to %(most)s")
        raise PercipioConfigurationError(name, problem, value=number, least=least, most=most)
    return number


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that only counts as such."""
    if isinstance(value, bool):
        return value
    raise PercipioConfigurationError(name, _("is %(value)s; it must be True or False"), value=repr(value))
