"""Commands as an operator calls them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from jsonschema import Draft202012Validator, FormatChecker

from percipio_openedx.delivery import tokens

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "commands.schema.json").read_text(encoding="utf-8"))


FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(text: Any) -> bool:
    """Whether a text is a time with a zone, as RFC 3339 writes it; ``jsonschema`` itself takes any text."""
    return not isinstance(text, str) or ("T" in text and datetime.fromisoformat(text).tzinfo is not None)


def validator(definition: str) -> Draft202012Validator:
    """What checks a document against one definition of the commands' schema."""
    return Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{definition}"}, format_checker=FORMATS)


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
    """Call a management command as the shell would see it end; what it prints for programs is as the schema says."""
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command(name, *arguments, stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    except SystemExit as end:
        code = int(end.code or 0)
    ran = Ran(code, out.getvalue(), err.getvalue())
    if "--json" in arguments:
        for document in ran.documents:
            validator(name).validate(document)
    return ran


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
