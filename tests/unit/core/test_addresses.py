"""How addresses are read, which are public, whatever they are disguised as, and what a list of private hosts allows."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request
from urllib3.util import parse_url

from percipio_openedx import config
from percipio_openedx.config.addresses import (
    NoUrl,
    PrivateHosts,
    Url,
    is_loopback,
    is_public,
    is_segment,
    literal,
    read_url,
)
from percipio_openedx.exceptions import PercipioConfigurationError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.percipio.com", Url("https", "api.percipio.com", 443, "/")),
        ("HTTPS://API.Percipio.COM/a/b?c=d&e=%20#f", Url("https", "api.percipio.com", 443, "/a/b?c=d&e=%20")),
        ("http://localhost:8899/token", Url("http", "localhost", 8899, "/token")),
        ("http://[::1]:2//a", Url("http", "::1", 2, "//a")),
        ("https://x_y.example.:1", Url("https", "x_y.example.", 1, "/")),
    ],
)
def test_an_address_of_the_web(text: str, url: Url) -> None:
    assert read_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        # Loopback to one reader, and public to another.
        *("http://evil.example\\[::1]/token", "http://evil.example\\@127.0.0.1/", "http://127.0.0.1\\@evil.example/"),
        *("http://[::1]evil.example/", "http://evil.example[::1]/", "http://[::1]@evil.example/", "http://[::1/"),
        *("http://127.0.0.1;@evil.example/", "http://127.0.0.1,evil.example/", "http://127.0.0.1&@evil.example/"),
        *("http://127.0.0.1%2f@evil.example/", "http://evil.example%23@127.0.0.1/", "http://127.0.0.1%00.evil.example"),
        *("http://localhost,evil.example/", "http://localhost:80:90/", "http://localhost:080/", "http://localhost:0/"),
        *("http://localhost:65536/", "http://localhost:+80/", "http://localhost:8\u0660/", "http://localhost:/"),
        *("http://\u2139ocalhost/", "http://loca\u00adlhost/", "http://127\u30020.0.1/", "http://loca\tlhost/"),
        *(" http://localhost/", "http://localhost/ ", "http://local host/", "http://localhost/\r\nHost: evil.example"),
        *("http://[fe80::1%25eth0]/", "http://[::1%1]/", "http://[v1.x]/", "http://::1/", "http://[127.0.0.1]/"),
        *(
            "//localhost/",
            "localhost",
            "/token",
            "http:localhost",
            "http:/localhost",
            "http:///localhost",
            "http://",
            "",
        ),
        *("gopher://localhost/", "file:///etc/passwd", "ftp://127.0.0.1", "javascript:alert(1)", "http+unix://x/"),
        *(
            "https://user@api.example/",
            "https://user:pw@api.example/",
            "https://@api.example/",
            "https://api.example-/",
        ),
    ],
)
def test_what_two_readers_could_read_differently_is_none(text: str) -> None:
    with pytest.raises(NoUrl):
        read_url(text)


hostile = st.sampled_from(["http", "https", "://", "/", "\\", "@", ":", "[", "]", "::1", "127.0.0.1", "localhost"])
pieces = st.lists(
    hostile | st.sampled_from(["evil.example", "80", "?", "#", "%", "\t", " ", "\u2100", ";", "."]), max_size=9
)


@given(pieces)
def test_whoever_connects_reads_the_same(parts: list[str]) -> None:
    text = "http" + "".join(parts)
    try:
        url = read_url(text)
    except NoUrl:
        return
    prepared = parse_url(str(Request("GET", text).prepare().url))
    assert (prepared.scheme, str(prepared.host).strip("[]")) == (url.scheme, url.host)
    assert (prepared.port or {"http": 80, "https": 443}[url.scheme]) == url.port


PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
NOT_PUBLIC = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.168.1.1"),
    *("198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    # Where clouds tell a machine its credentials, or answer for the machine's host. Releases of Python that Open edX
    # ships take some for public.
    *("192.0.0.192", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe"),
    *("::ffff:192.0.0.192", "::ffff:168.63.129.16", "::ffff:100.100.100.200", "::ffff:0:169.254.169.254"),
    *("64:ff9b::192.0.0.192", "64:ff9b::168.63.129.16", "64:ff9b::100.100.100.200", "64:ff9b:1::169.254.169.254"),
    *("2002:c000:c0::1", "2002:a83f:8110::1", "192.88.99.1", "192.175.48.6", "2620:4f:8000::1", "3fff::1", "5f00::1"),
    *("1::1", "100::1", "400::1", "4000::1", "2001:20::1", "2001:0:a9fe:a9fe::1"),
    *("::", "::1", "fc00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1", "2001::1"),
    # An IPv4 address in the clothes of another protocol.
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::", "2002:a00:1::1"),
]


@pytest.mark.parametrize("text", ["acme", "a.b", "...", "a b", "Müller & Söhne", "1c3f-77", "%2e%2e", "日本", "a?b#c"])
def test_one_segment_of_a_path(text: str) -> None:
    assert is_segment(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "/", "a\\b", " a", "a ", "a\tb", "a\u200bb", "\ud83d"])
def test_no_segment_of_a_path(text: str) -> None:
    assert not is_segment(text)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        *(("127.0.0.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("127.1", "127.0.0.1")),
        *(("0177.0.0.1", "127.0.0.1"), ("0xa9.0xfe.0xa9.0xfe", "169.254.169.254"), ("::1", "::1"), ("0", "0.0.0.0")),
        *(("010.0.0.1", "8.0.0.1"), ("api.percipio.com", None), ("127.0.0.1.example", None), ("", None)),
        *(("127.0.0.1 x", None), ("1.2.3.4.5", None), ("256.1.1.1", None), ("1\x00", None), ("\u0661", None)),
    ],
)
def test_the_address_that_a_host_is(host: str, address: str | None) -> None:
    assert literal(host) == (None if address is None else ip_address(address))


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        *(("localhost", True), ("127.0.0.1", True), ("::1", True)),
        *(("127.9.9.9", False), ("127.0.0.2", False), ("0:0:0:0:0:0:0:1", False), ("::ffff:127.0.0.1", False)),
        *(("127.1", False), ("2130706433", False), ("localhost.", False), ("localhost.example.com", False)),
        *(("lms.local", False), ("", False)),
    ],
)
def test_loopback_is_what_says_so_in_so_many_words(host: str, is_so: bool) -> None:
    assert is_loopback(host) is is_so


ALLOWED = [" Gateway.Corp ", "10.1.0.0/16", "192.168.0.9", "fd00::/8"]


@pytest.mark.parametrize(
    ("host", "address", "is_so"),
    [
        *(("gateway.corp", "10.9.9.9", True), ("GATEWAY.corp", "fc00::1", True)),
        *(("any", "10.1.2.3", True), ("any", "::ffff:10.1.2.3", True), ("any", "192.168.0.9", True)),
        *(("any", "fd12::1", True), ("any", "10.2.0.1", False), ("any", "192.168.0.8", False)),
        *(("x.gateway.corp", "10.9.9.9", False), ("gateway.corp.evil", "10.9.9.9", False)),
    ],
)
def test_what_is_allowed(host: str, address: str, is_so: bool, settings: Any) -> None:
    settings.PERCIPIO_PRIVATE_HOSTS = ALLOWED
    assert config.private_hosts().allow(host, ip_address(address)) is is_so


def test_nothing_is_allowed_by_an_empty_list(settings: Any) -> None:
    settings.PERCIPIO_PRIVATE_HOSTS = []
    assert config.private_hosts() == PrivateHosts()
    assert not PrivateHosts().allow("any", ip_address("10.0.0.1"))


@pytest.mark.parametrize(
    "one",
    ["", " ", None, 10, "*", "*.corp", "https://gateway.corp", "gateway.corp:443", "10.1.2.3/16", "[::1]", "127.1"],
)
def test_what_could_never_match_is_a_mistake(one: object, settings: Any) -> None:
    settings.PERCIPIO_PRIVATE_HOSTS = [one]
    with pytest.raises(PercipioConfigurationError, match="is no host name, address or network"):
        config.private_hosts()
