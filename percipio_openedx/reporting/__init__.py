"""From due notices to frozen statements: who is looked at, what is new, what is kept of it."""

from __future__ import annotations

from percipio_openedx.reporting.due import Reported, report_due
from percipio_openedx.reporting.findings import Looked
from percipio_openedx.reporting.look import look

__all__ = ["Looked", "Reported", "look", "report_due"]
