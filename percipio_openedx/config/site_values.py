"""A site's own name and address, from its ``SiteConfiguration``, else from the settings of the LMS.

Foreign values: any JSON, typed by an operator. One that cannot stand in a statement is not used; the doctor says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from percipio_openedx import edx_platform
from percipio_openedx.config import addresses
from percipio_openedx.config.installation import lms_root, platform_name

LONGEST_NAME = 200
LONGEST_ROOT = 255


class SiteValues(NamedTuple):
    """The ``context.platform`` and the root address of a site's statements, and the keys whose values are not used."""

    platform: str
    lms_root: str
    unusable: tuple[str, ...] = ()


def site_values_of(given: Any) -> SiteValues:
    """Check what a ``SiteConfiguration`` holds (None without one). A key that is missing, null or empty is no mistake.

    The keys are those of the platform's ``get_value_for_org`` and ``get_value`` (``site_configuration/models.py``).
    """
    found = given if isinstance(given, Mapping) else {}
    unusable = []
    named, root = _name(found.get("PLATFORM_NAME")), _root(found.get("LMS_ROOT_URL"))
    if named is None:
        unusable.append("PLATFORM_NAME")
    if root is None:
        unusable.append("LMS_ROOT_URL")
    return SiteValues(named or platform_name(), root or lms_root(), tuple(unusable))


def site_root(site_id: int) -> str:
    """Return a site's own root address, without a trailing slash; raises ``PlatformUnavailable``."""
    return site_values_of(edx_platform.site_values([site_id]).get(site_id)).lms_root


def site_platform(site_id: int) -> str:
    """Return a site's own name; raises ``PlatformUnavailable``."""
    return site_values_of(edx_platform.site_values([site_id]).get(site_id)).platform


def _name(given: Any) -> str | None:
    """Return the name, ``''`` if there is none, None if it is unusable."""
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > LONGEST_NAME:
        return None
    name = given.strip()
    return name if name.isprintable() else None


def _root(given: Any) -> str | None:
    """Return the address without trailing slashes, ``''`` if there is none, None if it is unusable.

    The platform itself runs on plain http in development. Ids and links are made of it, so it is one address in one
    form: no user name, no query, no fragment.
    """
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > LONGEST_ROOT:
        return None
    root = given.strip().rstrip("/")
    if set(root) & set("?#@"):
        return None
    if root:
        try:
            addresses.read_url(root)
        except addresses.NoUrl:
            return None
    return root
