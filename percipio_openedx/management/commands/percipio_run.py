"""``percipio_run``: the worker without a broker, for cron, sidecar containers and tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db import close_old_connections
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from percipio_openedx import edx_platform
from percipio_openedx.management.operator import OperatorCommand, interruption
from percipio_openedx.operations import labels, problems
from percipio_openedx.operations.run import Pass, run_pass

# Bounds of the pause between passes, in seconds.
SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# Approximate seconds per pass of the loop.
BUDGET = 60.0

# What a pass did, by the names of its counts.
COUNTS = {
    "observed": ngettext_lazy(
        "%(count)s learner in a course observed", "%(count)s learners in courses observed", "count"
    ),
    "held": gettext_lazy("%(count)s held back"),
    "statements": ngettext_lazy("%(count)s statement queued", "%(count)s statements queued", "count"),
    "rebuilt": ngettext_lazy("%(count)s statement rebuilt", "%(count)s statements rebuilt", "count"),
    "sent": ngettext_lazy("%(count)s statement delivered", "%(count)s statements delivered", "count"),
    "parked": ngettext_lazy("%(count)s statement parked", "%(count)s statements parked", "count"),
    "later": ngettext_lazy("%(count)s statement put off", "%(count)s statements put off", "count"),
    "items": ngettext_lazy("%(count)s item of the catalog sent", "%(count)s items of the catalog sent", "count"),
}


class Command(OperatorCommand):
    help = (
        "Observes the learners of whom something is due and sends what waits for Percipio: once, or with --loop until "
        "it is stopped (SIGTERM or Ctrl-C; it finishes its pass). Safe beside Celery workers. It says what each pass "
        "did, and when the next one is due; with --loop only of passes that did something, but with --json of each."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="keep running, with pauses of up to 30 seconds")

    def operate(self, options: Mapping[str, Any]) -> bool:
        if not options["loop"]:
            return self._passed(run_pass())
        with interruption() as stop:
            if not self.as_json:
                self.say(_("Running until it is stopped (Ctrl-C)."))
            while not stop.is_set():
                close_old_connections()
                edx_platform.forget_request()
                done = run_pass(budget=BUDGET)
                if self.as_json or done.broken or any(done.counts.values()):
                    self._passed(done)
                stop.wait(pause_until(done.next_at))
        return True

    def _passed(self, done: Pass) -> bool:
        text = _("Due with the next notice.")
        if done.next_at is not None:
            text = _("The next pass is due at %(at)s.") % {"at": problems.at(done.next_at)}
        self.tell(
            {"next_at": done.next_at, "broken": done.broken, "counts": done.counts},
            [_("%(done)s. %(next)s") % {"done": counted(done.counts), "next": text}],
        )
        self.stdout.flush()
        for step, why in done.broken.items():
            text = _("%(step)s broke (%(why)s); the rest was done")
            self.stderr.write(text % {"step": step.label, "why": why})
        return not done.broken


def counted(counts: Mapping[str, int]) -> str:
    """Return what was done, as a list of counts."""
    said = [label % {"count": counts[name]} for name, label in COUNTS.items() if counts.get(name)]
    return labels.listed(said) or _("Nothing was due")


def pause_until(next_at: datetime | None) -> float:
    """Return the seconds to wait, from one to thirty, since notices come unannounced."""
    wait = LONGEST_PAUSE if next_at is None else (next_at - timezone.now()).total_seconds()
    return min(max(wait, SHORTEST_PAUSE), LONGEST_PAUSE)
