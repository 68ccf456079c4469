"""The button that asks for one's certificate."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.views.decorators.http import require_POST
from opaque_keys.edx.keys import CourseKey

from lms.djangoapps.certificates.generation_handler import generate_certificate_task


@transaction.non_atomic_requests
@require_POST
def generate_user_cert(request: HttpRequest, course_id: str) -> HttpResponse:
    """Queue the learner's certificate; 400 where none is due."""
    if not request.user.is_authenticated:
        return HttpResponseBadRequest("You must be signed in")
    learner = User.objects.get(pk=request.user.pk)
    if not generate_certificate_task(learner, CourseKey.from_string(course_id), "self"):
        return HttpResponseBadRequest("Your certificate will be available when you pass the course.")
    return HttpResponse()
