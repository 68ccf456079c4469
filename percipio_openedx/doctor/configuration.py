"""Settings, and each site's configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from percipio_openedx import config
from percipio_openedx.doctor.findings import Finding, doubtful, skipped, well, wrong
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.operations.sites import configurations


def settings() -> Iterator[Finding]:
    """What is set for the LMS as a whole."""
    if config.is_on():
        yield well("switch")
    else:
        yield wrong("switch", "PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent", "Set it to True.")
    yield from _readable()
    if config.is_debug():
        yield doubtful(
            "debug", "DEBUG is on: a failing receiver is no longer contained", "Switch DEBUG off on a real site."
        )
    else:
        yield well("debug")
    if config.has_weak_keys():
        yield wrong(
            "encryption key",
            "the key that encrypts client secrets is an example, or short",
            "Set FERNET_KEYS (or SECRET_KEY) to a long random value, then save each Percipio configuration again.",
        )
    else:
        yield well("encryption key")
    if not config.lms_root():
        yield wrong("LMS address", "LMS_ROOT_URL is empty: ids of learners' courses are made of it", "Set it.")


def _readable() -> Iterator[Finding]:
    numbers: tuple[Callable[[], object], ...] = (
        config.observe_after,
        config.pull_rate,
        config.alert_after,
        config.alert_emails,
        config.private_hosts,
        config.retention_days,
        lambda: config.retention_days("PARKED"),
        lambda: config.retention_days("LOG"),
    )
    mistakes = []
    for read in numbers:
        try:
            read()
        except PercipioConfigurationError as error:
            mistakes.append(error)
    for mistake in mistakes:
        yield wrong("settings", str(mistake), f"Correct {mistake.setting}.")
    if not mistakes:
        yield well("settings")
        if not config.alert_emails():
            yield doubtful("alerts", "nobody is told by mail", "Set PERCIPIO_ALERT_EMAILS to a list of addresses.")


def sites() -> Iterator[Finding]:
    """The configuration in force, or the mistake in it, site by site."""
    found = configurations()
    for site_id, one in found.items():
        name = f"configuration of site {site_id}"
        if isinstance(one, PercipioConfigurationError):
            yield wrong(name, str(one), f"Correct {one.setting}, in the settings or in the site's configuration.")
        elif one is None:
            yield skipped(name, "none, or switched off: this site's courses are not reported")
        else:
            yield well(name, f"api={one.api} partner={one.partner} organization={one.organization or '-'}")
    if config.is_on() and not any(found.values()):
        yield wrong(
            "sites",
            "no site reports anything",
            "Set PERCIPIO_PARTNER_NAME, PERCIPIO_CLIENT_ID and PERCIPIO_CLIENT_SECRET, or use the admin.",
        )
