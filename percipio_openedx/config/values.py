"""Read a Django setting (nothing else does), and check single values.

Each check takes the setting's name, for its error, and the raw value. It returns the value that the plugin uses, or
raises ``PercipioConfigurationError``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from ipaddress import ip_network
from typing import Any, TypeVar

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from percipio_openedx.config import addresses
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.settings.common import DEFAULTS

PREFIX = "PERCIPIO_"
# Length of the columns for partners and organizations.
LONGEST_IDENTIFIER = 128

# ``int`` and ``isdigit`` disagree on some digits, and on thousands of them.
WHOLE = re.compile(r"-?[0-9]{1,12}")

Member = TypeVar("Member", bound=StrEnum)


def setting(name: str, default: Any) -> Any:
    return getattr(settings, name, default)


def names(prefix: str) -> list[str]:
    return [name for name in dir(settings) if name.startswith(prefix)]


def member(name: str, value: Any, members: type[Member]) -> Member:
    return members(choice(name, value, tuple(member.value for member in members)))


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        problem = _("is %(value)s; it must be one of %(allowed)s")
        raise PercipioConfigurationError(
            name, problem, value=repr(value), allowed=", ".join(one or "''" for one in allowed)
        )
    return str(value)


def is_identifier(text: str) -> bool:
    """Whether a text from single sign-on can be a Percipio id in an address.

    It has 1 to 128 printable characters, no blank, no ``@`` (a person's address), and is no dot segment, which clients
    and servers remove (RFC 3986 section 5.2.4) so that the request would reach another organization.
    """
    if not 0 < len(text) <= LONGEST_IDENTIFIER or not text.isprintable() or "@" in text or any(map(str.isspace, text)):
        return False
    return not {".", ".."} & set(re.split(r"[/\\]", text))


def identifier(name: str, value: Any) -> str:
    """Check a partner or an organization from Skillsoft; it may be empty."""
    text = str(value or "")
    if text and not (len(text) <= LONGEST_IDENTIFIER and text.isprintable() and addresses.is_segment(text)):
        problem = _(
            "is no id as it stands in an address: at most 128 printable characters, no slash, no blank at an end, and "
            "neither . nor .."
        )
        raise PercipioConfigurationError(name, problem)
    return text


def sso_or(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Check one of the allowed texts, or ``sso:`` with the name of a single-sign-on field."""
    text = str(value or "")
    if text in allowed or (text.startswith("sso:") and len(text) > len("sso:")):
        return text
    problem = _("is %(value)s; it must be %(allowed)s or sso:<name>")
    raise PercipioConfigurationError(name, problem, value=repr(text), allowed=", ".join(one or "''" for one in allowed))


def learner_rule(name: str, value: Any) -> str:
    """Check a rule for whose learners are reported, and return it in its canonical form.

    ``all``, ``sso:<provider>``, or ``sso:<key>=<value>[,<value>...]`` for a value under a key of the link's extra data.
    """
    text = sso_or(name, value, ("all",))
    key, equals, listed = text.removeprefix("sso:").partition("=")
    if not equals:
        return text
    values = [one.strip() for one in listed.split(",")]
    if not key.strip() or not all(values):
        problem = _("is %(value)s; after sso: write KEY=VALUE, or KEY=VALUE,VALUE, with no part empty")
        raise PercipioConfigurationError(name, problem, value=repr(text))
    return f"sso:{key.strip()}={','.join(values)}"


def several(name: str, value: Any) -> tuple[str, ...]:
    """Check a list of words, or a text with commas; return each word once, ordered by name."""
    given = value.split(",") if isinstance(value, str) else value
    if given is None or not isinstance(given, list | tuple | set | frozenset):
        raise PercipioConfigurationError(name, _("must be a list, or a text with commas"))
    words = {word.strip() if isinstance(word, str) else "" for word in given}
    if isinstance(value, str):
        words.discard("")
    for word in sorted(words):
        if not word.isprintable() or len(word.split()) != 1:
            raise PercipioConfigurationError(name, _("holds %(value)s, which is no single word"), value=repr(word))
    return tuple(sorted(words))


def several_texts(name: str, is_right: Callable[[str], object], problem: Promise | str) -> tuple[str, ...]:
    """Read a list of texts that are all right; ``problem`` says what it must be."""
    given = setting(name, DEFAULTS[name]) or ()
    is_list = isinstance(given, list | tuple | set | frozenset)
    if not is_list or not all(isinstance(one, str) and is_right(one) for one in given):
        raise PercipioConfigurationError(name, problem)
    return tuple(given)


def whole(name: str, value: Any, least: int, most: int) -> int:
    """Check a whole number, also as text, between two bounds (inclusive)."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and WHOLE.fullmatch(value.strip())):
        problem = _("is %(value)s; it must be a whole number from %(least)s to %(most)s")
        raise PercipioConfigurationError(name, problem, value=repr(value), least=least, most=most)
    # ``int`` does not accept every blank that ``strip`` removes.
    number = int(value.strip() if isinstance(value, str) else value)
    if not least <= number <= most:
        problem = _("is %(value)s; it must be from %(least)s to %(most)s")
        raise PercipioConfigurationError(name, problem, value=number, least=least, most=most)
    return number


def flag(name: str, value: Any) -> bool:
    """Check True or False, and nothing merely equal to them."""
    if isinstance(value, bool):
        return value
    raise PercipioConfigurationError(name, _("is %(value)s; it must be True or False"), value=repr(value))


def address(name: str, value: Any) -> str:
    """Check an https address; plain http is for a loopback host only (a sandbox on the same machine)."""
    text = str(value or "").rstrip("/")
    authority = text.partition("://")[2].partition("/")[0]
    if not authority:
        raise PercipioConfigurationError(name, _("is empty or no full address; PERCIPIO_REGION custom needs one"))
    if "@" in authority or set(text) & set("?#"):
        raise PercipioConfigurationError(name, _("must hold no user name, query or fragment"))
    try:
        url = addresses.read_url(text)
    except addresses.NoUrl:
        problem = _("is not an address, or one that can be read in more than one way; write https://host/path")
        raise PercipioConfigurationError(name, problem) from None
    if url.scheme != "https" and not addresses.is_loopback(url.host):
        raise PercipioConfigurationError(name, _("must begin with https:// (http only for this machine itself)"))
    if not _may_be_named(url.host):
        problem = _("names %(host)s, which is no public address; if that is meant, add it to PERCIPIO_PRIVATE_HOSTS")
        raise PercipioConfigurationError(name, problem, host=url.host)
    return text


def _may_be_named(host: str) -> bool:
    """Whether a host may be configured. Names are looked up when a connection is made."""
    found = addresses.literal(host)
    if found is None or addresses.is_public(found) or addresses.is_loopback(host):
        return True
    try:
        return private_hosts().allow(host, found)
    except PercipioConfigurationError:
        # An unreadable list allows nothing; the system checks and the doctor report it.
        return False


def private_hosts() -> addresses.PrivateHosts:
    """Return the private hosts that may be reached (``PERCIPIO_PRIVATE_HOSTS``)."""
    name = "PERCIPIO_PRIVATE_HOSTS"
    given = setting(name, DEFAULTS[name]) or ()
    if not isinstance(given, list | tuple | set | frozenset):
        raise PercipioConfigurationError(name, _("must be a list of host names, addresses and networks"))
    hosts, networks = set(), []
    for one in given:
        text = one.strip().lower() if isinstance(one, str) else ""
        try:
            networks.append(ip_network(text))
        except ValueError:
            # A network with host bits set, or an address as in a URL, would never match as a name.
            if not text or set(text) & set("/:[]* ") or addresses.literal(text) is not None:
                problem = _("names %(value)s, which is no host name, address or network")
                raise PercipioConfigurationError(name, problem, value=repr(one)) from None
            hosts.add(text)
    return addresses.PrivateHosts(frozenset(hosts), tuple(networks))
