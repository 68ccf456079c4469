"""What the operator's commands have in common: ``--json``, exit codes, and an end that can be asked for.

Lines for people are in the LMS's language; ``--json`` and ``--help`` are English.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import FrameType, TracebackType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure
from django.utils import translation
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from percipio_openedx.exceptions import PercipioConfigurationError, PercipioError

# Exit codes: all is well; trouble was found, or something is left to do; the command was called in a wrong way.
WELL, TROUBLE, USAGE = 0, 1, 2


class UsageError(CommandError):
    """The command was called in a wrong way."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=USAGE)


class OperatorCommand(BaseCommand):
    """A command whose exit code says how things are."""

    def add_arguments(self, parser: CommandParser) -> None:
        """``--json``, then the command's own."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON, for programs")
        self.add_own_arguments(parser)

    def add_own_arguments(self, parser: CommandParser) -> None:
        """The command's own arguments."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Work.

        Raises:
            CommandError: with exit code 2 for wrong settings or a wrong call, 1 for what could not be done.
            SystemExit: with exit code 1 where trouble was found.
        """
        # What programs read is the same whatever the language of the LMS.
        language = None if options["as_json"] else translation.get_language()
        try:
            with translation.override(language):
                is_well = self.operate(options)
        except PercipioConfigurationError as error:
            raise UsageError(error.words) from None
        except PercipioError as error:
            raise CommandError(str(error), returncode=TROUBLE) from None
        except DatabaseFailure as error:
            # By its class alone: what the database says quotes values.
            text = _("the database failed (%(error)s); what was done by then is kept")
            raise CommandError(text % {"error": type(error).__name__}, returncode=TROUBLE) from None
        if not is_well:
            raise SystemExit(TROUBLE)

    def operate(self, options: Mapping[str, Any]) -> bool:
        """Do the work and say whether all is well."""
        raise NotImplementedError

    def say(self, line: str) -> None:
        """Print a line for a person."""
        self.stdout.write(line)

    def emit(self, document: Any) -> None:
        """Print one JSON document on one line, for a program."""
        self.stdout.write(json.dumps(document, default=str, ensure_ascii=False))


def moment(text: str) -> datetime:
    """A date, or a time with its zone, as an argument; UTC where none is named.

    Raises:
        UsageError: it is neither.
    """
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)) is not None:
            found = datetime(day.year, day.month, day.day)
    except ValueError:
        found = None
    if found is None:
        raise UsageError(_("%(text)r is no date; write 2026-01-31 or 2026-01-31T12:00:00Z") % {"text": text})
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Interruption:
    """Turns SIGTERM and Ctrl-C into a wish that long work asks about between two steps."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked.set()

    def is_asked(self) -> bool:
        """Whether the work is to end."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> None:
        """Pause, but not beyond the wish to end."""
        if seconds > 0:
            self._asked.wait(seconds)
