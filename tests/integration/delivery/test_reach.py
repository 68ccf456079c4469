"""No request goes into the operator's own network, by whatever name, unless a setting allows it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from percipio_openedx import config, signals
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.exchange import exchange
from percipio_openedx.delivery.outcomes import DeliveryError
from percipio_openedx.enums import Outcome
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models import Destination
from percipio_openedx.operations import connection_check
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, body_of, states

pytestmark = pytest.mark.django_db(transaction=True)

LOOK_UP = socket.getaddrinfo
# A name of the test's own. It stands for what the test says, and the sandbox listens on 127.0.0.1.
NAME = "percipio.test"


class Resolver:
    """Stands in for the system's: what ``NAME`` stands for, look-up by look-up, and how often it was asked."""

    def __init__(self) -> None:
        self.answers: list[list[str]] = []
        self.asked: list[str] = []

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != NAME:
            return LOOK_UP(host, port, *args, **kwargs)
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [found for address in answer for found in LOOK_UP(address, port, *args, **kwargs)]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """The look-up of names, in the test's hand."""
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that a connection was tried to."""
    seen: list[str] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            seen.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    return seen


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]"),
        *("[::ffff:169.254.169.254]", "2130706433", "0x7f.1", "0177.0.0.1", "[64:ff9b::7f00:1]", "[2002:a00:1::1]"),
        *("127.0.0.2", "192.0.0.192", "168.63.129.16", "[::ffff:192.0.0.192]", "[64:ff9b::a83f:8110]"),
    ],
)
def test_an_address_that_is_not_public_is_refused(host: str, connected: list[str]) -> None:
    with pytest.raises(PercipioConfigurationError) as caught:
        exchange("GET", f"https://{host}/", timeout=1)
    assert caught.value.setting == "PERCIPIO_PRIVATE_HOSTS"
    assert connected == []


@pytest.mark.parametrize(
    "answer", [["10.0.0.1"], ["127.0.0.1"], ["169.254.169.254"], ["fd00::1"], ["8.8.8.8", "10.0.0.1"], ["192.0.0.192"]]
)
def test_a_name_that_stands_for_one_is_refused(resolver: Resolver, connected: list[str], answer: list[str]) -> None:
    resolver.answers = [answer]
    with pytest.raises(PercipioConfigurationError, match=rf"{NAME} stands at .*, which is no public address"):
        exchange("GET", f"https://{NAME}/", timeout=1)
    assert connected == []


def test_a_name_that_changes_its_address_gains_nothing(
    resolver: Resolver, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that was checked is the one that is connected to; the name is not looked up again for that."""
    resolver.answers = [["8.8.8.8"], ["10.0.0.1"]]

    def refuse(self: socket.socket, address: Any) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(DeliveryError):
        exchange("GET", f"https://{NAME}/", timeout=1)
    assert (resolver.asked, connected) == ([NAME], ["8.8.8.8"])

    with pytest.raises(PercipioConfigurationError):
        exchange("GET", f"https://{NAME}/", timeout=1)
    assert connected == ["8.8.8.8"]


def test_the_next_address_is_tried_where_one_does_not_answer(
    resolver: Resolver, connected: list[str], sandbox: Sandbox, settings: Any
) -> None:
    settings.PERCIPIO_PRIVATE_HOSTS = [NAME]
    resolver.answers = [["127.0.0.9", "127.0.0.1"]]
    port = sandbox.url.rpartition(":")[2]
    assert exchange("GET", f"http://{NAME}:{port}/", timeout=1).status > 0
    assert connected == ["127.0.0.9", "127.0.0.1"]


@pytest.mark.parametrize(("number", "tried"), [(1, [20]), (2, [10, 10]), (300, [20 / 3] * 3)])
def test_all_addresses_together_have_the_time_of_one(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch, number: int, tried: list[float]
) -> None:
    """Also where nobody answers at any of them."""
    waited: list[float | None] = []

    def nobody(sock: socket.socket, address: Any) -> None:
        waited.append(sock.gettimeout())
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", nobody)
    resolver.answers = [[f"8.8.{number // 256}.{number % 256}" for number in range(number)]]
    with pytest.raises(DeliveryError):
        exchange("GET", f"https://{NAME}/", timeout=20)
    assert waited == pytest.approx(tried)


def test_an_address_that_never_answers_leaves_time_for_the_next(
    resolver: Resolver, connected: list[str], sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PERCIPIO_PRIVATE_HOSTS = [NAME]
    resolver.answers = [["127.0.0.9", "127.0.0.1"]]
    connect = socket.socket.connect

    def silent(sock: socket.socket, address: Any) -> None:
        if address[0] == "127.0.0.9":
            raise TimeoutError
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", silent)
    url = sandbox.url.replace("127.0.0.1", NAME)
    assert exchange("GET", f"{url}/", timeout=1).status > 0
    assert connected == ["127.0.0.1"]


@pytest.mark.parametrize("allowed", [NAME, "127.0.0.0/8", "127.0.0.1"])
def test_a_host_that_the_setting_names(
    site: Sandbox, resolver: Resolver, settings: Any, connected: list[str], allowed: str
) -> None:
    settings.PERCIPIO_PRIVATE_HOSTS = [allowed]
    resolver.answers = [["127.0.0.1"]]
    port = site.url.rpartition(":")[2]
    assert exchange("GET", f"http://{NAME}:{port}/", timeout=1).status > 0
    assert connected == ["127.0.0.1"]


def test_localhost_is_this_machine_and_nothing_else(monkeypatch: pytest.MonkeyPatch, connected: list[str]) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args: LOOK_UP("10.0.0.1", *args))
    with pytest.raises(PercipioConfigurationError, match=r"localhost stands at 10\.0\.0\.1"):
        exchange("GET", "http://localhost:1/", timeout=1)
    assert connected == []


def test_a_proxy_is_the_operators_choice(
    resolver: Resolver, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """The host is looked up by the proxy, which alone can say where it stands."""
    resolver.answers = [["10.0.0.1"]]
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", sandbox.url)
    assert exchange("GET", f"http://{NAME}/", timeout=1).status > 0
    assert resolver.asked == []


def test_nobody_knows_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DeliveryError, match="gaierror"):
        exchange("GET", f"https://{NAME}/", timeout=1)


def test_a_kept_connection_is_not_checked_again(site: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []

    def noted(host: Any, *args: Any, **kwargs: Any) -> Any:
        looked_up.append(host)
        return LOOK_UP(host, *args, **kwargs)

    client = _client()
    client.post_statements([body_of(uuid4(), 1)])
    monkeypatch.setattr(socket, "getaddrinfo", noted)
    answers = [client.post_statements([body_of(uuid4(), number)]) for number in range(5)]
    assert [answer.outcome for answer in answers] == [Outcome.ACCEPTED] * 5
    assert looked_up == []


# --- what an operator sees -------------------------------------------------------------------------------------------


@pytest.fixture
def within(configured: Callable[..., None], sandbox: Sandbox, resolver: Resolver) -> Resolver:
    """A site whose addresses are names that stand for 10.0.0.1."""
    configured(sandbox, API_URL=f"https://{NAME}", TOKEN_URL=f"https://{NAME}/token")
    resolver.answers = [["10.0.0.1"]]
    return resolver


def test_a_destination_waits_and_says_why_once(
    within: Resolver, sandbox: Sandbox, configured: Callable[..., None]
) -> None:
    reported: list[str] = []

    def paused(reason: str, **_: Any) -> None:
        reported.append(reason)

    signals.destination_paused.connect(paused)
    try:
        add(1)
        for minutes in range(4):
            deliver_due(NOW + timedelta(minutes=2 * minutes))
    finally:
        signals.destination_paused.disconnect(paused)

    row = Destination.objects.get()
    assert (row.paused_reason, row.failures, row.probe_until) == ("private_address", 0, None)
    assert "PERCIPIO_PRIVATE_HOSTS" in row.last_error
    assert reported == ["private_address"]
    assert states() == {1: "waiting"}

    configured(sandbox)
    deliver_due(NOW + timedelta(minutes=10))
    assert (states(), Destination.objects.get().paused_reason) == ({1: "delivered"}, "")


def test_the_connection_test_explains_it(within: Resolver) -> None:
    configuration = config.for_site(1)
    assert configuration is not None
    first, *others = connection_check.examine(configuration)
    assert (first.verdict, "10.0.0.1" in first.seen, "PERCIPIO_PRIVATE_HOSTS" in first.fix) == ("wrong", True, True)
    assert {step.verdict for step in others} == {"skipped"}


def test_the_connection_test_explains_it_for_the_token_address(
    site: Sandbox, configured: Callable[..., None], resolver: Resolver
) -> None:
    configured(site, TOKEN_URL=f"https://{NAME}/token")
    resolver.answers = [["10.0.0.1"]]
    configuration = config.for_site(1)
    assert configuration is not None
    steps = [step for step in connection_check.examine(configuration) if step.verdict == "wrong"]
    assert ["PERCIPIO_PRIVATE_HOSTS" in step.fix for step in steps] == [True]


def _client() -> PercipioClient:
    configuration = config.for_site(1)
    assert configuration is not None
    return PercipioClient(configuration)
