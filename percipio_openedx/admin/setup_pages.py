"""The setup: the sites with how far each is, and one site's six steps; thin faces of ``operations.setup_steps``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.contrib.sites.models import Site
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from percipio_openedx import edx_platform, encryption
from percipio_openedx.admin.base import OperatorAdmin, bounded_count, count_text, demand, may
from percipio_openedx.admin.labels import CHOICES, LABELS
from percipio_openedx.admin.meaning import backfill_offer, hash_of, meaning, tested
from percipio_openedx.admin.overview import headline
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.operations import effect, labels, problems, setup_steps, sites, status
from percipio_openedx.operations.labels import Text
from percipio_openedx.operations.setup_steps import ConnectionTest, SiteSetup


def every_site(model_admin: OperatorAdmin, request: HttpRequest) -> HttpResponse:
    """List the sites that are configured or that courses belong to; a single one is shown at once."""
    more: set[int] = set()
    with suppress(PlatformUnavailable):
        more = set(edx_platform.sites_by_org().values())
    snapshot = status.take(timezone.now(), more)
    if len(snapshot.sites) == 1:
        return one_site(model_admin, request, *snapshot.sites)
    found = problems.find(snapshot)
    # What is left of a deleted site is shown in the overview.
    known = sites.known(snapshot.sites)
    rows = [(one, headline(one, found, snapshot)) for pk, one in snapshot.sites.items() if pk in known]
    return model_admin.page(request, "setup_sites.html", _("Set up"), rows=rows)


def one_site(model_admin: OperatorAdmin, request: HttpRequest, site_id: int) -> HttpResponse:
    """Show a site's steps; on POST do the one that ``act`` names: ``test``, ``preview`` or ``switch``."""
    site = get_object_or_404(Site, pk=site_id)
    act = request.POST.get("act", "")
    if act == "switch":
        return _switch_on(model_admin, request, site)
    tests = _tested(model_admin, request, site) if act == "test" else {}
    shown = _previewed(model_admin, request, site_id) if act == "preview" else {}
    setup = setup_steps.examine(site_id, timezone.now(), tests)
    context = {
        "setup": setup,
        "places": [(sites.place_name(site.domain, one.account), one) for one in setup.connections],
        "may_test": may(request, _test_permission(setup.source == "accounts")),
        "may_add": model_admin.has_add_permission(request),
        "what": list(_what(setup.meant)) if isinstance(setup.meant, Configuration) else [],
        "can_preview": isinstance(setup.meant, Configuration),
        "preview": shown,
        "watch": _watch(setup),
    }
    title = _("Set up %(site)s") % {"site": site.domain}
    return model_admin.page(request, "setup.html", title, site=site, **context)


def _test_permission(has_accounts: bool) -> str:
    return "test_account" if has_accounts else "test_percipioconfiguration"


def _tested(model_admin: OperatorAdmin, request: HttpRequest, site: Site) -> dict[str, ConnectionTest]:
    """Test the connection of the site, or of the account that ``account`` names, and remember the result."""
    account = request.POST.get("account", "")
    demand(request, _test_permission(bool(account)))
    for one in setup_steps.connections(site.pk):
        if one.account == account and one.configuration is not None:
            name = sites.place_name(site.domain, account)
            tried = tested(model_admin, request, site, name, one.configuration)["tried"]
            test = ConnectionTest(timezone.now(), tried)
            setup_steps.remember_test(one.configuration, test)
            return {account: test}
    return {}


def _previewed(model_admin: OperatorAdmin, request: HttpRequest, site_id: int) -> dict[str, Any]:
    """Return what would be sent of one learner whom the site means, as the page of the preview shows it."""
    demand(request, "preview_statement")
    meant = setup_steps.meant_for(site_id)
    if not isinstance(meant, Configuration):
        return {}
    try:
        found = effect.example(meant)
    except PlatformUnavailable as error:
        return {"problem": str(error)}
    if found is None:
        return {"problem": _("There is no learner yet of whom anything would be reported.")}
    learners: Any = model_admin.admin_site.get_model_admin(LearnerCourse)
    shown: dict[str, Any] = learners.previewed(request, *found, afresh=True, configuration=meant)
    if shown.get("statements"):
        setup_steps.remember_preview(meant)
    return {"user_id": found[0], "course_key": found[1], **shown}


def _switch_on(model_admin: OperatorAdmin, request: HttpRequest, site: Site) -> HttpResponse:
    """Say what it means, and on confirmation save the same version once more, switched on."""
    demand(request, "add_percipioconfiguration")
    here = redirect("admin:percipio_openedx_site_setup", site.pk)
    row, meant = PercipioConfiguration.newest(site.pk), setup_steps.meant_for(site.pk)
    if row is None or row.enabled:
        return here
    mistake = meant if isinstance(meant, PercipioConfigurationError) else None
    mistake = mistake or (encryption.problem() if row.client_secret else None)
    if mistake is not None or meant is None:
        text = mistake.message if mistake is not None else _("There are no credentials yet.")
        messages.error(request, text)
        return here
    row.enabled = True
    # What was shown is what is saved.
    version = hash_of(row, row)
    if request.POST.get("confirmed") != version:
        is_tested = all(step.is_done for step in setup_steps.examine(site.pk, timezone.now()).steps[:2])
        context = {"site": site, "version": version, "is_tested": is_tested, "meaning": meaning(None, row)}
        return model_admin.page(
            request, "setup_switch.html", _("Switch on %(site)s") % {"site": site.domain}, **context
        )
    with transaction.atomic():
        # Nobody saves another version of this page's in between, not even the same one twice.
        Site.objects.select_for_update().get(pk=site.pk)
        newest = PercipioConfiguration.newest(site.pk)
        if newest is None or newest.pk != row.pk:
            return here
        model_admin.save_model(request, row, None, False)
        model_admin.log_addition(request, row, _("Switched on in the setup."))
    messages.success(request, _("The site is switched on."))
    messages.info(request, backfill_offer(model_admin, request, site))
    return here


def _what(meant: Configuration) -> Iterator[tuple[Text, str]]:
    """Yield what is reported, and as what, of a site without looking into its accounts."""
    yield (
        LABELS["milestones"],
        labels.listed(labels.KINDS[kind] for kind in labels.KINDS if kind in meant.policy.milestones),
    )
    for name in ("learner_id", "content_id"):
        value = getattr(meant, name)
        yield LABELS[name], str(dict(CHOICES.get(name, ())).get(value, value))
    yield LABELS["send_names"], _("yes") if meant.send_names else _("no")


def _watch(setup: SiteSetup) -> dict[str, Any]:
    """Return what has become of the site's statements, and the newest of them."""
    here = [one for one in setup.status.destinations if not one.row.is_catalog]
    delivered = Statement.objects.filter(destination__in=[one.row.pk for one in here], state=State.DELIVERED)
    counts = [
        (labels.of(labels.STATES, State.WAITING), State.WAITING, str(setup.status.waiting)),
        (labels.of(labels.STATES, State.DELIVERED), State.DELIVERED, count_text(bounded_count(delivered))),
        (labels.of(labels.STATES, State.PARKED), State.PARKED, str(setup.status.parked)),
    ]
    newest = Statement.objects.filter(site_id=setup.status.site_id, voided_by=None).order_by("-stored_at")
    return {"counts": counts, "newest": newest.select_related("learner_course").defer("body", "track").first()}
