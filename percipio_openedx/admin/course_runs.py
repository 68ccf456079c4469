"""The list of the LMS's course runs, where operators offer them to Percipio's catalog and withdraw them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import config, edx_platform
from percipio_openedx.admin.base import OperatorAdmin, demand, may
from percipio_openedx.admin.catalog_entries import item_page
from percipio_openedx.catalog.compare import in_catalog
from percipio_openedx.catalog.items import RunInCatalog, Standing, is_over, record, standing_for_all
from percipio_openedx.config import CatalogRules
from percipio_openedx.data import CourseRun
from percipio_openedx.enums import Offer, Offering
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.catalog import OverrideBook
from percipio_openedx.operations import course_overrides, labels, sites
from percipio_openedx.operations.labels import Text

PER_PAGE = 100
CHANGE = ("add_courseoverride", "change_courseoverride")


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A course run of the list; ``rules`` are its site's, None if that is switched off or wrong."""

    site_id: int
    site: str
    rules: CatalogRules | None
    entry: RunInCatalog

    @property
    def run(self) -> CourseRun:
        return self.entry.run

    @property
    def page(self) -> str:
        """Return the address of its item's page."""
        return item_page(self.site_id, self.entry.content_id)

    @property
    def gaps(self) -> list[str]:
        """Return what keeps an offered run out of Percipio's catalog."""
        if not self.entry.is_offered or self.rules is None:
            return []
        return [labels.of(labels.GAPS, gap) for gap in record(self.entry, self.rules.policy, self.rules.root).gaps]


OFFERS: Mapping[str, tuple[Text, Callable[[ListedRun], bool]]] = {
    "offered": (_("offered"), lambda one: one.entry.is_offered),
    "not": (_("not offered"), lambda one: not one.entry.is_offered),
    "withdrawn": (_("withdrawn"), lambda one: one.entry.offer == Offer.WITHDRAWN),
}
WHEN: Mapping[str, tuple[Text, Callable[[CourseRun, datetime], bool]]] = {
    "open": (_("can be joined now"), lambda run, now: standing_for_all(run, now) is Standing.OPEN),
    "later": (_("opens later"), lambda run, now: standing_for_all(run, now) is Standing.UPCOMING),
    "running": (
        _("has begun and is not over"),
        lambda run, now: (run.start is None or run.start <= now) and not is_over(run, now),
    ),
    "over": (_("is over"), is_over),
}
ACTS: Mapping[str, tuple[Text, Offer]] = {
    "offer": (_("Offer"), Offer.OFFERED),
    "withdraw": (_("Withdraw"), Offer.WITHDRAWN),
    "unset": (_("As the site's rule says"), Offer.UNSET),
}


def course_runs(model_admin: OperatorAdmin, request: HttpRequest) -> HttpResponse:
    """Show the course runs that the LMS knows, filtered, and offer or withdraw those that are chosen."""
    try:
        every = _listed()
    except PlatformUnavailable as error:
        problem = gettext("The LMS cannot tell: %(error)s.") % {"error": error}
        return model_admin.page(request, "course_runs.html", gettext("Courses for Percipio"), problem=problem)
    found = _matching(every, request.GET)
    if request.method == "POST":
        return _decide(model_admin, request, found)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    names = {one.site_id: one.site for one in every}
    return model_admin.page(
        request,
        "course_runs.html",
        gettext("Courses for Percipio"),
        page_of=page,
        count=len(found),
        orgs=sorted({one.run.org for one in every}),
        names=names if len(names) > 1 else {},
        offers=[(value, title) for value, (title, _test) in OFFERS.items()],
        when=[(value, title) for value, (title, _test) in WHEN.items()],
        acts=[(value, title) for value, (title, _offer) in ACTS.items()] if may(request, *CHANGE) else [],
    )


def _listed() -> list[ListedRun]:
    by_org, default = edx_platform.sites_by_org(), config.default_site_id()
    of_site: dict[int, list[CourseRun]] = {}
    for run in edx_platform.course_runs():
        of_site.setdefault(by_org.get(run.org, default), []).append(run)
    book, names, found = OverrideBook(), sites.names(of_site), []
    for site_id, runs in of_site.items():
        rules = _rules(site_id)
        # Without one nothing is offered, and the content id is not known.
        entries = (
            (RunInCatalog(run, "", decided.offer if (decided := book.of(run.key)) else "") for run in runs)
            if rules is None
            else in_catalog(rules, runs, book)
        )
        found += [ListedRun(site_id, names[site_id], rules, entry) for entry in entries]
    return sorted(found, key=lambda one: one.run.key)


def _rules(site_id: int) -> CatalogRules | None:
    try:
        return config.catalog_for(site_id)
    except PercipioConfigurationError:
        # The overview and the doctor name the mistake.
        return None


def _matching(every: Iterable[ListedRun], asked: Mapping[str, str]) -> list[ListedRun]:
    words, now = asked.get("q", "").casefold().split(), timezone.now()
    org, site, offer, when = (asked.get(name, "") for name in ("org", "site", "offer", "when"))
    return [
        one
        for one in every
        if org in ("", one.run.org)
        and site in ("", str(one.site_id))
        and (offer not in OFFERS or OFFERS[offer][1](one))
        and (when not in WHEN or WHEN[when][1](one.run, now))
        and all(word in f"{one.run.key} {one.run.name}".casefold() for word in words)
    ]


def _decide(model_admin: OperatorAdmin, request: HttpRequest, found: list[ListedRun]) -> HttpResponse:
    demand(request, *CHANGE)
    act = request.POST.get("act", "")
    chosen = set(request.POST.getlist("run"))
    runs = [one for one in found if "all" in request.POST or one.run.key in chosen]
    if act in ACTS and runs:
        decision = ACTS[act][1]
        changed = course_overrides.offer([one.run.key for one in runs], decision)
        model_admin.log_each(
            request, changed, gettext("In the catalog: %(decision)s.") % {"decision": labels.OFFERS[decision]}
        )
        text = ngettext("%(count)s course run was changed.", "%(count)s course runs were changed.", len(changed))
        messages.success(request, text % {"count": len(changed)})
        if any(one.rules and one.rules.policy.offering is Offering.NONE for one in runs):
            messages.warning(request, gettext("Their site has no catalog yet; set PERCIPIO_CATALOG."))
    elif not runs:
        messages.warning(request, gettext("Nothing is chosen."))
    return redirect(request.get_full_path())
