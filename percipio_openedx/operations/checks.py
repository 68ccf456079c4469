"""Result types for the doctor and the connection check, and the checks of the settings.

``manage.py check`` runs the settings checks before there is a database: nothing here may need one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from django.utils.translation import gettext as _

from percipio_openedx import config, encryption
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable


class CheckVerdict(StrEnum):
    """The verdict: *doubtful* should be reviewed, *wrong* keeps reports from arriving, *skipped* was not tried."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Verdict, finding and fix, never personal or secret.

    ``code`` is the same problem in overview and alerts, ``said`` the part of the finding that Percipio said, redacted.
    """

    verdict: CheckVerdict
    name: str
    seen: str = ""
    fix: str = ""
    code: str = ""
    said: str = ""


well = partial(CheckResult, CheckVerdict.WELL)
doubtful = partial(CheckResult, CheckVerdict.DOUBTFUL)
wrong = partial(CheckResult, CheckVerdict.WRONG)
skipped = partial(CheckResult, CheckVerdict.SKIPPED)


def asked(name: str, found: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Yield the checks of one item, which ask the LMS; where it does not answer, say so by the item's name."""
    try:
        yield from found
    except PlatformUnavailable as error:
        yield doubtful(name, str(error), _("See the LMS functions above."))


# Problems with settings, by their message ids in ``manage.py check``.
WEAK_KEY, UNKNOWN, TRACKED, NO_ADDRESSES = "percipio.W006", "percipio.W007", "percipio.W008", "percipio.W010"

# Settings read individually, with their message ids.
_SETTINGS: dict[str, Callable[[], object]] = {
    "percipio.W002": lambda: config.observe_after(),
    "percipio.W003": lambda: config.pull_rate(),
    "percipio.W004": lambda: config.private_hosts(),
    "percipio.W009": lambda: config.parallel_runs(),
    NO_ADDRESSES: lambda: config.alert_emails(),
    "percipio.W011": lambda: config.alert_after(),
    "percipio.W012": lambda: config.retention_days(),
    "percipio.W013": lambda: config.retention_days("PARKED"),
    "percipio.W014": lambda: config.retention_days("LOG"),
    "percipio.W016": lambda: config.keep_event_routing(),
    "percipio.W017": lambda: config.checked_learner_words(),
}


def setting_problems() -> Iterator[CheckResult]:
    """Yield the problems in LMS-wide settings, each with its message id as ``code``."""
    for name, nearest in config.unknown_settings().items():
        sentence = _("%(setting)s is no setting of this plugin, so nothing reads it.") % {"setting": name}
        fix = _("Did you mean %(setting)s?") % {"setting": nearest} if nearest else ""
        fix = fix or _("Remove it, or see the list of settings in the documentation.")
        yield doubtful(_("settings"), sentence, fix, UNKNOWN)
    for message_id, read in _SETTINGS.items():
        try:
            read()
        except PercipioConfigurationError as error:
            yield mistake(message_id, error)
    if (weak := encryption.problem()) is not None:
        fix = _("Draw one with: %(command)s") % {"command": "openssl rand -base64 32"}
        yield wrong(_("encryption key"), _sentence(weak), fix, WEAK_KEY)
    if addresses := config.tracked_addresses():
        sentence = _(
            "The LMS writes the parameters of requests to %(addresses)s into its tracking log: what operators and pull "
            "clients ask for, learners' addresses among it."
        ) % {"addresses": ", ".join(addresses)}
        fix = _("Add %(patterns)s to TRACKING_IGNORE_URL_PATTERNS, in the LMS's YAML or wherever it is set last.")
        patterns = ", ".join(f"^{address}" for address in addresses)
        yield wrong(_("tracking log"), sentence, fix % {"patterns": patterns}, TRACKED)


def mistake(message_id: str, error: PercipioConfigurationError) -> CheckResult:
    fix = _("Correct %(setting)s.") % {"setting": error.setting}
    return wrong(_("settings"), _sentence(error), fix, message_id)


def _sentence(error: PercipioConfigurationError) -> str:
    return f"{error.setting} {error.problem}"


def settings() -> Iterator[CheckResult]:
    """Yield the doctor's checks of LMS-wide settings."""
    if config.is_on():
        yield well(_("switch"))
    else:
        # Deliberate, so not a problem.
        yield skipped(_("switch"), _("PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent"))
    found = list(setting_problems())
    yield from (replace(one, code="") for one in found)
    ids = {one.code for one in found}
    if ids <= {WEAK_KEY, TRACKED}:
        yield well(_("settings"))
    if NO_ADDRESSES not in ids and not config.alert_emails():
        fix = _("Set PERCIPIO_ALERT_EMAILS to a list of addresses.")
        yield doubtful(_("alerts"), _("nobody is told by mail"), fix)
    if WEAK_KEY not in ids and encryption.has_weak_older_keys():
        seen = _("one of the older keys is an example, or short")
        yield doubtful(_("encryption key"), seen, _("Save each configuration again, then take that key out."))
    elif WEAK_KEY not in ids:
        yield well(_("encryption key"))
    if TRACKED not in ids:
        yield well(_("tracking log"), _("holds nothing that operators and pull clients ask for"))
    if config.is_debug():
        seen = _("DEBUG is on: a failing receiver is no longer contained")
        yield doubtful("debug", seen, _("Switch DEBUG off on a real site."))
    else:
        yield well("debug")
    if not config.lms_root():
        seen = _("LMS_ROOT_URL is empty: ids of learners' courses are made of it")
        yield wrong(_("LMS address"), seen, _("Set it."))
