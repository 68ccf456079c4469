"""``percipio_courses``: import and export course overrides as CSV."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from percipio_openedx.management.operator import OperatorCommand, UsageError, add_act
from percipio_openedx.operations import course_overrides


class Command(OperatorCommand):
    help = (
        "Leaves courses out, offers them to Percipio's catalog, and says what it says of them. `import FILE.csv` reads "
        "the columns course_key (a course run, or course:Org+Course for all runs) and any of is_reported, content_id, "
        "offer (offered, withdrawn or empty), title, type, duration (seconds), tags and author, and takes over all "
        "lines or, where one is wrong, none; '-' reads standard input. `export` prints the same form."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="import|export")
        taking = add_act(acts, "import", "take over a file")
        taking.add_argument("file", help="the CSV file, or - for standard input")
        taking.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        add_act(acts, "export", "print what was decided")

    def operate(self, options: Mapping[str, Any]) -> bool:
        if options["act"] == "import":
            return take_over(self, options["file"], dry_run=options["dry_run"])
        if self.as_json:
            for override in course_overrides.stored():
                self.emit(override)
        else:
            self.stdout.write(course_overrides.written(), ending="")
        return True


def take_over(command: OperatorCommand, name: str, *, dry_run: bool) -> bool:
    """Import a file of course overrides, or say what is wrong with it; return whether it was taken over."""
    try:
        taken = course_overrides.take(course_overrides.read(content_of(name)), dry_run=dry_run)
    except ValidationError as error:
        if command.as_json:
            command.emit({"problems": [each.params for each in error.error_list]})
        else:
            command.stderr.write("\n".join(error.messages))
        command.stderr.write(_("Nothing was changed."))
        return False
    text = _("Course overrides: %(new)s new, %(changed)s changed, %(same)s unchanged.")
    if dry_run:
        text = _("Course overrides: %(new)s would be new, %(changed)s would be changed, %(same)s unchanged.")
    again = _("reported again: %(course)s (what was missed: percipio_backfill --course KEY-OF-EACH-RUN)")
    said = [text % asdict(taken), *(again % {"course": course_key} for course_key in taken.freed)]
    command.tell({**asdict(taken), "dry_run": dry_run}, said)
    return True


def content_of(name: str) -> bytes:
    """Return a file, or standard input for ``-``; one byte more than may be imported, if it is larger."""
    most = course_overrides.MOST_BYTES + 1
    try:
        if name == "-":
            return sys.stdin.buffer.read(most)
        with Path(name).open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None
