"""From due notices to frozen statements: who is looked at, what is new, what is kept of it."""

from __future__ import annotations

from percipio_openedx.reporting.due import Reported, report_due
from percipio_openedx.reporting.look import Looked, look

__all__ = ["Looked", "Reported", "look", "report_due"]
