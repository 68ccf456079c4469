"""Where a new connection may go: a name is looked up once, every address is checked, and a checked one is used.

The check stands where the connection is made and not where the setting is read, since a name may stand for another
address a moment later (DNS rebinding). A connection that stays open is not checked again: it goes where it went.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address

from django.utils.translation import gettext_lazy as _
from urllib3.util.connection import allowed_gai_family

from percipio_openedx import config
from percipio_openedx.addresses import Address, is_loopback, is_public
from percipio_openedx.exceptions import PercipioConfigurationError


def checked_addresses(host: str, port: int | None) -> list[str]:
    """Every address that a host's name stands for, each allowed.

    One that is not allowed refuses them all: which of them is used would be the choice of who answers for the name.

    Arguments:
        host: of a URL, a name or an address.
        port: the port to connect to.

    Raises:
        PercipioConfigurationError: an address is not public, and ``PERCIPIO_PRIVATE_HOSTS`` does not allow it.
        OSError: nobody knows the host.
    """
    addresses = addresses_of(host, port)
    for address in addresses:
        if not _may_reach(host, ip_address(address)):
            problem = _(
                "%(host)s stands at %(address)s, which is no public address; add the host here if that is meant"
            )
            raise PercipioConfigurationError("PERCIPIO_PRIVATE_HOSTS", problem, host=host, address=address)
    return addresses


def addresses_of(host: str, port: int | None) -> list[str]:
    """Every address that a host's name stands for.

    Raises:
        OSError: nobody knows the host.
    """
    found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _may_reach(host: str, address: Address) -> bool:
    if is_public(address) or (is_loopback(host) and address.is_loopback):
        return True
    return config.private_hosts().allow(host, address)
