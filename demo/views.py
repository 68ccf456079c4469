"""The class page: a few learners with buttons, beside the live page of the sandbox that hears of them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from demo.learning import classroom, destinations
from demo.learning.classroom import Act, Seat

# By act: what its button says, and what is said when it is done.
WORDS = {
    Act.UNIT: ("Finish a unit", "finished a unit"),
    Act.PASS: ("Pass", "passed"),
    Act.CERTIFICATE: ("Get a certificate", "got a certificate"),
}


# As the requests of learners that these acts stand for.
@transaction.non_atomic_requests
@require_http_methods(["GET", "POST"])
def class_page(request: HttpRequest) -> HttpResponse:
    """Show the learners, or let one of them do something: `seat` and `act` of the form. 400 for what cannot be."""
    seats = {str(seat.number): seat for seat in classroom.seats()}
    if request.method == "POST":
        seat, act = seats.get(request.POST.get("seat", "")), request.POST.get("act", "")
        if seat is None or act not in WORDS or seat.obstacle(Act(act)):
            return HttpResponseBadRequest("Nobody can do that now.")
        seat.perform(Act(act))
        messages.success(request, f"{seat.user.profile.name} {WORDS[Act(act)][1]}. Watch it arrive, in a few seconds.")
        return redirect(f"{reverse('class')}?region={seat.region}")
    sandboxes = _sandboxes()
    shown = request.GET.get("region", "")
    context = {
        "rows": [_row(seat) for seat in seats.values()],
        "sandboxes": sandboxes,
        "shown": shown if shown in sandboxes else next(iter(sandboxes), ""),
        "languages": settings.LANGUAGES,
        "overview": reverse("admin:percipio_openedx_overview"),
    }
    return render(request, "class.html", {**context, "sandbox": sandboxes.get(context["shown"])})


def _sandboxes() -> dict[str, str]:
    """Address by region; none where the demo reports to somebody else."""
    if not settings.DEMO_OTHER_REGION_URL:
        return {}
    return {
        destinations.REGION: settings.PERCIPIO_API_URL,
        destinations.OTHER_REGION: settings.DEMO_OTHER_REGION_URL,
    }


def _row(seat: Seat) -> dict[str, Any]:
    return {
        "seat": seat,
        "units": len(seat.course.units()),
        "buttons": [(act, words, seat.obstacle(act)) for act, (words, _done) in WORDS.items()],
        "timeline": reverse("admin:percipio_openedx_timeline", args=[seat.user.pk, str(seat.course.id)]),
    }
