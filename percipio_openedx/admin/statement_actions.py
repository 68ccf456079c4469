"""What an operator can do with statements: send them again, give them up, take them along; and the names in their list.

Each act is written down. Loaded with the first page that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.contrib.sites.models import Site
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import edx_platform
from percipio_openedx.admin import audit
from percipio_openedx.admin.access import ModelAdmin
from percipio_openedx.admin.paging import MOST, bounded_count
from percipio_openedx.capture import wake
from percipio_openedx.models.statement import CAN_BE_DISCARDED, OPEN_STATES, State, Statement
from percipio_openedx.operations import words

AT_ONCE = 500
# Statements whose own history names the act; of more than these a single entry says how many there were.
NAMED = 1000

Rows = QuerySet[Statement]
Act = Callable[[Sequence[int], datetime], int]


def in_batches(rows: Rows) -> Iterator[list[int]]:
    """The keys, oldest first, a batch at a time, so that memory does not grow with the choice."""
    last = 0
    while pks := list(rows.order_by("pk").filter(pk__gt=last).values_list("pk", flat=True)[:AT_ONCE]):
        yield pks
        last = pks[-1]


def requeue(model_admin: ModelAdmin, request: HttpRequest, rows: Rows) -> HttpResponse | None:
    """Whatever is settled waits once more, under the same id: Percipio does not count it twice."""
    if "confirmed" not in request.POST:
        note = _(
            "They keep their ids, so what Percipio has already is not counted twice. What it refused is built anew "
            "from what the LMS says now; what it may have stays as it is."
        )
        return _asked(model_admin, request, rows, _("Send statements again"), note)

    done = _done(request, rows, _requeue, _("Sent again by an operator."))
    wake.on_commit()
    text = ngettext("%(count)s statement waits to be sent again.", "%(count)s statements wait to be sent again.", done)
    model_admin.message_user(request, text % {"count": done}, messages.SUCCESS)
    return None


def discard(model_admin: ModelAdmin, request: HttpRequest, rows: Rows) -> HttpResponse | None:
    """What waits or is parked is not sent any more. It can be sent again later."""
    if "confirmed" not in request.POST:
        note = _("Those that wait or are parked will not be sent any more. They stay here and can be sent again later.")
        return _asked(model_admin, request, rows, _("Give statements up"), note)
    done = _done(request, rows, _give_up, _("Given up by an operator."))
    text = ngettext("%(count)s statement is given up.", "%(count)s statements are given up.", done)
    model_admin.message_user(request, text % {"count": done}, messages.SUCCESS)
    return None


def export(request: HttpRequest, rows: Rows) -> StreamingHttpResponse:
    """The statements as JSON lines, byte for byte as they are sent, oldest first."""
    count = bounded_count(rows)
    text = _("Exported %(count)s statements as JSON lines.") % {"count": _or_more(count)}
    audit.noted(request, Statement, None, _("statements"), text)
    response = StreamingHttpResponse(_lines(rows), content_type="application/x-ndjson")
    response["Content-Disposition"] = (
        f'attachment; filename="percipio-statements-{timezone.now():%Y%m%dT%H%M%SZ}.jsonl"'
    )
    return response


def _lines(rows: Rows) -> Iterator[bytes]:
    for pks in in_batches(rows):
        bodies = Statement.objects.filter(pk__in=pks).order_by("pk").values_list("body", flat=True)
        # JSON has no line break inside a text; outside, it means nothing.
        yield b"".join(bytes(body).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n" for body in bodies)


def _requeue(pks: Sequence[int], at: datetime) -> int:
    return Statement.objects.filter(pk__in=pks).requeue(at)


def _give_up(pks: Sequence[int], at: datetime) -> int:
    """Percipio's last words stay readable beside the decision."""
    by_answer: dict[str, list[int]] = {}
    for pk, answer in Statement.objects.filter(pk__in=pks).values_list("pk", "answer"):
        by_answer.setdefault(answer, []).append(pk)
    return sum(
        Statement.objects.filter(pk__in=those).discard(at, f"given up by an operator; before that: {answer or '-'}")
        for answer, those in by_answer.items()
    )


def _done(request: HttpRequest, rows: Rows, act: Act, text: str) -> int:
    """Do it batch by batch, and write down whom it was done to."""
    now, done = timezone.now(), 0
    can = Statement.objects.exclude(state__in=OPEN_STATES)
    if act is _give_up:
        can = Statement.objects.filter(state__in=CAN_BE_DISCARDED)
    for pks in in_batches(rows):
        chosen = list(can.filter(pk__in=pks).defer("body", "track"))
        if done < NAMED:
            audit.noted_for_each(request, chosen[: NAMED - done], text)
        done += act([row.pk for row in chosen], now)
    if done > NAMED:
        audit.noted(request, Statement, None, _("%s statements") % done, text)
    return done


def _asked(model_admin: ModelAdmin, request: HttpRequest, rows: Rows, title: str, note: str) -> HttpResponse:
    """Ask first: how many there are, and in which states."""
    states = []
    for state in State:
        count = bounded_count(rows.filter(state=state))
        if count:
            states.append((words.of(words.STATES, state), _or_more(count)))
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "note": note,
        "states": states,
        "opts": Statement._meta,
        "action": request.POST.get("action", ""),
        "select_across": request.POST.get("select_across", "0"),
        "checkbox": ACTION_CHECKBOX_NAME,
        "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
    }
    return TemplateResponse(request, "admin/percipio_openedx/confirm.html", context)


def _or_more(count: int) -> str:
    return _("%s or more") % count if count >= MOST else str(count)


class NamedChangeList(ChangeList):
    """The list, whose rows know the names to show."""

    def get_results(self, request: HttpRequest) -> None:
        """Rows of the paginator, also where Django would take the whole list; their names are looked up all at once."""
        super().get_results(request)
        shown = self.result_list
        if not self.multi_page:
            shown = self.paginator.page(1).object_list
        elif self.show_all and self.can_show_all:
            shown = self.paginator.object_list
        self.result_list = named(list(shown))


def named(rows: list[Statement]) -> list[Statement]:
    """Return these rows with ``username`` and ``site_domain``, where they are known. Two queries."""
    learners = edx_platform.learners({row.learner_course.user_id for row in rows})
    domains = dict(Site.objects.filter(pk__in={row.site_id for row in rows}).values_list("pk", "domain"))
    for row in rows:
        learner = learners.get(row.learner_course.user_id)
        row.username = learner.username if learner else ""  # type: ignore[attr-defined]
        row.site_domain = domains.get(row.site_id, "")  # type: ignore[attr-defined]
    return rows
