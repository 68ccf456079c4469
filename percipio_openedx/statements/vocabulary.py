"""Every IRI and fixed word of the statements, in one place.

Sources: Skillsoft's list of the verbs that Percipio uses, ADL's vocabulary of verbs and activity types, cmi5
section 9.5.5.1 (progress), xAPI 1.0.3 Data 2.3.2 (voiding).
"""

from __future__ import annotations

from typing import Final

from percipio_openedx.enums import Kind

# The header X-Experience-API-Version (Communication 3.3). A statement itself carries no version (Data
# 2.4.10).
XAPI_VERSION: Final = "1.0.3"

# Percipio's limit for one statement, in bytes of JSON as sent ("16 KB" on its tracking page).
STATEMENT_LIMIT: Final = 16 * 1024

ADL_VERBS: Final = "http://adlnet.gov/expapi/verbs/"
VERB_VOIDED: Final = ADL_VERBS + "voided"

VERBS: Final[dict[Kind, str]] = {
    Kind.STARTED: ADL_VERBS + "initialized",
    Kind.PROGRESSED: ADL_VERBS + "progressed",
    Kind.PASSED: ADL_VERBS + "passed",
    Kind.COMPLETED: ADL_VERBS + "completed",
    Kind.RETRACTED: VERB_VOIDED,
}

ACTIVITY_COURSE: Final = "http://adlnet.gov/expapi/activities/course"
EXTENSION_PROGRESS: Final = "https://w3id.org/xapi/cmi5/result/extensions/progress"

# The language of the verbs' words, and of the entry that every language map has.
FALLBACK_LANGUAGE: Final = "en-US"

TRACK_STATUS: Final[dict[Kind, str]] = {
    Kind.STARTED: "started",
    Kind.PROGRESSED: "in_progress",
    Kind.COMPLETED: "completed",
}


def event_name(kind: Kind) -> str:
    """The name of the internal event that a milestone becomes on its way through event-routing-backends."""
    return f"percipio.course.{kind}"
