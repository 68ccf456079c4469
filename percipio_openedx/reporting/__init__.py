"""Step 2, between ``capture`` and ``statements``: due notices become observed state, milestones and stored statements.

``due`` takes up what ``inbox`` holds, course run by course run; ``observe`` observes and compares some learners of one,
and builds what is new; ``store`` keeps it. ``rebuild`` builds anew what Percipio refused or was never sent.
"""

from __future__ import annotations

from percipio_openedx.reporting.due import ReportSummary, report_due
from percipio_openedx.reporting.findings import ObservationCounts
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.rebuild import RebuildSummary, rebuild_due

__all__ = ["ObservationCounts", "RebuildSummary", "ReportSummary", "observe", "rebuild_due", "report_due"]
