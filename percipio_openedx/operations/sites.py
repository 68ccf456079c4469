"""The sites that report, and what is wrong with those that should."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.sites.models import Site
from django.utils.translation import gettext as _

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import StatementLedger

# A site's configuration, the mistake in it, or None where it reports nothing.
InForce = Configuration | PercipioConfigurationError | None


def site_ids() -> list[int]:
    """Return every site that is configured, has reported anything, or takes the settings (the default one)."""
    ids = set(PercipioConfiguration.objects.values_list("site_id", flat=True).order_by().distinct())
    ids |= set(Destination.objects.values_list("site_id", flat=True).order_by().distinct())
    ids |= set(StatementLedger.objects.values_list("pk", flat=True))
    return sorted(ids | {config.default_site_id()})


def configurations() -> dict[int, InForce]:
    """Return, by site, what is in force there. A number of queries that does not grow with the sites."""
    return in_force(site_ids(), newest_rows())


def newest_rows() -> dict[int, PercipioConfiguration]:
    """Return the newest row of each site that has one."""
    return {row.site_id: row for row in PercipioConfiguration.objects.current_set()}


def in_force(ids: Iterable[int], rows: dict[int, PercipioConfiguration]) -> dict[int, InForce]:
    """Return, by site, what is in force there, given the newest rows."""
    found: dict[int, InForce] = {}
    for site_id in ids:
        try:
            found[site_id] = config.in_force(site_id, rows.get(site_id))
        except PercipioConfigurationError as error:
            found[site_id] = error
    return found


def names(ids: Iterable[int]) -> dict[int, str]:
    """Return each site's domain; its number where the LMS has no such site (any more)."""
    wanted = set(ids)
    domains = dict(Site.objects.filter(pk__in=wanted).values_list("pk", "domain"))
    return {pk: domains.get(pk) or _("site %(id)s") % {"id": pk} for pk in sorted(wanted)}


def site_name(site_id: int) -> str:
    """Return one site's domain, as ``names``."""
    return names([site_id])[site_id]


def without_courses() -> set[int]:
    """Return the sites that have a configuration of their own, switched on, and to which no course can belong.

    A course belongs to the site whose site configuration names its organization, else to ``SITE_ID``. A configuration
    of any other site is read by nobody, whatever is right in it.

    Raises:
        PlatformUnavailable: the LMS could not be asked.
    """
    newest = PercipioConfiguration.objects.current_set().values_list("site_id", "enabled")
    configured = {site_id for site_id, is_enabled in newest if is_enabled}
    return configured - {config.default_site_id()} - edx_platform.sites_of_orgs()


def site_named(text: str) -> int | None:
    """Return the site of an id or a domain, with any port or none; None where there is none."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text) if Site.objects.filter(pk=int(text)).exists() else None
    return edx_platform.site_id_of_host(text)
