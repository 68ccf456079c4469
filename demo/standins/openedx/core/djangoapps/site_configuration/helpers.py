"""Values of the current request's site: outside a request only the defaults, and request-cached."""

from __future__ import annotations

from typing import Any

from openedx.core.djangoapps.theming.helpers import get_current_site
from openedx.core.lib.cache_utils import request_cached

from .models import SiteConfiguration


@request_cached("site_config")
def get_current_site_configuration() -> SiteConfiguration | None:
    """The configuration of the request's site; the first answer stays for the whole request."""
    site = get_current_site()
    return SiteConfiguration.objects.filter(site=site).first() if site else None


def get_value(val_name: str, default: Any = None, **kwargs: Any) -> Any:
    """The current site's value; a dict is laid over a dict default."""
    configuration = get_current_site_configuration()
    value = configuration.get_value(val_name, default) if configuration and configuration.enabled else default
    if isinstance(default, dict) and isinstance(value, dict):
        return {**default, **value}
    return value


def get_dict(name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    """The current site's dict."""
    return dict(get_value(name, default or {}) or {})


def get_value_for_org(org: str, val_name: str, default: Any = None) -> Any:
    """The value of the site that claims the organization; needs no request."""
    if not SiteConfiguration.has_org(org):
        return default
    return SiteConfiguration.get_value_for_org(org, val_name, default)


def get_current_site_orgs() -> list[str] | None:
    """The organizations of the current site."""
    orgs = get_value("course_org_filter")
    return [orgs] if isinstance(orgs, str) else orgs


def get_all_orgs() -> set[str]:
    """All organizations that an enabled site claims."""
    return SiteConfiguration.get_all_orgs()
