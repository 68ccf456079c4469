"""From due notices to frozen statements: who is looked at, what is new, what is kept of it."""

from __future__ import annotations

from percipio_openedx.reporting.due import PassCounts, report_due
from percipio_openedx.reporting.findings import ObservationCounts
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.rebuild import Rebuilt, rebuild_due

__all__ = ["ObservationCounts", "PassCounts", "Rebuilt", "observe", "rebuild_due", "report_due"]
