"""``percipio_courses``: what was decided for single courses, in and out as CSV."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from percipio_openedx.management.operator import OperatorCommand, UsageError
from percipio_openedx.operations import course_answers, course_csv

# A file larger than this is none of courses.
MOST_BYTES = 32 * 1024 * 1024


class Command(OperatorCommand):
    """Import and export."""

    help = (
        "Leaves courses out, or gives them their own id of Percipio's catalogue. `import FILE.csv` reads the columns "
        "course_key (a course run, or course:Org+Course for all runs), is_reported and content_id, and takes over "
        "all lines or, where one is wrong, none; '-' reads standard input. `export` prints the same form."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        """``import FILE [--dry-run]`` and ``export``."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="import|export")
        taking = acts.add_parser("import", help="take over a file")
        taking.add_argument("file", help="the CSV file, or - for standard input")
        taking.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        acts.add_parser("export", help="print what was decided")

    def operate(self, options: Mapping[str, Any]) -> bool:
        """Import or export."""
        if options["act"] == "export":
            return self._export(as_json=options["as_json"])
        return self._import(options)

    def _export(self, *, as_json: bool) -> bool:
        if as_json:
            self.emit([asdict(row) for row in course_answers.stored()])
        else:
            self.stdout.write(course_csv.render(course_answers.stored()), ending="")
        return True

    def _import(self, options: Mapping[str, Any]) -> bool:
        parsed = course_csv.parse(_text(options["file"]))
        if parsed.problems:
            if options["as_json"]:
                self.emit({"problems": [asdict(problem) for problem in parsed.problems]})
            for problem in () if options["as_json"] else parsed.problems:
                self.stderr.write(str(problem))
            self.stderr.write(_("Nothing was changed."))
            return False
        taken = course_answers.take(parsed.rows, dry_run=options["dry_run"])
        if options["as_json"]:
            self.emit({**asdict(taken), "dry_run": options["dry_run"]})
            return True
        if options["dry_run"]:
            text = _("%(new)s would be new, %(changed)s would be changed, %(same)s stay as they are")
        else:
            text = _("%(new)s are new, %(changed)s are changed, %(same)s stay as they are")
        self.say(text % {"new": taken.new, "changed": taken.changed, "same": taken.same})
        for course_key in taken.freed:
            text = _("reported again: %(course)s (what was missed: percipio_backfill --course KEY-OF-EACH-RUN)")
            self.say(text % {"course": course_key})
        return True


def _text(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read(MOST_BYTES + 1) if name == "-" else _read(Path(name))
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise UsageError(_("%(file)s: larger than %(size)s MiB") % {"file": name, "size": MOST_BYTES // 1024 // 1024})
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        text = _("%(file)s: line %(line)s is not UTF-8; save the file as CSV UTF-8")
        raise UsageError(text % {"file": name, "line": line}) from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
