"""Settings, and each site's configuration."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from percipio_openedx import checks, config, encryption
from percipio_openedx.doctor.findings import Finding, doubtful, skipped, well, wrong
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.operations.sites import configurations, without_courses
from percipio_openedx.secrets import StoredSecret


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
    yield from _keys()
    yield from _tracking()
    if not config.lms_root():
        seen = _("LMS_ROOT_URL is empty: ids of learners' courses are made of it")
        yield wrong(_("LMS address"), seen, _("Set it."))


def _readable() -> Iterator[Finding]:
    mistakes = [error for error, _id in checks.mistakes_alone()]
    for mistake in mistakes:
        yield wrong(_("settings"), mistake.words, _("Correct %(setting)s.") % {"setting": mistake.setting})
    unknown = list(checks.unknown_words())
    for words, mend in unknown:
        yield doubtful(_("settings"), words, mend)
    if not mistakes and not unknown:
        yield well(_("settings"))
    if not any(mistake.setting == "PERCIPIO_ALERT_EMAILS" for mistake in mistakes) and not config.alert_emails():
        mend = _("Set PERCIPIO_ALERT_EMAILS to a list of addresses.")
        yield doubtful(_("alerts"), _("nobody is told by mail"), mend)


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
    tracked = checks.tracked_words()
    if tracked is None:
        yield well(_("tracking log"), _("holds nothing that operators and pull clients ask for"))
    else:
        yield wrong(_("tracking log"), *tracked)


def secrets() -> Iterator[Finding]:
    """Which stored secrets wait for the newest key, or for somebody to type them again."""
    newest = list(PercipioConfiguration.objects.current_set().order_by("site_id"))
    for row in newest:
        name = _("client secret of site %(site)s") % {"site": row.site_id}
        secret = row.client_secret
        if not secret:
            continue
        if not secret.is_readable:
            # Of a site that reports, the configuration is already called wrong for it.
            yield doubtful(name, _("stored, and none of the keys decrypts it"), _("Type it again in the admin."))
        elif isinstance(secret, StoredSecret) and not secret.is_newest:
            seen = _("stored with an older key")
            mend = _("Save the site's configuration again in the admin; only then take the older key out.")
            yield doubtful(name, seen, mend)
        else:
            yield well(name, _("stored with the newest key"))
    kept = PercipioConfiguration.objects.exclude(pk__in=[row.pk for row in newest]).exclude(client_secret=b"")
    left = sorted(set(kept.order_by().values_list("site_id", flat=True)))
    if left:
        name = _("client secrets of earlier versions")
        seen = _("stored still at the sites %(sites)s") % {"sites": ", ".join(map(str, left))}
        yield doubtful(name, seen, _("Save the configuration of each of these sites again."))


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
