"""The dashboard's enrolment form."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseForbidden
from django.views.decorators.http import require_POST
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from common.djangoapps.student.models import CourseEnrollment
from common.djangoapps.student.signals import REFUND_ORDER


@transaction.non_atomic_requests
@require_POST
def change_enrollment(request: HttpRequest) -> HttpResponse:
    """Enrol or unenrol the learner who is logged in; the view opens the one transaction itself."""
    if not request.user.is_authenticated:
        return HttpResponseForbidden()
    try:
        course_key = CourseKey.from_string(request.POST.get("course_id", ""))
    except InvalidKeyError:
        return HttpResponseBadRequest("Invalid course id")
    with transaction.atomic():
        action = request.POST.get("enrollment_action")
        if action == "enroll":
            CourseEnrollment.enroll(request.user, course_key, check_access=True)
            return HttpResponse()
        if action == "unenroll":
            return _unenroll(request, course_key)
    return HttpResponseBadRequest("Enrollment action is invalid")


def _unenroll(request: HttpRequest, course_key: CourseKey) -> HttpResponse:
    enrollment = CourseEnrollment.objects.filter(user=request.user, course_id=course_key).first()
    if enrollment is None:
        return HttpResponseBadRequest("You are not enrolled in this course")
    CourseEnrollment.unenroll(request.user, course_key)
    # The row that was read before: it still says active.
    REFUND_ORDER.send(sender=None, course_enrollment=enrollment)
    return HttpResponse()
