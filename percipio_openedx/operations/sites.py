"""The sites that report, and what is wrong with those that should."""

from __future__ import annotations

from django.contrib.sites.models import Site

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.models.destination import Destination


def site_ids() -> list[int]:
    """Every site that is configured, has reported anything, or takes the settings (the default one)."""
    ids = set(PercipioConfiguration.objects.values_list("site_id", flat=True).order_by().distinct())
    ids |= set(Destination.objects.values_list("site_id", flat=True).order_by().distinct())
    return sorted(ids | {config.default_site_id()})


def configurations() -> dict[int, Configuration | PercipioConfigurationError | None]:
    """By site: its configuration, the mistake in it, or None where it reports nothing."""
    found: dict[int, Configuration | PercipioConfigurationError | None] = {}
    for site_id in site_ids():
        try:
            found[site_id] = config.for_site(site_id)
        except PercipioConfigurationError as error:
            found[site_id] = error
    return found


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
    """The site of an id or a domain, with any port or none; None where there is none."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text) if Site.objects.filter(pk=int(text)).exists() else None
    return edx_platform.site_id_of_host(text)
