"""Step 2: a due notice of ``capture`` becomes an observed state, and what is new of it statements for ``delivery``."""

from __future__ import annotations

from percipio_openedx.reporting.due import PassCounts, report_due
from percipio_openedx.reporting.findings import ObservationCounts
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.rebuild import Rebuilt, rebuild_due

__all__ = ["ObservationCounts", "PassCounts", "Rebuilt", "observe", "rebuild_due", "report_due"]
