"""The enrolment API."""

from __future__ import annotations

from typing import Any

from common.djangoapps.student.models import CourseEnrollment, get_potentially_retired_user_by_username
from django.contrib.auth.models import User
from django.db import transaction
from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication
from edx_rest_framework_extensions.auth.session.authentication import SessionAuthenticationAllowInactiveUser
from edx_rest_framework_extensions.permissions import IsSuperuser
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from rest_framework import status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from openedx.core.lib.api.authentication import BearerAuthenticationAllowInactiveUser

AUTHENTICATION = (
    JwtAuthentication,
    BearerAuthenticationAllowInactiveUser,
    SessionAuthenticationAllowInactiveUser,
)


class EnrollmentListView(APIView):
    """Enrol a learner: oneself, or anybody for staff."""

    authentication_classes = AUTHENTICATION
    permission_classes = (IsAuthenticated,)

    def post(self, request: Request) -> Response:
        """Body: `course_details.course_id`, and optionally `mode`, `user` (staff only) and `is_active`."""
        try:
            course_key = CourseKey.from_string(str(request.data["course_details"]["course_id"]))
        except (InvalidKeyError, KeyError, TypeError):
            return Response({"message": "No valid course id"}, status=status.HTTP_400_BAD_REQUEST)
        learner = self._learner(request)
        if learner is None:
            return Response({"message": "No such user"}, status=status.HTTP_404_NOT_FOUND)
        if request.data.get("is_active") is False:
            CourseEnrollment.unenroll(learner, course_key)
            return Response({"user": learner.username, "is_active": False})
        enrollment = CourseEnrollment.enroll(learner, course_key, mode=request.data.get("mode"))
        return Response(_serialized(enrollment))

    @staticmethod
    def _learner(request: Request) -> User | None:
        username = request.data.get("user") or request.user.username
        if username == request.user.username:
            return User.objects.get(pk=request.user.pk)
        return User.objects.filter(username=username).first() if request.user.is_staff else None


class UnenrollmentView(APIView):
    """End all enrolments of an account that is being retired."""

    authentication_classes = AUTHENTICATION
    permission_classes = (IsAuthenticated, IsSuperuser)

    def post(self, request: Request) -> Response:
        """Body: `username`, the original one."""
        learner = get_potentially_retired_user_by_username(request.data["username"])
        with transaction.atomic():
            enrollments = list(CourseEnrollment.enrollments_for_user(learner))
            for enrollment in enrollments:
                CourseEnrollment.unenroll(learner, enrollment.course_id)
        return Response([str(enrollment.course_id.org) for enrollment in enrollments])


def _serialized(enrollment: CourseEnrollment) -> dict[str, Any]:
    return {
        "created": enrollment.created,
        "mode": enrollment.mode,
        "is_active": enrollment.is_active,
        "user": enrollment.user.username,
        "course_details": {"course_id": str(enrollment.course_id)},
    }
