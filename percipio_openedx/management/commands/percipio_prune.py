"""``percipio_prune``: delete rows past their retention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from tqdm import tqdm

from percipio_openedx.management.operator import OperatorCommand, interruption
from percipio_openedx.operations.retention import Prune, cutoffs

LABELS = {
    "statements": ngettext_lazy("%(count)s settled statement", "%(count)s settled statements", "count"),
    "parked": ngettext_lazy("%(count)s parked statement", "%(count)s parked statements", "count"),
    "attempts": ngettext_lazy("%(count)s delivery attempt", "%(count)s delivery attempts", "count"),
    "pulls": ngettext_lazy("%(count)s pull", "%(count)s pulls", "count"),
    "backfills": ngettext_lazy("%(count)s finished backfill", "%(count)s finished backfills", "count"),
    "erasures": ngettext_lazy(
        "%(count)s erasure request that is done", "%(count)s erasure requests that are done", "count"
    ),
    "retired": ngettext_lazy(
        "the data of %(count)s retired learner", "the data of %(count)s retired learners", "count"
    ),
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
        text = _("would be deleted: %(what)s") if options["dry_run"] else _("deleted: %(what)s")
        said = [text % {"what": LABELS[name] % {"count": count}} for name, count in counts.items() if count]
        said = said or [_("Nothing is to be deleted.")]
        if stop.is_set():
            said.append(_("Interrupted; called again it goes on."))
        self.tell({**counts, "dry_run": options["dry_run"], "interrupted": stop.is_set()}, said)
        for user_id, problem in prune.unerased.items():
            text = _("user %(id)s retired and could not be erased (%(problem)s)")
            self.stderr.write(text % {"id": user_id, "problem": problem})
        return not stop.is_set() and not prune.unerased
