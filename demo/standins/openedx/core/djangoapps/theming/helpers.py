"""The site of the current request, where there is one."""

from __future__ import annotations

import crum
from django.contrib.sites.models import Site


def get_current_site() -> Site | None:
    """The request's site; None outside a request, so in every worker."""
    request = crum.get_current_request()
    return getattr(request, "site", None) if request else None
