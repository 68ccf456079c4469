"""Parse web addresses unambiguously, and classify hosts as public or private (SSRF). Pure.

No name is looked up here: ``delivery/exchange.py`` does that, and checks each address it finds with this module.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# The part of RFC 3986 that all parsers read alike: no backslash, no blank, no user name, nothing outside ASCII, no port
# with a leading zero. Releases of Python that Open edX ships read ``http://evil.example\\[::1]/`` as this machine.
_REST = r"[A-Za-z0-9\-._~:/\[\]@!$&'()*+,;=%]*"
_URL = re.compile(
    r"(?P<scheme>https?)://(?:(?P<name>[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?)|\[(?P<address>[0-9a-f:.]+)\])"
    rf"(?::(?P<port>[1-9][0-9]{{0,4}}))?(?P<path>/{_REST})?(?:\?(?P<query>{_REST}(?:\?{_REST})*))?(?:\#{_REST})?",
    re.ASCII | re.IGNORECASE,
)
_PORTS = {"http": 80, "https": 443}

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# Networks that may be local or lead nowhere: the IANA registries of special-purpose addresses (RFC 6890), each block as
# a whole. The standard library's tables differ between releases (3.11.7 takes 192.0.0.192 for public).
_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Azure's host service (Microsoft: "What is IP address 168.63.129.16?").
        "168.63.129.16/32",
    )
)
# All assigned IPv6 (RFC 4291 2.4), except the special-purpose blocks.
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"))
# IPv4 addresses in the last four bytes (RFC 6052 2.1).
_TRANSLATED = IPv6Network("64:ff9b::/96")


class NoUrl(ValueError):
    """A text is no http or https address, or is ambiguous."""


@dataclass(frozen=True, slots=True)
class Url:
    """An http or https address; ``host`` in lower case (IPv6 without brackets), ``target`` with the query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


def read_url(text: str) -> Url:
    """Parse an address, or raise ``NoUrl``; checks, connections and requests all use this one parser."""
    parts = _URL.fullmatch(text)
    if parts is None:
        raise NoUrl
    scheme, host = parts["scheme"].lower(), (parts["name"] or parts["address"]).lower()
    port, path = int(parts["port"] or _PORTS[scheme]), parts["path"] or "/"
    if port > 65535:
        raise NoUrl
    if parts["address"]:
        try:
            IPv6Address(host)
        except ValueError:
            raise NoUrl from None
    return Url(scheme, host, port, f"{path}?{parts['query']}" if parts["query"] else path)


def is_segment(text: str) -> bool:
    """Whether a text can be one path segment of an address and names the same place for everybody.

    ``.`` and ``..`` are steps within the path (RFC 3986 3.3 and 5.2.4), many servers take an encoded slash for a
    separator, and invisible characters or blanks at an end are mistakes.
    """
    is_plain = text.isprintable() and text == text.strip() and "/" not in text and "\\" not in text
    return is_plain and text not in ("", ".", "..")


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """Private hosts that may be reached: names and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def allow(self, host: str, address: Address) -> bool:
        """Whether a request to the configured ``host`` may go to its ``address``."""
        plain = getattr(address, "ipv4_mapped", None) or address
        return host.lower() in self.names or any(plain in network for network in self.networks)


def literal(host: str) -> Address | None:
    """Return the address that a host is, in any form that a resolver accepts (``127.1``, ``0x7f000001``)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # By the C library's rules, as getaddrinfo; but nothing after a blank.
        return None if host.split() != [host] else IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_loopback(host: str) -> bool:
    """Whether a host is literally this machine: ``localhost``, ``127.0.0.1`` or ``::1``."""
    return host in LOOPBACK


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet; IPv6 forms of IPv4 are judged as IPv4."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    inner = address.ipv4_mapped or address.sixtofour
    if address in _TRANSLATED:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    return address in _GLOBAL_6 and not any(address in block for block in _NOT_PUBLIC_6)
