"""What the operator's commands have in common: ``--json``, exit codes, and an end that can be asked for.

Lines for people are in the LMS's language; ``--json`` and ``--help`` are English.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure
from django.utils import translation
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PercipioConfigurationError, PercipioError, PlatformUnavailable
from percipio_openedx.operations.sites import site_named

# Exit codes beside 0: a problem was found, or something is left to do; the command was called in a wrong way.
PROBLEM, USAGE = 1, 2


class UsageError(CommandError):
    """The command was called in a wrong way; what was given does not exist, or has not the form of its argument."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=USAGE)


class OperatorCommand(BaseCommand):
    """A command whose exit code says how things are. ``as_json`` is whether it prints for a program."""

    as_json = False

    def create_parser(self, *args: Any, **options: Any) -> CommandParser:
        """Add ``--json``."""
        parser = super().create_parser(*args, **options)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON, for programs")
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        """Work.

        Raises:
            CommandError: with exit code 2 for wrong settings or a wrong call, 1 for what could not be done.
            SystemExit: with exit code 1 where a problem was found.
        """
        self.as_json = options["as_json"]
        # What programs read is the same whatever the language of the LMS.
        language = None if self.as_json else translation.get_language()
        try:
            with translation.override(language):
                is_well = self.operate(options)
        except PercipioConfigurationError as error:
            raise UsageError(error.message) from None
        except PercipioError as error:
            raise CommandError(str(error), returncode=PROBLEM) from None
        except DatabaseFailure as error:
            # By its class alone: what the database says quotes values.
            text = _("the database failed (%(error)s); what was done by then is kept")
            raise CommandError(text % {"error": type(error).__name__}, returncode=PROBLEM) from None
        if not is_well:
            raise SystemExit(PROBLEM)

    def operate(self, options: Mapping[str, Any]) -> bool:
        """Do the work and return whether all is well."""
        raise NotImplementedError

    def say(self, line: str) -> None:
        """Print a line for a person."""
        self.stdout.write(line)

    def emit(self, document: Any) -> None:
        """Print one JSON document on one line, for a program."""
        self.stdout.write(json.dumps(document, default=str, ensure_ascii=False))


def moment(text: str | None) -> datetime | None:
    """Return a date, or a time in UTC where it names no zone, that was given as an argument."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)) is not None:
            found = datetime(day.year, day.month, day.day)
    except ValueError:
        found = None
    if found is None:
        raise UsageError(_("%(text)r is no date; write 2026-01-31 or 2026-01-31T12:00:00Z") % {"text": text})
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def site_option(text: str | None) -> int | None:
    """Return the site that was given by its id or domain, None where none was."""
    site_id = site_named(text) if text else None
    if text and site_id is None:
        raise UsageError(_("there is no site %(site)r") % {"site": text})
    return site_id


def learner_named(text: str) -> int:
    """Return the user id of the learner who was given by user id, username or email."""
    user_id = edx_platform.user_id_of(text)
    if user_id is None:
        raise UsageError(_("there is no such learner"))
    return user_id


def course_run(key: str) -> str:
    """Return the key of a course run that was given."""
    try:
        edx_platform.org_of(key)
    except PlatformUnavailable:
        raise UsageError(_("%(key)r is no course run; write course-v1:Org+Course+Run") % {"key": key}) from None
    return key


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and Ctrl-C set, for long work to ask about between two steps."""
    stop = threading.Event()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for asked in (signal.SIGTERM, signal.SIGINT):
            before[asked] = signal.signal(asked, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
