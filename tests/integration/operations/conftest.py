"""Commands as an operator calls them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from percipio_openedx.delivery import tokens


@dataclass(frozen=True)
class Ran:
    """How a command ended: its exit code, what it printed, and what it complained about."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What was printed, line by line."""
        return self.out.splitlines()

    @property
    def documents(self) -> list[Any]:
        """What was printed, as JSON lines."""
        return [json.loads(line) for line in self.lines]


def command(name: str, *arguments: str) -> Ran:
    """Call a management command as the shell would see it end."""
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command(name, *arguments, stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    except SystemExit as end:
        code = int(end.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture
def manage() -> Callable[..., Ran]:
    """Call a management command."""
    return command


@pytest.fixture(autouse=True)
def _forget_connections() -> Iterator[None]:
    """Tokens and connections of one test's sandbox are none of the next one's."""
    tokens._memory.clear()
    yield
    tokens._memory.clear()
