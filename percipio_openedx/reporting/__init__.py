"""From due notices to frozen statements: who is looked at, what is new, what is kept of it."""

from __future__ import annotations

from percipio_openedx.reporting.due import Reported, report_due
from percipio_openedx.reporting.findings import Looked
from percipio_openedx.reporting.look import look
from percipio_openedx.reporting.rebuild import Rebuilt, rebuild_due

__all__ = ["Looked", "Rebuilt", "Reported", "look", "rebuild_due", "report_due"]
