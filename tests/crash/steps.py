"""The steps of a pass, counted from outside: each SQL statement, each COMMIT, each HTTP exchange; and a process that
ends at one of them.

A child process runs the pass, so that its end is the end of a process: no ``finally`` of it runs, its transaction is
rolled back by the database, and what it had in memory is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from unittest import mock

from django.core.cache import cache
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ProtocolError

# The exit codes of a child: it did all of its work, it ended at the chosen step, something broke.
DONE, ENDED, BROKE = 0, 17, 1


class End(StrEnum):
    """What happens at the chosen step."""

    BEFORE = "the process ends before it"
    AFTER = "the process ends after it"
    LOST = "the connection is lost, and with it the answer"
    NOT_MADE = "the connection is lost before it"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended: its exit code, the steps that it counted (if it lived to say so), and what it printed."""

    code: int
    steps: int
    said: str


class Steps:
    """Counts, and ends at the chosen step.

    Arguments:
        at: the number of the step, from 1; 0 only counts.
        end: what happens there.
    """

    def __init__(self, at: int, end: End) -> None:
        self._at, self._end = at, end
        self._lock = threading.Lock()
        self.count = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watch this process: its connection to the database, and every HTTP exchange."""
        commit, urlopen = BaseDatabaseWrapper._commit, HTTPConnectionPool.urlopen

        def committed(wrapper: Any) -> None:
            self._step(lambda: commit(wrapper), lambda: _database_lost(wrapper))

        def exchanged(pool: Any, *args: Any, **kwargs: Any) -> Any:
            return self._step(lambda: urlopen(pool, *args, **kwargs), _reset)

        with (
            connection.execute_wrapper(self._executed),
            mock.patch.object(BaseDatabaseWrapper, "_commit", committed),
            mock.patch.object(HTTPConnectionPool, "urlopen", exchanged),
        ):
            yield

    def _executed(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        return self._step(lambda: execute(sql, params, many, context), lambda: _database_lost(connection))

    def _step(self, do: Callable[[], Any], lose: Callable[[], Any]) -> Any:
        with self._lock:
            self.count += 1
            is_chosen = self.count == self._at
        if is_chosen and self._end is End.BEFORE:
            os._exit(ENDED)
        if is_chosen and self._end is End.NOT_MADE:
            lose()
        done = do()
        if is_chosen and self._end is End.AFTER:
            os._exit(ENDED)
        if is_chosen and self._end is End.LOST:
            lose()
        return done


def _database_lost(wrapper: Any) -> None:
    """The server went away: what was not committed is gone, and the connection is good for nothing any more."""
    if wrapper.vendor == "mysql":
        wrapper.connection.close()
        raise OperationalError(2013, "Lost connection to server during query")
    if wrapper.connection.in_transaction:
        wrapper.connection.rollback()
    raise OperationalError("disk I/O error")


def _reset() -> None:
    raise ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))


def in_a_child(
    work: Callable[[], object], *, ahead: timedelta = timedelta(), at: int = 0, end: End = End.BEFORE
) -> Outcome:
    """Run something in a process of its own, whose clock is so far ahead.

    Arguments:
        at: the step at which it ends; 0 for none.
        end: what happens there.
    """
    connections.close_all()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_the_child(work, ahead, Steps(at, end), writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    found = json.loads(said) if said else {}
    return Outcome(code, found.get("steps", 0), found.get("error", ""))


def _be_the_child(work: Callable[[], object], ahead: timedelta, steps: Steps, writing: int) -> None:
    """Never return: pytest above must not go on twice."""
    code, error = BROKE, ""
    try:
        random.seed(7)
        cache.clear()
        now = timezone.now
        with mock.patch.object(timezone, "now", lambda: now() + ahead), steps.watched():
            work()
        code = DONE
    except BaseException:  # noqa: BLE001 - whatever it is, the parent is told
        error = traceback.format_exc()
    finally:
        os.write(writing, json.dumps({"steps": steps.count, "error": error[-60000:]}).encode())
        os._exit(code)
