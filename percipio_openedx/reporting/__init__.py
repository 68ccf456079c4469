"""Step 2, between ``capture`` and ``statements``: turn due notices into milestones and stored statements.

In this order: ``due`` takes up the notices by course run; ``observe`` leases the learners' rows; ``facts`` reads the
LMS and what was reported; ``findings`` finds each learner's account and name (``identity``); ``progress`` asks for what
is expensive (``course_progress``); ``milestones`` says what is new, by the times in ``moments``; ``statements.build``
makes the statements; ``store`` stores them. What fails on the way is a row (``failures``).

``rebuild`` rebuilds what Percipio refused or was never sent, ``preview`` observes without storing (``unreported`` says
why a milestone is missing), ``retirement`` erases a learner.
"""

from __future__ import annotations

from percipio_openedx.reporting.due import ReportSummary, report_due
from percipio_openedx.reporting.findings import ObservationCounts
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.rebuild import RebuildSummary, rebuild_due

__all__ = ["ObservationCounts", "RebuildSummary", "ReportSummary", "observe", "rebuild_due", "report_due"]
