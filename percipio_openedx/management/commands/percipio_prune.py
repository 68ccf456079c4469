"""``percipio_prune``: delete rows past their retention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from tqdm import tqdm

from percipio_openedx.management.operator import OperatorCommand, interruption
from percipio_openedx.operations.retention import Prune, cutoffs

LABELS = {
    "statements": gettext_lazy("settled statements"),
    "parked": gettext_lazy("parked statements"),
    "attempts": gettext_lazy("records of requests to Percipio"),
    "pulls": gettext_lazy("records of pulls"),
    "backfills": gettext_lazy("finished backfills"),
    "erasures": gettext_lazy("erasure requests that are done"),
    "retired": gettext_lazy("retired learners whose data was still here"),
    "resumed": gettext_lazy("courses of learners whose retirement was canceled, noticed anew"),
}


class Command(OperatorCommand):
    help = (
        "Deletes what is older than PERCIPIO_RETENTION_DAYS, PERCIPIO_RETENTION_PARKED_DAYS and "
        "PERCIPIO_RETENTION_LOG_DAYS allow (0 keeps for ever), and whatever is left of retired learners. Nothing is "
        "reported again because of it. Call it daily; it can be stopped at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, and delete nothing")

    def operate(self, options: Mapping[str, Any]) -> bool:
        before = cutoffs()
        with interruption() as stop, tqdm(desc="deleted", unit=" rows", disable=None) as bar:
            prune = Prune(before, stop.is_set, bar.update, dry_run=options["dry_run"])
            counts = prune.run()
        if self.as_json:
            self.emit({**counts, "dry_run": options["dry_run"], "interrupted": stop.is_set()})
        else:
            text = _("%(count)s %(what)s: would be deleted") if options["dry_run"] else _("%(count)s %(what)s: done")
            for name, count in counts.items():
                self.say(text % {"count": count, "what": LABELS[name]})
        for user_id, problem in prune.unerased.items():
            text = _("user %(id)s retired and could not be erased (%(problem)s)")
            self.stderr.write(text % {"id": user_id, "problem": problem})
        return not stop.is_set() and not prune.unerased
