"""Shared by the operator commands: ``--json``, exit codes, and graceful interruption.

Text for people is in the LMS's language; ``--json`` and ``--help`` are English.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure
from django.utils import translation
from django.utils.translation import gettext as _

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PercipioConfigurationError, PercipioError, PlatformUnavailable
from percipio_openedx.management.exit_codes import ExitCode, epilog
from percipio_openedx.operations import sites

JSON_HELP = "print JSON, for programs"


class UsageError(CommandError):
    """A usage error: an argument is malformed or names something that does not exist."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=ExitCode.USAGE)


class OperatorCommand(BaseCommand):
    """A command whose exit code tells the result; ``as_json`` selects output for programs."""

    as_json = False

    def create_parser(self, *args: Any, **options: Any) -> CommandParser:
        parser = super().create_parser(*args, **options)
        parser.add_argument("--json", action="store_true", dest="as_json", help=JSON_HELP)
        parser.epilog = epilog(type(self).__module__.rpartition(".")[2])
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command for a shell; end quietly where nobody reads on (``percipio_doctor | head``)."""
        try:
            try:
                super().run_from_argv(argv)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes both once more at its end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in (sys.stdout, sys.stderr):
                os.dup2(nowhere, stream.fileno())
            raise SystemExit(ExitCode.PROBLEM) from None

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command; ``CommandError`` or ``SystemExit`` has its exit code."""
        self.as_json = options["as_json"]
        # JSON output does not depend on the LMS's language.
        language = None if self.as_json else translation.get_language()
        try:
            with translation.override(language):
                is_well = self.operate(options)
        except PercipioConfigurationError as error:
            raise UsageError(error.message) from None
        except PercipioError as error:
            raise CommandError(str(error), returncode=ExitCode.PROBLEM) from None
        except KeyboardInterrupt:
            # Of a command that does not finish its step first (``interruption``).
            raise CommandError(_("interrupted"), returncode=ExitCode.PROBLEM) from None
        except DatabaseFailure as error:
            # Only its class: database messages quote values.
            text = _("the database failed (%(error)s); what was done by then is kept")
            raise CommandError(text % {"error": type(error).__name__}, returncode=ExitCode.PROBLEM) from None
        if not is_well:
            raise SystemExit(ExitCode.PROBLEM)

    def operate(self, options: Mapping[str, Any]) -> bool:
        """Do the work and return whether all is well."""
        raise NotImplementedError

    def tell(self, document: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Print a result: as a JSON document for programs, or in lines for a person."""
        if self.as_json:
            self.emit(document)
            return
        for line in lines:
            self.say(line)

    def say(self, line: str) -> None:
        """Print a line for a person."""
        self.stdout.write(line)

    def emit(self, document: Any) -> None:
        """Print a JSON document on one line, for programs."""
        # In ASCII, so that it is one line to every program, and can be written on every terminal.
        self.stdout.write(json.dumps(document, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def add_act(acts: Any, name: str, about: str) -> CommandParser:
    """Return the parser of one of a command's acts, which takes ``--json`` as the command does."""
    act: CommandParser = acts.add_parser(name, help=about)
    # Without a default of its own: it would undo the --json before the act.
    act.add_argument("--json", action="store_true", dest="as_json", default=argparse.SUPPRESS, help=JSON_HELP)
    return act


def place_document(site_id: int, account: str = "") -> dict[str, Any]:
    """Return a site, or one of its accounts, by id and name, for a JSON document."""
    return {"site": site_id, "site_name": sites.site_name(site_id), "account": account}


def moment(text: str | None) -> datetime | None:
    """Parse a date or time argument, as UTC if it names no zone."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        problem = _("%(text)r is no date; write 2026-01-31 or 2026-01-31T12:00:00Z")
        raise UsageError(problem % {"text": text}) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def site_option(text: str | None) -> int | None:
    """Return the site given by id or by domain, with or without a port; None if none was."""
    if not text:
        return None
    is_id = text.isascii() and text.isdigit() and len(text) < 10
    site_id = min(sites.known([int(text)]), default=None) if is_id else edx_platform.site_id_of_host(text)
    if site_id is None:
        raise UsageError(_("there is no site %(site)r") % {"site": text})
    return site_id


def learner_named(text: str) -> int:
    """Return the user id of a learner given by user id, username or email."""
    user_id = edx_platform.user_id_of(text)
    if user_id is None:
        raise UsageError(_("there is no such learner"))
    return user_id


def course_run(key: str) -> str:
    """Return the key of a course run as the LMS stores it."""
    try:
        return edx_platform.stored_key(edx_platform.parsed(key))
    except PlatformUnavailable:
        raise UsageError(_("%(key)r is no course run; write course-v1:Org+Course+Run") % {"key": key}) from None


def course_runs(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the keys of course runs as the LMS stores them; it has each of them."""
    found = tuple(course_run(key) for key in keys)
    if unknown := edx_platform.unknown_courses(found):
        raise UsageError(_("there is no course run %(keys)s") % {"keys": ", ".join(sorted(unknown))})
    return found


def course_named(key: str) -> str:
    """Return how a course run is called in a sentence."""
    return sites.course_named(key, sites.course_names([key]))


def write_private(texts: Mapping[Path, str]) -> None:
    """Write files that their owner alone may read, all or none; ``UsageError`` if one is there already."""
    with ExitStack() as undo:
        for path, text in texts.items():
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                undo.callback(path.unlink, missing_ok=True)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                raise UsageError(f"{path}: {error.strerror}") from None
        undo.pop_all()


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """Yield an event set by SIGTERM and Ctrl-C, for long work to check between steps."""
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
