"""``percipio_doctor``: check this installation, with a fix for each problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext_lazy

from percipio_openedx.management.operator import OperatorCommand
from percipio_openedx.operations.checks import CheckVerdict
from percipio_openedx.operations.doctor import examine

SIGNS = {
    CheckVerdict.WELL: gettext_lazy("ok"),
    CheckVerdict.DOUBTFUL: gettext_lazy("check"),
    CheckVerdict.WRONG: gettext_lazy("WRONG"),
    CheckVerdict.SKIPPED: "-",
}


class Command(OperatorCommand):
    help = (
        "Checks the settings, each site's configuration, the tables, what the LMS offers, cache, broker and workers, "
        "and what waits or is stuck. One line each, with what to do. Exit code 1 if anything is wrong. Percipio itself "
        "is asked only with --online, which stores nothing there."
    )
    # The doctor must run even if system checks fail.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--online", action="store_true", help="also ask Percipio: token, read, empty write, clock")

    def operate(self, options: Mapping[str, Any]) -> bool:
        verdicts = set()
        for found in examine(is_online=options["online"]):
            verdicts.add(found.verdict)
            if self.as_json:
                self.emit(asdict(found))
                continue
            seen = f": {found.seen}" if found.seen else ""
            self.say(f"{SIGNS[found.verdict]!s:>5}  {found.name}{seen}")
            if found.fix:
                self.say(f"       -> {found.fix}")
        return CheckVerdict.WRONG not in verdicts
