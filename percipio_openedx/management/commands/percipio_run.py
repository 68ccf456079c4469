"""``percipio_run``: the worker without a broker, for cron, sidecar containers and tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db import close_old_connections
from django.utils import timezone
from django.utils.translation import gettext as _

from percipio_openedx import edx_platform
from percipio_openedx.management.operator import OperatorCommand, interruption
from percipio_openedx.operations.problems import STEPS
from percipio_openedx.operations.run import Pass, run_pass

# Bounds of the pause between passes, in seconds.
SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# Approximate seconds per pass of the loop.
BUDGET = 60.0


class Command(OperatorCommand):
    help = (
        "Looks at the learners and courses of which something is due and sends what waits for Percipio: once, or "
        "with --loop until it is stopped (SIGTERM or Ctrl-C; it finishes its pass). Safe beside Celery workers. With "
        "--json it prints a line after each pass: when the next one is due."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="keep running, with pauses of up to 30 seconds")

    def operate(self, options: Mapping[str, Any]) -> bool:
        if not options["loop"]:
            return self._passed(run_pass())
        with interruption() as stop:
            while not stop.is_set():
                close_old_connections()
                edx_platform.forget_request()
                done = run_pass(budget=BUDGET)
                self._passed(done)
                stop.wait(pause_until(done.next_at))
        return True

    def _passed(self, done: Pass) -> bool:
        if self.as_json:
            next_at = done.next_at.isoformat() if done.next_at else None
            self.emit({"next_at": next_at, **({"broken": done.broken} if done.broken else {})})
            self.stdout.flush()
        for step, why in done.broken.items():
            text = _("%(step)s broke (%(why)s); the rest was done")
            self.stderr.write(text % {"step": STEPS.get(step, step), "why": why})
        return not done.broken


def pause_until(next_at: datetime | None) -> float:
    """Return the seconds to wait, from one to thirty, since notices come unannounced."""
    wait = LONGEST_PAUSE if next_at is None else (next_at - timezone.now()).total_seconds()
    return min(max(wait, SHORTEST_PAUSE), LONGEST_PAUSE)
