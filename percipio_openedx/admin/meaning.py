"""What a configuration means: whom it reports, what it changes, how to report what was before, whether it connects."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.contrib.sites.models import Site
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext

from percipio_openedx import config
from percipio_openedx.admin.base import OperatorAdmin
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.account import AccountColumns


def meaning(former: AccountColumns | None, row: AccountColumns) -> dict[str, Any]:
    """Return whom the site reports now and with the new version, and what would be due otherwise."""
    # Imported here so that the LMS starts without them.
    from percipio_openedx.operations import effect, reach, reach_sentences, sites

    site_id, all_courses = row.site_id, cache(reach.courses_by_site)
    before, after = (sites.in_force([site_id], *sites.rows_with(one))[site_id] for one in (former, row))
    changed: list[str] = []
    with suppress(PlatformUnavailable):
        old, new = (one if isinstance(one, config.Configuration) else None for one in (before, after))
        changed = reach_sentences.of_effect(effect.compare(old, new, all_courses))
    return {
        "now": reach_sentences.whom(before, all_courses),
        "then": reach_sentences.whom(after, all_courses),
        "changed": changed,
    }


def backfill_offer(site: Site, *, is_here: bool) -> str:
    """Return how to report what happened before in this site's courses: in the admin (``is_here``), or by a command."""
    # Those who were observed before are compared again by the sweep, without being asked for.
    offer = (
        gettext("Learners who were observed before are reported by this within a day, all others by a back-fill:")
        if config.sweeps()
        else gettext("What happened before is reported once each learner does something again, or by a back-fill:")
    )
    if is_here:
        address = f"{reverse('admin:percipio_openedx_backfillrun_add')}?{urlencode({'site_id': site.pk})}"
        return format_html('{} <a href="{}">{}</a>', offer, address, gettext("Start a back-fill of this site"))
    command = f"./manage.py lms percipio_backfill --site {site.domain}"
    return format_html("{} <code>{}</code> ({})", offer, command, gettext("--dry-run tells what it would report"))


def tested(
    model_admin: OperatorAdmin, request: HttpRequest, site: Site, name: str, configuration: config.Configuration
) -> dict[str, Any]:
    """Check the connection outside a transaction, so that none is open during network waits; log the result."""
    # Imported here so that the LMS starts without them.
    from percipio_openedx.operations import connection_check, doctor

    tried = connection_check.examine(configuration)
    steps = [*doctor.site(site.pk), *tried]
    message = "; ".join(f"{step.name}: {step.verdict}" for step in steps)
    with transaction.atomic():
        model_admin.log(request, str(site.pk), name, message)
    return {"steps": steps, "tried": tried, "is_well": connection_check.is_well(tried)}
