"""The rows: notices, the reported state, statements, and where and by whom they are sent or pulled."""

from percipio_openedx.models.catalog import CatalogEntry, CourseOverride
from percipio_openedx.models.configuration import Account, PercipioConfiguration
from percipio_openedx.models.destination import DeliveryAttempt, Destination, PullAudit, PullClient
from percipio_openedx.models.learner_course import LearnerCourse, Notice, ObservationFailure
from percipio_openedx.models.operations import Alert, BackfillRun, ErasureRequest, ProgressDifference, Sweep
from percipio_openedx.models.statement import Statement, StatementLedger, TopicTerm
from percipio_openedx.models.unknown_learner import UnknownLearner
