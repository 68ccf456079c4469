"""Which addresses are somebody else's on the internet, and which lie within the operator's own network.

Pure: no name is looked up here. ``delivery/reach.py`` does that, and asks here about each address that it finds.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address

# What ``is_global`` of the standard library takes for public, though packets to it may end in one's own network:
# IPv4-compatible addresses and site-local ones (both out of use, RFC 4291 2.5.5.1 and RFC 3879), and the translation
# prefix that every network may use for itself (RFC 8215).
_NEVER_PUBLIC = (IPv6Network("::/96"), IPv6Network("fec0::/10"), IPv6Network("64:ff9b:1::/48"))
# An IPv4 address stands in the last four bytes (RFC 6052 2.1).
_TRANSLATED = IPv6Network("64:ff9b::/96")


class NoPlace(ValueError):
    """``given`` (as Python writes it) is no host name, address or network."""

    def __init__(self, given: str) -> None:
        super().__init__(f"{given} is no host name, address or network")
        self.given = given


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """What may be reached although it is not public: hosts by name, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def allow(self, host: str, address: Address) -> bool:
        """Whether a request for ``host`` may go to ``address``.

        Arguments:
            host: as the configured address names it.
            address: one that the host's name stands for, or that is written there itself.
        """
        if host.lower() in self.names:
            return True
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self.networks)


def is_segment(text: str) -> bool:
    """Whether a text can stand in an address as one segment of its path, and names the same place for everybody.

    ``.`` and ``..`` are steps within the path (RFC 3986 3.3 and 5.2.4), also where they are percent-encoded; a slash,
    though encoded, is a separator to many servers; what cannot be seen, or is a blank at an end, is a mistake.
    """
    is_plain = text.isprintable() and text == text.strip() and "/" not in text and "\\" not in text
    return is_plain and text not in ("", ".", "..")


def private_hosts(given: Iterable[object]) -> PrivateHosts:
    """Read host names, addresses and networks.

    Raises:
        NoPlace: one of them is none of the three.
    """
    names, networks = set(), []
    for one in given:
        text = one.strip().lower() if isinstance(one, str) else ""
        try:
            networks.append(ip_network(text))
        except ValueError:
            # A network with bits beside its mask, or an address as it stands in a URL, would never match as a name.
            if not text or set(text) & set("/:[]* ") or literal(text) is not None:
                raise NoPlace(repr(one)) from None
            names.add(text)
    return PrivateHosts(frozenset(names), tuple(networks))


def literal(host: str) -> Address | None:
    """The address that a URL's host is, in any of the forms that a resolver takes (``127.1``, ``0x7f000001``)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # The C library's rules, which getaddrinfo goes by, too; but nothing after a blank.
        return None if host.split() != [host] else IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_loopback(host: str) -> bool:
    """Whether a URL's host says, in so many words, this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: Address) -> bool:
    """Whether an address is somebody's on the internet: neither private, shared, link-local, multicast nor reserved.

    Source: the IANA registries as the standard library has them. An IPv6 form of an IPv4 address is judged as that.
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address in _TRANSLATED:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if any(address in network for network in _NEVER_PUBLIC):
            return False
    return address.is_global and not address.is_multicast
