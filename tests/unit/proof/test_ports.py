"""Ports for the programs that tests, pictures and benchmarks start."""

from __future__ import annotations

import socket

import pytest

from demo import ports
from demo.ports import free_ports


def test_so_many_in_a_row_below_those_of_connections() -> None:
    port = free_ports(3)
    assert ports.LOWEST <= port <= ports.HIGHEST
    for number in range(port, port + 3):
        socket.create_server(("127.0.0.1", number)).close()


def test_a_held_one_is_passed_over() -> None:
    port = free_ports(2)
    assert free_ports(2, first=port) == port
    with socket.create_server(("127.0.0.1", port + 1)):
        assert free_ports(2, first=port) != port


def test_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", free_ports())) as held:
        monkeypatch.setattr(ports, "LOWEST", held.getsockname()[1])
        monkeypatch.setattr(ports, "HIGHEST", held.getsockname()[1])
        with pytest.raises(OSError, match="no 1 free ports in a row"):
            free_ports()
