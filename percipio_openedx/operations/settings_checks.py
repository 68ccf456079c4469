"""What may be wrong with the settings: for the doctor, and for ``manage.py check``, which has no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _

from percipio_openedx import config, encryption
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.operations.findings import Finding, doubtful, skipped, well, wrong

# Settings that stand by themselves, read as whoever needs them reads them, and the id of a mistake.
ALONE: tuple[tuple[Callable[[], object], str], ...] = (
    (lambda: config.observe_after(), "percipio.W002"),
    (lambda: config.pull_rate(), "percipio.W003"),
    (lambda: config.private_hosts(), "percipio.W004"),
    (lambda: config.parallel_runs(), "percipio.W009"),
    (lambda: config.alert_emails(), "percipio.W010"),
    (lambda: config.alert_after(), "percipio.W011"),
    (lambda: config.retention_days(), "percipio.W012"),
    (lambda: config.retention_days("PARKED"), "percipio.W013"),
    (lambda: config.retention_days("LOG"), "percipio.W014"),
    (lambda: config.keep_event_routing(), "percipio.W016"),
)


def mistakes_alone() -> Iterator[tuple[PercipioConfigurationError, str]]:
    """Yield what is wrong with the settings that stand by themselves, each with the id of its message."""
    for read, message_id in ALONE:
        try:
            read()
        except PercipioConfigurationError as error:
            yield error, message_id


def unknown_words() -> Iterator[tuple[str, str]]:
    """Yield a sentence about each ``PERCIPIO_*`` setting that nothing reads, and what to do."""
    for name, nearest in config.unknown_settings().items():
        words = _("%(setting)s is no setting of this plugin, so nothing reads it.") % {"setting": name}
        if nearest:
            yield words, _("Did you mean %(setting)s?") % {"setting": nearest}
        else:
            yield words, _("Remove it, or see the list of settings in the documentation.")


def tracked_words() -> tuple[str, str] | None:
    """Return a sentence and what to do where the LMS logs the parameters of the plugin's pages; else None."""
    addresses = config.tracked_addresses()
    if not addresses:
        return None
    words = _(
        "The LMS writes the parameters of requests to %(addresses)s into its tracking log: what operators and pull "
        "clients ask for, learners' addresses among it."
    )
    fix = _("Add %(patterns)s to TRACKING_IGNORE_URL_PATTERNS, in the LMS's YAML or wherever it is set last.")
    patterns = ", ".join(f"^{address}" for address in addresses)
    return words % {"addresses": ", ".join(addresses)}, fix % {"patterns": patterns}


def settings() -> Iterator[Finding]:
    """Yield what is set for the LMS as a whole."""
    if config.is_on():
        yield well(_("switch"))
    else:
        # On purpose, so nothing is wrong.
        yield skipped(_("switch"), _("PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent"))
    yield from _readable()
    if config.is_debug():
        seen = _("DEBUG is on: a failing receiver is no longer contained")
        yield doubtful("debug", seen, _("Switch DEBUG off on a real site."))
    else:
        yield well("debug")
    yield from _keys()
    yield from _tracking()
    if not config.lms_root():
        seen = _("LMS_ROOT_URL is empty: ids of learners' courses are made of it")
        yield wrong(_("LMS address"), seen, _("Set it."))


def _readable() -> Iterator[Finding]:
    mistakes = [error for error, _id in mistakes_alone()]
    for mistake in mistakes:
        yield wrong(_("settings"), mistake.words, _("Correct %(setting)s.") % {"setting": mistake.setting})
    unknown = list(unknown_words())
    for words, fix in unknown:
        yield doubtful(_("settings"), words, fix)
    if not mistakes and not unknown:
        yield well(_("settings"))
    if not any(mistake.setting == "PERCIPIO_ALERT_EMAILS" for mistake in mistakes) and not config.alert_emails():
        fix = _("Set PERCIPIO_ALERT_EMAILS to a list of addresses.")
        yield doubtful(_("alerts"), _("nobody is told by mail"), fix)


def _keys() -> Iterator[Finding]:
    """The keys that encrypt client secrets and tokens."""
    name = _("encryption key")
    mistake = encryption.problem()
    if mistake is not None:
        yield wrong(name, mistake.words, _("Draw one with: %(command)s") % {"command": "openssl rand -base64 32"})
    elif encryption.has_weak_older_keys():
        seen = _("one of the older keys is an example, or short")
        yield doubtful(name, seen, _("Save each configuration again, then take that key out."))
    else:
        yield well(name)


def _tracking() -> Iterator[Finding]:
    """The LMS's own log of requests and their parameters."""
    tracked = tracked_words()
    if tracked is None:
        yield well(_("tracking log"), _("holds nothing that operators and pull clients ask for"))
    else:
        yield wrong(_("tracking log"), *tracked)
