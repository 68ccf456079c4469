"""Step 2, between ``capture`` and ``statements``: turn due notices into milestones and stored statements.

``due`` takes up the notices by course run, ``observe`` compares observed and reported state (``facts``) and builds what
is new, ``store`` stores it. ``rebuild`` rebuilds what Percipio refused or was never sent.
"""

from __future__ import annotations

from percipio_openedx.reporting.due import ReportSummary, report_due
from percipio_openedx.reporting.findings import ObservationCounts
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.rebuild import RebuildSummary, rebuild_due

__all__ = ["ObservationCounts", "RebuildSummary", "ReportSummary", "observe", "rebuild_due", "report_due"]
