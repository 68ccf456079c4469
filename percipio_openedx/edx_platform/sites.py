"""Which site an organisation's courses belong to."""

from __future__ import annotations

from collections.abc import Mapping

from percipio_openedx.edx_platform.door import platform


def site_id_of_org(org: str) -> int | None:
    """The site whose enabled configuration lists ``org`` in ``course_org_filter``; the lowest id where several do.

    The members are compared here and not by the platform's text search, which misses organisations with letters
    outside ASCII, depending on who wrote the row.
    """
    with platform("site_configuration.models.SiteConfiguration"):
        from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

        rows = SiteConfiguration.objects.filter(enabled=True).order_by("site_id").values_list("site_id", "site_values")
        for site_id, values in rows:
            named = values.get("course_org_filter") if isinstance(values, Mapping) else None
            if named == org or (isinstance(named, list | tuple) and org in named):
                return int(site_id)
    return None
