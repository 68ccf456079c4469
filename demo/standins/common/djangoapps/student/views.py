"""The dashboard's enrolment form."""

from __future__ import annotations

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseForbidden
from django.views.decorators.http import require_POST
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from xmodule.modulestore.django import modulestore

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment
from common.djangoapps.student.signals import REFUND_ORDER


@transaction.non_atomic_requests
@require_POST
def change_enrollment(request: HttpRequest) -> HttpResponse:
    """Enrol or unenrol the learner who is logged in; the view opens the one transaction itself.

    The body of a 200 is where the learner is to go next, or empty. Raises TransactionManagementError inside a
    transaction other than a test's own.
    """
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise transaction.TransactionManagementError("Cannot be inside an atomic block.")
    if not request.user.is_authenticated:
        return HttpResponseForbidden()
    try:
        course_key = CourseKey.from_string(request.POST.get("course_id", ""))
    except InvalidKeyError:
        return HttpResponseBadRequest("Invalid course id")
    with transaction.atomic():
        action = request.POST.get("enrollment_action")
        if action == "enroll":
            return _enroll(request, course_key)
        if action == "unenroll":
            return _unenroll(request, course_key)
    return HttpResponseBadRequest("Enrollment action is invalid")


def _enroll(request: HttpRequest, course_key: CourseKey) -> HttpResponse:
    if modulestore().get_course(course_key) is None:
        return HttpResponseBadRequest("Course id is invalid")
    modes = CourseMode.modes_for_course_dict(course_key)
    if CourseMode.can_auto_enroll(course_key):
        try:
            mode = CourseMode.auto_enroll_mode(course_key, modes)
            CourseEnrollment.enroll(request.user, course_key, check_access=True, mode=mode)
        except Exception:  # noqa: BLE001 - the platform's view swallows everything too
            return HttpResponseBadRequest("Could not enroll")
    if CourseMode.has_verified_mode(modes) or CourseMode.has_professional_mode(modes):
        return HttpResponse(f"/course_modes/choose/{course_key}/")
    return HttpResponse()


def _unenroll(request: HttpRequest, course_key: CourseKey) -> HttpResponse:
    enrollment = CourseEnrollment.objects.filter(user=request.user, course_id=course_key).first()
    if enrollment is None:
        return HttpResponseBadRequest("You are not enrolled in this course")
    CourseEnrollment.unenroll(request.user, course_key)
    # The row that was read before: it still says active.
    REFUND_ORDER.send(sender=None, course_enrollment=enrollment)
    return HttpResponse()
