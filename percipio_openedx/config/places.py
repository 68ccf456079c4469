"""Where requests may go: Skillsoft's regions, an operator's own addresses, and which of them may be private."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from percipio_openedx.config import addresses
from percipio_openedx.config.values import setting
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.settings.common import DEFAULTS


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where a region's API and token endpoint are."""

    api_url: str
    token_url: str


# Skillsoft's data centres (the token address of "development" is on Skillsoft's page, the others are in use by edX).
REGIONS: dict[str, Hosts] = {
    "us": Hosts("https://api.percipio.com", "https://oauth2-provider.percipio.com/oauth2-provider/token"),
    "eu": Hosts(
        "https://dew1-api.percipio.com", "https://euc1-prod-oauth2-provider.percipio.com/oauth2-provider/token"
    ),
    "development": Hosts(
        "https://api.develop.squads-dev.com", "https://oauth2-provider.develop.squads-dev.com/oauth2-provider/token"
    ),
    "custom": Hosts("", ""),
}


def private_hosts() -> addresses.PrivateHosts:
    """What may be reached although it is not public (``PERCIPIO_PRIVATE_HOSTS``).

    Raises:
        PercipioConfigurationError: the setting is no list of host names, addresses and networks.
    """
    name = "PERCIPIO_PRIVATE_HOSTS"
    given = setting(name, DEFAULTS[name]) or ()
    if not isinstance(given, list | tuple | set | frozenset):
        raise PercipioConfigurationError(name, _("must be a list of host names, addresses and networks"))
    try:
        return addresses.private_hosts(given)
    except addresses.NoPlace as error:
        problem = _("names %(value)s, which is no host name, address or network")
        raise PercipioConfigurationError(name, problem, value=error.given) from None


def address(name: str, value: Any) -> str:
    """An https address; plain http is for a loopback host only (a sandbox on the same machine)."""
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
    """Whether a host stands in an address by right. Names are looked up when a connection is made."""
    address = addresses.literal(host)
    if address is None or addresses.is_public(address) or addresses.is_loopback(host):
        return True
    try:
        return private_hosts().allow(host, address)
    except PercipioConfigurationError:
        # A list that cannot be read allows nothing; the system checks and the doctor name that mistake.
        return False
