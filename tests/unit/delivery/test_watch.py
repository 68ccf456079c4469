"""One thread watches over all requests of a process, and is there when it is needed."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from percipio_openedx.delivery import watch as watching
from percipio_openedx.delivery.watch import Watch

# Longer than any machine takes. Who waits that long has failed.
PATIENCE = 30.0


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, Any]]:
    """One that is read from, and the connection that it belongs to."""
    here, there = socket.socketpair()
    here.settimeout(PATIENCE)
    with here, there:
        yield here, SimpleNamespace(sock=here)


def guards() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "percipio-guard"]


def test_a_reader_is_cut_off_when_its_time_is_up(sockets: tuple[socket.socket, Any]) -> None:
    here, connection = sockets
    with Watch(0.05) as watch:
        watch.see(connection)
        assert here.recv(1) == b""
    assert watch.expired


def test_also_while_the_guard_waits_for_a_later_one(sockets: tuple[socket.socket, Any]) -> None:
    here, connection = sockets
    with Watch(PATIENCE * 2) as later, Watch(0.05) as watch:
        watch.see(connection)
        assert here.recv(1) == b""
    assert (watch.expired, later.expired) == (True, False)


def test_whoever_is_done_in_time_is_left_alone(sockets: tuple[socket.socket, Any]) -> None:
    here, connection = sockets
    with Watch(0.05) as early:
        early.see(connection)
    with Watch(0.1) as later:
        while not later.expired:
            threading.Event().wait(0.01)
    assert not early.expired
    here.setblocking(False)
    with pytest.raises(BlockingIOError):
        here.recv(1)


def test_one_thread_serves_many_requests() -> None:
    with Watch(PATIENCE):
        first = guards()
    for _ in range(50):
        with Watch(PATIENCE):
            assert guards() == first
    assert len(first) == 1


def test_its_thread_ends_and_begins_again(monkeypatch: pytest.MonkeyPatch, sockets: tuple[socket.socket, Any]) -> None:
    monkeypatch.setattr(watching, "_IDLE", 0.01)
    monkeypatch.setattr(watching, "_guard", watching._Guard())
    before = set(guards())
    with Watch(PATIENCE):
        (thread,) = set(guards()) - before
    # It looks when the first watch would have ended, or a later one makes it look.
    with Watch(0.01) as watch:
        while not watch.expired:
            threading.Event().wait(0.01)
    thread.join(PATIENCE)
    assert not thread.is_alive()

    test_a_reader_is_cut_off_when_its_time_is_up(sockets)


FORKED = """
import os, threading
from percipio_openedx.delivery.watch import Watch
with Watch(60):
    child = os.fork()
    if child == 0:
        with Watch(0.01) as watch:
            for _ in range(3000):
                if watch.expired:
                    os._exit(7)
                threading.Event().wait(0.01)
        os._exit(1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_worker_has_a_guard_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "7"
