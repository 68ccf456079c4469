"""The page that tests a site's connection: asked for by GET, tried by POST."""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from percipio_openedx import config
from percipio_openedx.admin import audit
from percipio_openedx.admin.access import TEST, ModelAdmin, demand
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.operations import connection_check, doctor


def test_connection(model_admin: ModelAdmin, request: HttpRequest, site_id: int) -> HttpResponse:
    """Show what would be tested; on POST, test it and show each of the doctor's checks of this site, with what to do.

    Raises:
        PermissionDenied: without the permission to test connections.
        Http404: there is no such site.
    """
    demand(request, TEST)
    site = get_object_or_404(Site, pk=site_id)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Connection of %(site)s to Percipio") % {"site": site.domain},
        "opts": PercipioConfiguration._meta,
        "site": site,
        "configuration": None,
    }
    try:
        context["row"] = row = PercipioConfiguration.newest(site_id)
        context["configuration"] = configuration = config.build(site_id, config.values_of(row))
        context["is_off"] = row is not None and not row.enabled
    except PercipioConfigurationError as error:
        context["problem"] = f"{error.setting} {error.problem}"
    else:
        if request.method == "POST":
            # No transaction stays open while the network is waited for.
            tried = connection_check.examine(configuration)
            steps = [*doctor.site(site_id), *tried]
            context.update(steps=steps, is_well=connection_check.is_well(tried))
            words = [f"{step.name}: {step.verdict}" for step in steps]
            with transaction.atomic():
                audit.noted(request, PercipioConfiguration, str(site_id), site.domain, "; ".join(words))
    return TemplateResponse(request, "admin/percipio_openedx/connection.html", context)
