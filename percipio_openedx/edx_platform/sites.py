"""Which site an organization's courses belong to, and which one answers at a host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from django.db.models import Q

from percipio_openedx.edx_platform.door import platform

# An address of IPv6 stands in brackets.
_HOST = re.compile(r"(?P<name>\[[^\[\]]+\]|[^:\[\]]+)(?::[0-9]*)?")


def site_id_of_org(org: str) -> int | None:
    """The site whose enabled configuration lists ``org`` in ``course_org_filter``; the lowest id where several do.

    The members are compared here and not by the platform's text search, which misses organisations with letters
    outside ASCII, depending on who wrote the row.
    """
    return next((site_id for site_id, named in _claims() if org in named), None)


def sites_of_orgs() -> set[int]:
    """Return the sites to which any organization belongs. One whose organizations are all a lower site's is none."""
    found: dict[str, int] = {}
    for site_id, named in _claims():
        for org in named:
            found.setdefault(org, site_id)
    return set(found.values())


def _claims() -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each enabled site configuration's site, in order, and the organizations that it names."""
    with platform("site_configuration.models.SiteConfiguration"):
        from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

        rows = SiteConfiguration.objects.filter(enabled=True).order_by("site_id")
        found = list(rows.values_list("site_id", "site_values"))
    for site_id, values in found:
        named = values.get("course_org_filter") if isinstance(values, Mapping) else None
        named = named if isinstance(named, list | tuple) else (named,)
        yield int(site_id), tuple(org for org in named if isinstance(org, str) and org)


@platform("sites.models.Site")
def site_id_of_host(host: str) -> int | None:
    """The site of a ``Host`` header, whatever port stands there or in the site's domain; None where there is none.

    The platform's own look-up (edx-django-sites-extensions) compares the whole header, so that behind a port it takes
    every host for the default site.

    Arguments:
        host: a name or an address, with or without a port.
    """
    # The CMS imports this module, and need not have the app.
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
    # Two sites at two ports of one name, and neither of them is meant for sure.
    return int(found.popitem()[1]) if len(found) == 1 else None
