"""``percipio_doctor``: check this installation, with a fix for each problem."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from percipio_openedx.management.operator import OperatorCommand, write_private
from percipio_openedx.operations import support
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
        "and what waits or is stuck. One line each, with what to do. Percipio itself is asked only with --online, "
        "which stores nothing there. --support makes one JSON document for a support ticket instead: versions, "
        "these lines, settings, destinations, counts and times. It holds no secret and nothing of a learner."
    )
    # The doctor must run even if system checks fail.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--online", action="store_true", help="also ask Percipio: token, read, empty write, clock")
        parser.add_argument(
            "--support", nargs="?", const="-", metavar="FILE", help="write a support bundle; without a FILE, print it"
        )

    def operate(self, options: Mapping[str, Any]) -> bool:
        if options["support"] is not None:
            return self._support(options["support"], is_online=options["online"])
        verdicts: Counter[CheckVerdict] = Counter()
        width = max(len(str(sign)) for sign in SIGNS.values())
        for found in examine(is_online=options["online"]):
            verdicts[found.verdict] += 1
            seen = f": {found.seen}" if found.seen else ""
            fix = [f"{'':{width}}  -> {found.fix}"] if found.fix else []
            self.tell(asdict(found), [f"{SIGNS[found.verdict]!s:>{width}}  {found.name}{seen}", *fix])
        if not self.as_json:
            text = _("In sum: %(wrong)s wrong, %(doubtful)s to check, %(well)s ok.")
            self.say(text % {one.value: verdicts[one] for one in CheckVerdict})
        return not verdicts[CheckVerdict.WRONG]

    def _support(self, file: str, *, is_online: bool) -> bool:
        # For whoever helps, whatever the LMS's language.
        with translation.override(None):
            document = support.bundle(is_online=is_online)
        text = json.dumps(document, ensure_ascii=False, indent=2)
        if file == "-":
            self.tell(document, [text])
            return True
        write_private({Path(file): text + "\n"})
        said = _("%(file)s is written. It holds no secret and nothing of a learner; read it before you send it.")
        self.tell({"written": str(Path(file))}, [said % {"file": Path(file)}])
        return True
