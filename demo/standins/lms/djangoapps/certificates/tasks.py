"""Certificates in a worker."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery_utils.persist_on_failure import LoggedPersistOnFailureTask
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey

from lms.djangoapps.certificates.generation import generate_course_certificate


@shared_task(base=LoggedPersistOnFailureTask, bind=True, default_retry_delay=30, max_retries=2)
def generate_certificate(self: Any, **kwargs: Any) -> None:
    """Make one learner's certificate."""
    generate_course_certificate(
        user=User.objects.get(id=kwargs["student"]),
        course_key=CourseKey.from_string(kwargs["course_key"]),
        status=kwargs["status"],
        enrollment_mode=kwargs["enrollment_mode"],
        course_grade=kwargs["course_grade"],
        generation_mode=kwargs["generation_mode"],
    )
