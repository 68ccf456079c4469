"""What a version says and means: mistakes, whom it reports, what it changes, and how to report what was before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, cast

from django.contrib.sites.models import Site
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext

from percipio_openedx import config
from percipio_openedx.admin.base import OperatorAdmin
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.configuration import Account, AccountColumns, PercipioConfiguration
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.settings.common import DEFAULTS

REQUIRED = ("partner_name", "client_id", "client_secret")
# Where the secret, or the token it buys, is sent.
SECRET_GOES_TO = ("region", "api_url", "token_url")
# What decides neither who or what is reported, nor where.
IMMATERIAL = ("client_secret", "batch_size", "timeout")


def raw_values(row: AccountColumns) -> dict[str, Any]:
    """Return the raw values in force with a row of a site or of an account, saved or not."""
    if isinstance(row, Account):
        return config.account_values(config.values_of(PercipioConfiguration.newest(row.site_id)), row)
    return config.values_of(cast(PercipioConfiguration, row))


def mistakes(site_id: int, values: Mapping[str, Any], may_lack: Sequence[str] = ()) -> dict[str, str]:
    """Return every mistake in a site's raw values (``config.values_of``): the field and the fix.

    The fields ``may_lack`` may be empty.
    """
    # A valid value for each field, so that ``config.build`` goes on to the next mistake.
    stand_ins = {name: DEFAULTS[f"PERCIPIO_{name.upper()}"] for name in config.FIELDS}
    stand_ins |= dict.fromkeys(REQUIRED, "-") | dict.fromkeys(("api_url", "token_url"), "https://localhost")
    stand_ins["learners"] = "all"
    tried = dict(values)
    unusable = [name for name in may_lack if not tried[name] or not getattr(tried[name], "is_readable", True)]
    tried.update({name: stand_ins[name] for name in unusable})
    found: dict[str, str] = {}
    for _attempt in config.FIELDS:
        try:
            config.build(site_id, tried)
            break
        except PercipioConfigurationError as error:
            name = error.setting.removeprefix("PERCIPIO_").lower()
            found[name] = error.problem
            tried[name] = stand_ins[name]
    return found


def goes_elsewhere(former: AccountColumns, row: AccountColumns) -> bool:
    before, after = raw_values(former), raw_values(row)
    return row.client_id != former.client_id or any(before[name] != after[name] for name in SECRET_GOES_TO)


def changes_reports(former: AccountColumns | None, row: AccountColumns) -> bool:
    """Whether a new version changes what is reported, other than by switching it off, which needs no second thought."""
    return row.enabled and _reports(former) != _reports(row)


def _reports(row: AccountColumns | None) -> dict[str, Any]:
    """Return all raw values of a site or an account that decide what is reported and where, without the secret."""
    # Without a version a site has the settings, and an account nothing.
    raw = config.values_of(None) if row is None else raw_values(row)
    values = {name: value for name, value in raw.items() if name not in IMMATERIAL}
    own = {name: getattr(row, name, "") for name in ("name", "position")}
    return {**values, **own, "enabled": row is None or row.enabled}


def hash_of(former: AccountColumns | None, row: AccountColumns) -> str:
    """Return a hash of what is shown: these values in place of that version, beside the site's accounts."""
    accounts = [one.pk for one in Account.in_order([row.site_id])]
    text = json.dumps([row.site_id, former and former.pk, accounts, _reports(row)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def meaning(former: AccountColumns | None, row: AccountColumns) -> dict[str, Any]:
    """Return whom the site reports now and with the new version, and what would be due otherwise."""
    from percipio_openedx.operations import effect, reach, sites

    site_id, all_courses = row.site_id, cache(reach.courses_by_site)
    before, after = (sites.in_force([site_id], *sites.rows_with(one))[site_id] for one in (former, row))
    changed: list[str] = []
    with suppress(PlatformUnavailable):
        old, new = (one if isinstance(one, config.Configuration) else None for one in (before, after))
        changed = effect.of_effect(effect.compare(old, new, all_courses))
    return {
        "now": reach.whom(before, all_courses),
        "then": reach.whom(after, all_courses),
        "changed": changed,
    }


def backfill_offer(model_admin: OperatorAdmin, request: HttpRequest, site: Site) -> str:
    """Return how to report what happened before in this site's courses: here, if the operator may, or by a command."""
    # Those who were observed before are compared again by the sweep, without being asked for.
    offer = (
        gettext("Learners who were observed before are reported by this within a day, all others by a back-fill:")
        if config.sweeps()
        else gettext("What happened before is reported once each learner does something again, or by a back-fill:")
    )
    if model_admin.admin_site.get_model_admin(BackfillRun).has_add_permission(request):
        address = reverse("admin:percipio_openedx_backfillrun_add", query={"site_id": site.pk})
        return format_html('{} <a href="{}">{}</a>', offer, address, gettext("Start a back-fill of this site"))
    command = f"./manage.py lms percipio_backfill --site {site.domain}"
    return format_html("{} <code>{}</code> ({})", offer, command, gettext("--dry-run tells what it would report"))


def tested(
    model_admin: OperatorAdmin, request: HttpRequest, site: Site, name: str, configuration: config.Configuration
) -> dict[str, Any]:
    """Check the connection outside a transaction, so that none is open during network waits; log the result."""
    from percipio_openedx.operations import connection_check, doctor

    tried = connection_check.examine(configuration)
    steps = [*doctor.site(site.pk), *tried]
    message = "; ".join(f"{step.name}: {step.verdict}" for step in steps)
    with transaction.atomic():
        model_admin.log(request, str(site.pk), name, message)
    return {"steps": steps, "tried": tried, "is_well": connection_check.is_well(tried)}
