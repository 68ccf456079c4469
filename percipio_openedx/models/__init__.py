"""The rows: hints, what was told, what is sent, and who may send it where."""

from __future__ import annotations

from percipio_openedx.models.alert import Alert
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.models.backfill import BackfillRun
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.models.course_override import CourseOverride
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.erasure import ErasureRequest
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.ledger import StatementLedger
from percipio_openedx.models.notice import Notice
from percipio_openedx.models.observation_failure import ObservationFailure
from percipio_openedx.models.pull import PullAudit, PullClient
from percipio_openedx.models.statement import Statement
from percipio_openedx.models.topic import TopicTerm

__all__ = [
    "Alert",
    "BackfillRun",
    "CourseOverride",
    "DeliveryAttempt",
    "Destination",
    "ErasureRequest",
    "LearnerCourse",
    "Notice",
    "ObservationFailure",
    "PercipioConfiguration",
    "PullAudit",
    "PullClient",
    "Statement",
    "StatementLedger",
    "TopicTerm",
]
