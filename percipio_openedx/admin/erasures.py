"""What Skillsoft has to be asked to erase: pseudonyms, since whoever has the LMS's user ids can tell whose they are."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import audit
from percipio_openedx.admin.access import TICK_OFF, ReadOnlyAdmin, permitted
from percipio_openedx.admin.paging import badge, choice_filter
from percipio_openedx.enums import Api
from percipio_openedx.models.erasure import ErasureRequest
from percipio_openedx.operations import erasures

Rows = QuerySet[ErasureRequest]


@admin.register(ErasureRequest)
class ErasureRequestAdmin(ReadOnlyAdmin):
    """One row for each learner who was erased here after something had been sent."""

    list_display = ("id", "state_badge", "erased_at", "site", "organization", "api", "statements", "done_at")
    list_filter = (
        choice_filter(
            _("state"),
            "state",
            {
                "open": (_("to be asked for"), Q(done_at__isnull=True)),
                "done": (_("done"), Q(done_at__isnull=False)),
            },
        ),
    )
    fields = (*list_display[1:-1], "registration_list", "note", "done_at")
    ordering = ("-id",)
    sortable_by = ()
    actions = ("tick_off",)

    @admin.display(description=_("State"))
    def state_badge(self, row: ErasureRequest) -> str:
        """Return open or done, in its color."""
        return badge("well", gettext("done")) if row.done_at else badge("warning", gettext("to be asked for"))

    @admin.display(description=_("Registrations (context.registration)"))
    def registration_list(self, row: ErasureRequest) -> str:
        """What Skillsoft needs, one a line. Pseudonyms."""
        return format_html('<pre class="percipio-json" dir="ltr">{}</pre>', row.registrations)

    @admin.display(description=_("Note"))
    def note(self, row: ErasureRequest) -> str:
        """What the registrations do not cover."""
        if row.api != Api.TRACK:
            return ""
        return gettext(
            "Some may have gone by the Track API, which carries no registration: name the learner’s id to Skillsoft, "
            "from the LMS’s own retirement status, before the LMS cleans it up."
        )

    has_tick_off_permission = permitted(TICK_OFF)

    @admin.action(description=_("Tick off: Skillsoft has erased it"), permissions=["tick_off"])
    def tick_off(self, request: HttpRequest, queryset: Rows) -> None:
        """As ``percipio_erasures --done`` does; what was ticked off before stays as it was."""
        rows = erasures.tick_off(queryset.values_list("pk", flat=True), timezone.now())
        audit.noted_for_each(request, rows, gettext("Ticked off by an operator."))
        text = ngettext("%(count)s erasure is ticked off.", "%(count)s erasures are ticked off.", len(rows))
        self.message_user(request, text % {"count": len(rows)}, messages.SUCCESS)
