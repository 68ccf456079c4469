"""The statements: fast search, read only, and operators' actions, each of them logged."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import filters, search
from percipio_openedx.admin.base import ReadOnlyAdmin, badge, bounded_count, count_text, permitted
from percipio_openedx.admin.filters import SiteFilter
from percipio_openedx.capture import wake
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import CAN_BE_DISCARDED, OPEN_STATES, State, Statement, StatementQuerySet
from percipio_openedx.operations import labels

Rows = QuerySet[Statement]
Act = Callable[[StatementQuerySet], int]

OF_WHAT = ("milestone", "learner", "course", "where", "happened_at", "stored_at", "uuid", "registration")
DELIVERY = ("state_badge", "due_at", "attempts", "status", "answer", "settled_at", "voided_by")

BATCH = 500
# Most statements whose own history names an action; beyond that one entry gives their number.
MAX_NAMED = 1000


@admin.register(Statement)
class StatementAdmin(ReadOnlyAdmin):
    """One row per statement reported or to be reported."""

    list_display = (
        "stored_at",
        "state_and_answer",
        "milestone",
        "learner",
        "course_and_where",
    )
    list_display_links = ("stored_at",)
    list_filter = (SiteFilter, *filters.FILTERS)
    search_fields = ("uuid",)
    search_help_text = _(
        "A learner (user id, or the beginning of a username, email or name), a course key, both of them, or the id "
        "of a statement or registration. Lists end after the newest 10,000; of a course with more than 2,000 "
        "statements, a state shows what is among the newest 10,000 in that state."
    )
    actions = ("requeue", "discard", "move", "export")
    has_requeue_permission = permitted("requeue_statement")
    has_discard_permission = permitted("discard_statement")
    has_move_permission = permitted("move_statement")
    has_export_permission = permitted("export_statement")
    fieldsets = (
        (None, {"fields": OF_WHAT}),
        (_("Delivery"), {"fields": DELIVERY}),
        (_("As it is sent"), {"fields": ("statement_json", "track_json")}),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """Omit the bodies, which no list shows, and joins, which would break the key order."""
        learner = LearnerCourse.objects.filter(pk=OuterRef(OuterRef("learner_course_id"))).values("user_id")
        username = get_user_model().objects.filter(pk__in=learner).values("username")[:1]
        rows: Rows = super().get_queryset(request)
        return (
            rows.defer("body", "track")
            .prefetch_related("learner_course", "destination")
            .annotate(username=Subquery(username))
        )

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        """See ``search``; finds no duplicates. Logs that people were searched for."""
        query = search.parse(search_term)
        if query.learner:
            self.log_search(request)
        rows = search.statements(queryset, query)
        # An action on everything a filter finds must cover all of it.
        return (rows if request.method == "POST" else filters.narrowed(rows, request.GET, query)), False

    @admin.display(description=_("Learner"))
    def learner(self, row: Any) -> str:
        found = row.learner_course
        address = reverse("admin:percipio_openedx_timeline", args=[found.user_id, found.course_key])
        return format_html('<a href="{}">{}</a>', address, row.username or gettext("user %s") % found.user_id)

    @admin.display(description=_("Milestone"))
    def milestone(self, row: Statement) -> str:
        return labels.of_milestone(row.kind, row.value)

    @admin.display(description=_("State"))
    def state_badge(self, row: Statement) -> str:
        if row.awaits_item and row.state == State.WAITING:
            return badge(row.state, gettext("waiting for its course"))
        return badge(row.state, labels.of(labels.STATES, row.state))

    @admin.display(description=_("State"))
    def state_and_answer(self, row: Statement) -> str:
        """Return the state with Percipio's answer below, so that the list fits a laptop."""
        text = row.answer[:80] + ("…" if len(row.answer) > 80 else "")
        said = " ".join(filter(None, (str(row.status or ""), text.removeprefix(f"{row.status}: "))))
        return format_html('{}<br><bdi class="percipio-quietly">{}</bdi>', self.state_badge(row), said)

    @admin.display(description=_("Course"))
    def course_and_where(self, row: Any) -> str:
        """Return the course with the destination below."""
        return format_html('{}<br><span class="percipio-quietly">{}</span>', self.course(row), self.where(row))

    @admin.display(description=_("Statement"))
    def statement_json(self, row: Statement) -> str:
        return pretty_json(row.body)

    @admin.display(description=_("Track record"))
    def track_json(self, row: Statement) -> str:
        return pretty_json(row.track) if row.track else gettext("none: the Track API has no form for this milestone")

    @admin.action(description=_("Requeue"), permissions=["requeue"])
    def requeue(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        """Requeue settled statements under the same id: Percipio does not count them twice."""
        note = gettext(
            "They keep their ids, so what Percipio has already is not counted twice. What it refused is rebuilt "
            "from what the LMS says now; what it may have stays as it is."
        )
        if page := self._ask(request, queryset, gettext("Requeue statements"), note):
            return page
        from percipio_openedx.operations.requeue import end_holds

        def requeue(rows: StatementQuerySet) -> int:
            end_holds(rows)
            return rows.requeue(timezone.now())

        settled = Statement.objects.exclude(state__in=OPEN_STATES)
        done = self._do(request, queryset, settled, requeue, _("Requeued by an operator."))
        wake.on_commit()
        text = ngettext("%(count)s statement is requeued.", "%(count)s statements are requeued.", done)
        self.say(request, text, done)
        return None

    @admin.action(description=_("Discard"), permissions=["discard"])
    def discard(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        """Discard what waits or is parked. It can be requeued later."""
        note = gettext(
            "Those that wait or are parked will not be sent any more. They stay here and can be sent again later."
        )
        if page := self._ask(request, queryset, gettext("Discard statements"), note):
            return page
        unsent = Statement.objects.filter(state__in=CAN_BE_DISCARDED)
        done = self._do(request, queryset, unsent, discard, _("Discarded by an operator."))
        text = ngettext("%(count)s statement is discarded.", "%(count)s statements are discarded.", done)
        self.say(request, text, done)
        return None

    @admin.action(description=_("Move to the learner's account"), permissions=["move"])
    def move(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        """Have what nobody can have received built anew for the accounts that its learners belong to now."""
        note = gettext(
            "Those that wait, are parked or discarded are built anew for the account that their learner belongs to "
            "now, as it names people. What Percipio, or a pull client, may have is never moved."
        )
        if page := self._ask(request, queryset, gettext("Move statements"), note):
            return page
        from percipio_openedx.operations import requeue

        movable, message = Statement.objects.can_move(), _("Moved to the learner's account by an operator.")
        done = self._do(request, queryset, movable, requeue.move, message)
        wake.on_commit()
        text = ngettext("%(count)s statement is moved.", "%(count)s statements are moved.", done)
        self.say(request, text, done)
        return None

    @admin.action(description=_("Export as JSON lines"), permissions=["export"])
    def export(self, request: HttpRequest, queryset: Rows) -> Any:
        """Return the statements as JSON lines, byte for byte as sent, oldest first."""
        count = bounded_count(queryset)
        text = ngettext(
            "Exported %(count)s statement as JSON lines.", "Exported %(count)s statements as JSON lines.", count
        )
        self.log(request, None, gettext("statements"), text % {"count": count_text(count)})
        name = f"percipio-statements-{timezone.now():%Y%m%dT%H%M%SZ}.jsonl"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        lines = (
            # JSON strings contain no raw line breaks; outside strings they mean nothing.
            bytes(body).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
            for pks in batches(queryset)
            for body in Statement.objects.filter(pk__in=pks).order_by("pk").values_list("body", flat=True)
        )
        return StreamingHttpResponse(lines, content_type="application/x-ndjson", headers=headers)

    def _ask(self, request: HttpRequest, rows: Rows, title: str, note: str) -> HttpResponse | None:
        counts = ((labels.of(labels.STATES, state), bounded_count(rows.filter(state=state))) for state in State)
        return self.ask(request, title, note, counts)

    def _do(self, request: HttpRequest, rows: Rows, can: Rows, act: Act, message: Any) -> int:
        """Apply an action to the rows that allow it, in batches; log each, and return their number."""
        done = 0
        for pks in batches(rows):
            chosen = list(can.filter(pk__in=pks).defer("body", "track"))
            if done < MAX_NAMED:
                self.log_each(request, chosen[: MAX_NAMED - done], str(message))
            done += act(Statement.objects.filter(pk__in=[row.pk for row in chosen]))
        if done > MAX_NAMED:
            self.log(request, None, gettext("%s statements") % done, str(message))
        return done


def batches(rows: Rows) -> Iterator[list[int]]:
    """Yield the keys in batches, oldest first, so that memory stays bounded."""
    last = 0
    while pks := list(rows.order_by("pk").filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
        yield pks
        last = pks[-1]


def discard(rows: StatementQuerySet) -> int:
    """Discard these. Percipio's last answer stays readable beside the decision."""
    by_answer: dict[str, list[int]] = {}
    for pk, answer in rows.values_list("pk", "answer"):
        by_answer.setdefault(answer, []).append(pk)
    now = timezone.now()
    return sum(
        rows.filter(pk__in=pks).discard(now, f"discarded by an operator; before that: {answer or '-'}")
        for answer, pks in by_answer.items()
    )


def pretty_json(body: Any) -> str:
    """Return frozen JSON pretty-printed and escaped."""
    text = bytes(body).decode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return format_html('<pre class="percipio-json" dir="ltr" tabindex="0">{}</pre>', text)
