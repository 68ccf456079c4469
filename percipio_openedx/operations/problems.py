"""What can be wrong with a running installation, as typed values: what, how bad, a sentence, and what to do.

``diagnosis`` finds them. Alerts tell of every error; the overview, the doctor and the metrics show warnings as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from percipio_openedx.enums import Pause, ProblemCode, Severity

# The subject of what no worker takes up.
NOTICES = "notices"

TITLES: Mapping[str, str | Promise] = {
    ProblemCode.MISCONFIGURED: gettext_lazy("the configuration has a mistake"),
    ProblemCode.NO_COURSES: gettext_lazy("no course can belong to the site"),
    ProblemCode.UNCONFIGURED: gettext_lazy("nothing is configured"),
    ProblemCode.LATE: gettext_lazy("something waits for too long"),
    ProblemCode.PAUSED: gettext_lazy("nothing is sent"),
    ProblemCode.BROKEN: gettext_lazy("a step of the worker breaks"),
    ProblemCode.FAILING: gettext_lazy("Percipio cannot be reached"),
    ProblemCode.UNREADABLE: gettext_lazy("a course cannot be read"),
    ProblemCode.PARKED: gettext_lazy("statements are refused"),
    ProblemCode.UNOBSERVED: gettext_lazy("learners cannot be observed"),
    ProblemCode.NOT_REBUILT: gettext_lazy("statements cannot be built anew"),
    ProblemCode.CLOCK: gettext_lazy("a clock is wrong"),
    ProblemCode.CHARACTERS: gettext_lazy("tables cannot hold every character"),
    ProblemCode.ERASURES: gettext_lazy("erasures wait for a request to Skillsoft"),
}

# Why a destination is paused, each with what can be done about it.
PAUSES: Mapping[str, str | Promise] = {
    Pause.UNAUTHORIZED: gettext_lazy(
        "Percipio refuses the credentials. Test the connection and correct the configuration."
    ),
    Pause.NOT_FOUND: gettext_lazy(
        "Percipio does not know the address. Check the partner, the organization and the region."
    ),
    Pause.REFUSED: gettext_lazy(
        "Percipio refuses every statement. Its answer says why; test the connection and remove the cause."
    ),
    Pause.OWN_CREDENTIALS: gettext_lazy(
        "The site's own credentials were deleted. What was made with them is not sent with those of the settings: give "
        "them again in the site's configuration, or give the statements up."
    ),
    Pause.CONFIGURATION: gettext_lazy("The configuration has a mistake. Open it and correct it."),
    Pause.PRIVATE_ADDRESS: gettext_lazy(
        "Percipio's host stands at an address inside your network. Test the connection."
    ),
    Pause.NOT_CONFIGURED: gettext_lazy("The site is switched off, or has no configuration."),
}

# The steps of a pass, as ``run.Step`` names them.
STEPS: Mapping[str, str | Promise] = {
    "observing": gettext_lazy("observing"),
    "rebuilding": gettext_lazy("building statements anew"),
    "delivering": gettext_lazy("delivering"),
    "alerting": gettext_lazy("alerting"),
}

# What a wrong clock stored, as ``status`` counts it.
TIMES: Mapping[str, str | Promise] = {
    "statements": gettext_lazy("statements"),
    "destinations": gettext_lazy("destinations"),
    "notices": gettext_lazy("notices"),
    "learners in courses": gettext_lazy("learners in courses"),
    "times of storing": gettext_lazy("times of storing"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong now. Nothing personal and nothing secret.

    ``subject`` names it in a row (``destination:3``), ``where`` for people; ``site_id`` is the site that it concerns,
    None where it concerns all of them.
    """

    code: ProblemCode
    severity: Severity
    subject: str
    sentence: str
    fix: str
    where: str = ""
    site_id: int | None = None


def subject_of(destination_id: int) -> str:
    """Return how a destination is named in a row."""
    return f"destination:{destination_id}"


def at(moment: datetime) -> str:
    """Return a time for a sentence, in the one zone that every server knows."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def run_a_worker() -> str:
    """Return what to do where no worker seems to run."""
    return _("Run percipio_run, and see that a worker of the LMS (or percipio_run --loop) is always running.")


def broken_step(step: str, sentence: str) -> Problem:
    """Return that a step of a pass breaks, in the words of whoever saw it (``what_broke``)."""
    fix = _("Its log says more. The other steps are done.")
    return Problem(ProblemCode.BROKEN, Severity.ERROR, step, sentence, fix)


def what_broke(step: str, reason: str) -> str:
    """Return the sentence about a step that broke, in the language in force."""
    return _("A step of the worker breaks, %(step)s: %(reason)s.") % {"step": STEPS.get(step, step), "reason": reason}
