"""The plugin's values in Tutor's configuration, and the settings of the LMS that they can name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tutorpercipio import __version__


def released() -> str | None:
    """Return the requirement of the package that this plugin was released with, with the hash of its wheel.

    The build of a release writes it beside this module, for the hash is that of a file built from the same commit. A
    checkout has none, and ``None`` lets no name be asked of any index: somebody else could have taken it.
    """
    file = Path(__file__).with_name("released.txt")
    return file.read_text(encoding="utf-8").strip() if file.is_file() else None


# Every value needs a default: a missing one stops Tutor from rendering anything. README.md explains each.
DEFAULTS: dict[str, Any] = {
    "PERCIPIO_VERSION": __version__,
    "PERCIPIO_PACKAGE": released(),
    "PERCIPIO_ENABLED": True,
    "PERCIPIO_REGION": "us",
    "PERCIPIO_PARTNER_NAME": "",
    "PERCIPIO_ORGANIZATION_ID": "",
    "PERCIPIO_CLIENT_ID": "",
    "PERCIPIO_CLIENT_SECRET": "",
    "PERCIPIO_LEARNERS": "",
    "PERCIPIO_ENCRYPTION_KEYS": [],
    "PERCIPIO_SETTINGS": {},
    "PERCIPIO_RUNNER": True,
    "PERCIPIO_KEEP_EVENT_ROUTING": None,
    "PERCIPIO_KUBERNETES_SECRET": "",
}

# Settings of the LMS that have a value of their own here.
OWN = (
    "PERCIPIO_ENABLED",
    "PERCIPIO_REGION",
    "PERCIPIO_PARTNER_NAME",
    "PERCIPIO_ORGANIZATION_ID",
    "PERCIPIO_CLIENT_ID",
    "PERCIPIO_CLIENT_SECRET",
    "PERCIPIO_LEARNERS",
    "PERCIPIO_ENCRYPTION_KEYS",
    "PERCIPIO_KEEP_EVENT_ROUTING",
)

# All others, which go into PERCIPIO_SETTINGS. The package of the LMS is not installed where Tutor is; a test holds this
# list to it.
FURTHER = (
    "PERCIPIO_API_URL",
    "PERCIPIO_TOKEN_URL",
    "PERCIPIO_PRIVATE_HOSTS",
    "PERCIPIO_API",
    "PERCIPIO_SEND_SKIPPED",
    "PERCIPIO_LEARNER_ID",
    "PERCIPIO_LEARNER_HOME_PAGE",
    "PERCIPIO_ORGANIZATION_FROM",
    "PERCIPIO_MODES",
    "PERCIPIO_SEND_NAMES",
    "PERCIPIO_CONTENT_ID",
    "PERCIPIO_CATALOG",
    "PERCIPIO_COURSES",
    "PERCIPIO_CATALOG_TYPE",
    "PERCIPIO_CATALOG_DURATION",
    "PERCIPIO_CATALOG_LANGUAGE",
    "PERCIPIO_CATALOG_PUSH",
    "PERCIPIO_CATALOG_INTERVAL",
    "PERCIPIO_CATALOG_PATIENCE",
    "PERCIPIO_LAUNCH_IDP",
    "PERCIPIO_LAUNCH_ENROLLS",
    "PERCIPIO_STARTED_ON",
    "PERCIPIO_COMPLETED_ON",
    "PERCIPIO_MILESTONES",
    "PERCIPIO_RETAKES",
    "PERCIPIO_UNDONE",
    "PERCIPIO_PROGRESS_STEP",
    "PERCIPIO_LOCKED_UNITS",
    "PERCIPIO_PROGRESS_FROM",
    "PERCIPIO_OBSERVE_AFTER",
    "PERCIPIO_PARALLEL_RUNS",
    "PERCIPIO_SWEEP",
    "PERCIPIO_BATCH_SIZE",
    "PERCIPIO_TIMEOUT",
    "PERCIPIO_UNKNOWN_LEARNER_WORDS",
    "PERCIPIO_PULL_RATE",
    "PERCIPIO_ALERT_EMAILS",
    "PERCIPIO_ALERT_AFTER",
    "PERCIPIO_RETENTION_DAYS",
    "PERCIPIO_RETENTION_PARKED_DAYS",
    "PERCIPIO_RETENTION_LOG_DAYS",
    "PERCIPIO_METRICS_TOKEN",
)
