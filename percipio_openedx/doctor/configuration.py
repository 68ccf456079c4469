"""Settings, and each site's configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _

from percipio_openedx import config
from percipio_openedx.doctor.findings import Finding, doubtful, skipped, well, wrong
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.operations.sites import configurations, without_courses


def settings() -> Iterator[Finding]:
    """What is set for the LMS as a whole."""
    if config.is_on():
        yield well(_("switch"))
    else:
        seen = _("PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent")
        yield wrong(_("switch"), seen, _("Set it to True."))
    yield from _readable()
    if config.is_debug():
        seen = _("DEBUG is on: a failing receiver is no longer contained")
        yield doubtful("debug", seen, _("Switch DEBUG off on a real site."))
    else:
        yield well("debug")
    if config.has_weak_keys():
        yield wrong(
            _("encryption key"),
            _("the key that encrypts client secrets is an example, or short"),
            _("Set FERNET_KEYS (or SECRET_KEY) to a long random value, then save each Percipio configuration again."),
        )
    else:
        yield well(_("encryption key"))
    if not config.lms_root():
        seen = _("LMS_ROOT_URL is empty: ids of learners' courses are made of it")
        yield wrong(_("LMS address"), seen, _("Set it."))


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
        yield wrong(_("settings"), mistake.words, _("Correct %(setting)s.") % {"setting": mistake.setting})
    if not mistakes:
        yield well(_("settings"))
        if not config.alert_emails():
            mend = _("Set PERCIPIO_ALERT_EMAILS to a list of addresses.")
            yield doubtful(_("alerts"), _("nobody is told by mail"), mend)


def _without_courses() -> set[int]:
    try:
        return without_courses()
    except PlatformUnavailable:
        # What the LMS cannot be asked is named by the examination of its functions.
        return set()


def sites() -> Iterator[Finding]:
    """The configuration in force, or the mistake in it, site by site."""
    found, nowhere = configurations(), _without_courses()
    for site_id, one in found.items():
        name = _("configuration of site %(site)s") % {"site": site_id}
        if isinstance(one, PercipioConfigurationError):
            mend = _("Correct %(setting)s, in the settings or in the site's configuration.")
            yield wrong(name, one.words, mend % {"setting": one.setting})
        elif site_id in nowhere:
            seen = _(
                "no course can belong to this site: it is not SITE_ID (%(default)s), and its site configuration names "
                "no organization in course_org_filter that is not another site's"
            )
            mend = _(
                "Configure the site that the courses belong to, or change SITE_ID or course_org_filter. Then run "
                "percipio_backfill: of what happened meanwhile nothing was noticed."
            )
            yield wrong(name, seen % {"default": config.default_site_id()}, mend)
        elif one is None:
            yield skipped(name, _("none, or switched off: this site's courses are not reported"))
        else:
            yield well(name, f"api={one.api} partner={one.partner} organization={one.organization or '-'}")
    if config.is_on() and not any(found.values()):
        yield wrong(
            _("sites"),
            _("no site reports anything"),
            _("Set PERCIPIO_PARTNER_NAME, PERCIPIO_CLIENT_ID and PERCIPIO_CLIENT_SECRET, or use the admin."),
        )
