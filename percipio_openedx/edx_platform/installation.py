"""What this LMS has: its sites, the signals of its release, and what is switched on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from importlib import import_module
from typing import Any

from django.db import connections, transaction
from django.db.models import Q
from django.dispatch import Signal

from percipio_openedx.edx_platform.door import platform
from percipio_openedx.exceptions import PlatformUnavailable

# An IPv6 address stands in brackets.
_HOST = re.compile(r"(?P<name>\[[^\[\]]+\]|[^:\[\]]+)(?::[0-9]*)?")

missing_signals: list[str] = []


def signal(module: str, name: str) -> Signal:
    """Return a signal of the platform, or an unused one if this release lacks it: the LMS must not stop at its path."""
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        missing_signals.append(f"{module}.{name}")
        return Signal()
    return found  # type: ignore[no-any-return]


def release() -> str:
    """Return the LMS's release line (``verawood``); ``''`` where it does not say."""
    try:
        with platform("openedx.core.release"):
            from openedx.core.release import RELEASE_LINE

            return str(RELEASE_LINE)
    except PlatformUnavailable:
        return ""


def is_completion_on() -> bool:
    """Whether the LMS records which blocks learners complete (a switch of edx-completion, off by default)."""
    with platform("completion.waffle.ENABLE_COMPLETION_TRACKING_SWITCH"):
        from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH

        return bool(ENABLE_COMPLETION_TRACKING_SWITCH.is_enabled())


def has_other_lrs() -> bool:
    """Whether event-routing-backends has a router (for another LRS). In a savepoint, since its table may be missing."""
    with platform("event_routing_backends.models.RouterConfiguration"):
        from event_routing_backends.models import RouterConfiguration

        rows = RouterConfiguration.objects.current_set().filter(enabled=True)
        with transaction.atomic(rows.db) if connections[rows.db].in_atomic_block else nullcontext():
            return bool(rows.exists())


def sites_by_org() -> dict[str, int]:
    """Return the site of each organization that any lists; it belongs to the lowest of them.

    Read in Python, since text search misses letters outside ASCII.
    """
    found: dict[str, int] = {}
    for site_id, values in site_values().items():
        named = values.get("course_org_filter") if isinstance(values, Mapping) else None
        for org in named if isinstance(named, list | tuple) else (named,):
            if isinstance(org, str) and org:
                found.setdefault(org, site_id)
    return found


def site_values(site_ids: Iterable[int] | None = None) -> dict[int, Any]:
    """Return what the enabled ``SiteConfiguration`` of each site (None: of all) holds: foreign, of any JSON type.

    One query. The platform's own ``SiteConfiguration.get_value_for_org`` reads the same row for an organization that a
    site claims; its helpers need a request.
    """
    with platform("site_configuration.models.SiteConfiguration"):
        from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

        rows = SiteConfiguration.objects.filter(enabled=True).order_by("site_id")
        if site_ids is not None:
            rows = rows.filter(site_id__in=list(site_ids))
        return {int(site_id): values for site_id, values in rows.values_list("site_id", "site_values")}


@platform("sites.models.Site")
def site_id_of_host(host: str) -> int | None:
    """Return the site of a ``Host`` header, regardless of the port in it or in the site's domain.

    The platform's look-up (edx-django-sites-extensions) compares the whole header, and takes any host with a port for
    the default site.
    """
    # The CMS imports this module, and may lack the app.
    from django.contrib.sites.models import Site

    parts = _HOST.fullmatch(host.lower())
    if parts is None:
        return None
    name = parts["name"].removesuffix(".")
    domains = Q(domain__iexact=host) | Q(domain__iexact=name) | Q(domain__istartswith=f"{name}:")
    found = {domain.lower(): pk for pk, domain in Site.objects.filter(domains).values_list("pk", "domain")}
    for written in (host.lower(), name):
        if written in found:
            return int(found[written])
    # Two sites at two ports of one name are ambiguous.
    return int(found.popitem()[1]) if len(found) == 1 else None
