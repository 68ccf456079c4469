"""The catalog: each item at each destination, why it is not in Percipio, what is sent of it, and sending it at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import config
from percipio_openedx.admin.base import ReadOnlyAdmin, badge, permitted
from percipio_openedx.admin.filters import SiteFilter, choice_filter
from percipio_openedx.capture import wake
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.catalog import CatalogEntry, CatalogEntryQuerySet, EntryState, stored_id
from percipio_openedx.operations import labels, sites

TONES: Mapping[str, str] = {
    EntryState.WAITING: "waiting",
    EntryState.HELD: "warning",
    EntryState.DELIVERED: "delivered",
    EntryState.REFUSED: "parked",
    EntryState.WITHDRAWN: "quiet",
}


@admin.register(CatalogEntry)
class CatalogEntryAdmin(ReadOnlyAdmin):
    """One row per item and destination."""

    list_display = ("item", "state_badge", "what", "where")
    list_display_links = None
    list_filter = (
        SiteFilter,
        choice_filter(_("state"), "state", {one.value: (labels.ENTRIES[one], Q(state=one)) for one in EntryState}),
    )
    list_select_related = ("destination",)
    site_field = "destination__site_id"
    ordering = ("content_id", "id")
    search_fields = ("content_id", "title")
    search_help_text = _("Part of the content id, or of the title.")
    fields = (*list_display, "sent_at", "wanted_since", "due_at", "attempts", "status", "answer")
    change_list_template = "admin/percipio_openedx/catalog.html"
    actions = ("send_now", "tick_off")
    pages = (("item/", "catalog_item", "item_view", "view_catalogentry"),)
    has_send_permission = permitted("send_catalogentry")
    has_tick_off_permission = permitted("tick_off_catalogentry")

    def called(self, row: CatalogEntry) -> str:
        return row.content_id

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find each word in any case: on MariaDB the columns' collation tells it apart."""
        rows = queryset.annotate(folded_id=Lower("content_id"), folded_title=Lower("title"))
        for word in search_term.lower().split():
            rows = rows.filter(Q(folded_id__contains=word) | Q(folded_title__contains=word))
        return rows, False

    @admin.display(description=_("Item"), ordering="content_id")
    def item(self, row: Any) -> str:
        address = item_page(row.destination.site_id, row.content_id)
        link = format_html('<a href="{}"><bdi dir="ltr">{}</bdi></a>', address, row.content_id)
        return format_html('{} <bdi class="percipio-quietly">{}</bdi>', link, row.title)

    @admin.display(description=_("State"))
    def state_badge(self, row: CatalogEntry) -> str:
        return badge(TONES.get(row.state, "quiet"), labels.of(labels.ENTRIES, row.state))

    @admin.display(description=_("Why, and what to do"))
    def what(self, row: CatalogEntry) -> str:
        return format_html("<bdi>{}</bdi>", explained(row))

    @admin.action(description=_("Send now"), permissions=["send"])
    def send_now(self, request: HttpRequest, queryset: CatalogEntryQuerySet) -> None:
        """Send these items with the next pass, refused ones too."""
        chosen = CatalogEntry.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        count, total = chosen.send_now(timezone.now()), len(chosen)
        self.log_each(request, chosen.filter(state=EntryState.WAITING), gettext("To be sent at once, by an operator."))
        wake.on_commit()
        text = ngettext("%(count)s item is sent now.", "%(count)s items are sent now.", count)
        self.say(request, text, count)
        if count < total:
            self.message_user(
                request,
                gettext("What is held back or withdrawn cannot be sent, and what is being sent is sent anyway."),
                messages.WARNING,
            )

    @admin.action(description=_("Tick off: Skillsoft has removed it"), permissions=["tick_off"])
    def tick_off(self, request: HttpRequest, queryset: CatalogEntryQuerySet) -> None:
        """Forget withdrawn items; one that is offered again is sent again."""
        chosen = CatalogEntry.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        rows = chosen.free(timezone.now()).filter(state=EntryState.WITHDRAWN)
        self.log_each(request, rows, gettext("Ticked off by an operator."))
        count, _by_model = rows.delete()
        text = ngettext("%(count)s item is ticked off.", "%(count)s items are ticked off.", count)
        self.say(request, text, count)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say first which catalogs are not sent at all, for they have no rows."""
        from percipio_openedx.operations.course_checks import not_sent

        found = sites.reporting()
        named = [(name, found[site_id]) for site_id, name in sites.names(found).items()]
        context = {"title": gettext("Catalog"), "not_sent": list(not_sent(named))}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def item_view(self, request: HttpRequest) -> HttpResponse:
        """Show the record of one item as it would be sent now, and where it stands."""
        # PostgreSQL takes no NUL.
        content_id, site = request.GET.get("content_id", "").replace("\0", ""), request.GET.get("site", "")
        site_id = int(site) if site.isdecimal() and len(site) < 10 else config.default_site_id()
        entries = self.get_queryset(request).filter(content_id=stored_id(content_id), destination__site_id=site_id)
        entries = entries.select_related("destination")
        return self.page(
            request,
            "catalog_item.html",
            gettext("Item of the catalog"),
            content_id=content_id,
            site_name=sites.site_name(site_id),
            entries=[(self.where(row), self.state_badge(row), self.what(row)) for row in entries],
            **_offered(site_id, content_id),
        )


def item_page(site_id: int, content_id: str) -> str:
    """Return the address of the page that shows an item's record."""
    return reverse("admin:percipio_openedx_catalog_item", query={"site": site_id, "content_id": content_id})


def _offered(site_id: int, content_id: str) -> dict[str, Any]:
    """Return what the LMS says now of an item, or why nothing, as the page's context."""
    from percipio_openedx.catalog.compare import runs_of
    from percipio_openedx.catalog.items import items, record

    try:
        rules = config.catalog_for(site_id)
        every = items(runs_of(rules), timezone.now()) if rules is not None else ()
    except (PercipioConfigurationError, PlatformUnavailable) as error:
        return {"problem": str(error)}
    item = next((one for one in every if stored_id(one.content_id) == stored_id(content_id)), None)
    if item is None or rules is None:
        return {"problem": gettext("This item is not offered.")}
    shown = record(item.runs[0], rules.policy, rules.root)
    return {
        "document": json.dumps(shown.document(), indent=2, ensure_ascii=False),
        "gaps": [labels.of(labels.GAPS, gap) for gap in shown.gaps],
        "runs": [one.run for one in item.runs],
    }


def explained(row: CatalogEntry) -> str:
    """Return why an item stands where it does, and what an operator can do."""
    answer = gettext("Percipio said: %(answer)s.") % {"answer": row.answer} if row.answer else ""
    if row.state == EntryState.WITHDRAWN:
        text = gettext(
            "It is offered no more. Percipio has no way to remove it: ask Skillsoft to remove the content id "
            "%(content_id)s from the organization %(organization)s."
        )
        return text % {"content_id": row.content_id, "organization": row.destination.organization}
    if row.state == EntryState.HELD:
        return gettext("Something mandatory is missing: the page of the item says what.")
    if row.state == EntryState.REFUSED:
        return f"{answer} " + gettext("Correct the course, or its course override; then it is sent by itself.")
    if row.state == EntryState.DELIVERED:
        return gettext("Accepted at %(at)s.") % {"at": _local(row.sent_at)} if row.sent_at else ""
    tried = ngettext("Tried %(count)s time; next at %(at)s.", "Tried %(count)s times; next at %(at)s.", row.attempts)
    parts = [gettext("Percipio holds an earlier version.") if row.sent_at else ""]
    parts += [answer, tried % {"count": row.attempts, "at": _local(row.due_at)}] if row.attempts else []
    return " ".join(filter(None, parts)) or gettext("It is sent with one of the next passes.")


def _local(moment: datetime) -> str:
    """Return a moment for the end of a sentence: its period is also that of ``p.m.``, which is left out here."""
    return formats.date_format(timezone.localtime(moment), "DATETIME_FORMAT").removesuffix(".")
