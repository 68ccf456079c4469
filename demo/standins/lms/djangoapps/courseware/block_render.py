"""What a block's script asks of the server: seen content, and answers. These requests have no transaction."""

from __future__ import annotations

import json
from typing import Any

from common.djangoapps.track.event_transaction_utils import begin_event_transaction
from completion.models import BlockCompletion
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotFound, JsonResponse
from django.views.decorators.http import require_POST
from eventtracking import tracker
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey, UsageKey
from xmodule.modulestore.django import modulestore

from lms.djangoapps.courseware.models import StudentModule
from lms.djangoapps.grades.signals.signals import (
    PROBLEM_RAW_SCORE_CHANGED,
    PROBLEM_WEIGHTED_SCORE_CHANGED,
    SCORE_PUBLISHED,
)

PROBLEM_SUBMITTED = "edx.grades.problem.submitted"
PROBLEM_CHECK = "problem_check"


@transaction.non_atomic_requests
@require_POST
def handle_xblock_callback(
    request: HttpRequest, course_id: str, usage_id: str, handler: str, suffix: str = ""
) -> HttpResponse:
    """`publish_completion` for content, `xmodule_handler/problem_check` for an answer (`correct=1` or not)."""
    if not request.user.is_authenticated:
        return HttpResponseForbidden()
    try:
        course_key, usage_key = CourseKey.from_string(course_id), UsageKey.from_string(usage_id)
    except InvalidKeyError:
        return HttpResponseNotFound()
    block = find_block(course_key, usage_key)
    if block is None:
        return HttpResponseNotFound()
    user = User.objects.get(pk=request.user.pk)
    module = {"display_name": block.display_name, "usage_key": str(usage_key)}
    with tracker.get_tracker().context("edx.module", {"module": module}):
        if handler == "publish_completion":
            BlockCompletion.objects.submit_completion(user, usage_key, _completion(request))
            return JsonResponse({"result": "ok"})
        if (handler, suffix) == ("xmodule_handler", "problem_check"):
            correct = request.POST.get("correct") == "1"
            submit_answer(user, course_key, usage_key, correct)
            return JsonResponse({"success": "correct" if correct else "incorrect"})
    return HttpResponseNotFound()


def _completion(request: HttpRequest) -> float:
    """The share that the block's script reports, 1.0 where it says nothing."""
    body = json.loads(request.body or b"{}") if request.content_type == "application/json" else request.POST
    return float(body.get("completion", 1.0))


def find_block(course_key: CourseKey, usage_key: UsageKey) -> Any:
    """The block of the course, or None."""
    course = modulestore().get_course(course_key)
    if course is None:
        return None
    return next((block for block in course.walk() if block.usage_key == usage_key), None)


def submit_answer(user: User, course_key: CourseKey, usage_key: UsageKey, correct: bool) -> None:
    """Keep the answer and announce the score; the grade follows in a worker."""
    earned = 1.0 if correct else 0.0
    row, _created = StudentModule.objects.update_or_create(
        student=user,
        module_state_key=usage_key,
        course_id=course_key,
        defaults={"module_type": "problem", "grade": earned, "max_grade": 1.0, "state": "{}"},
    )
    transaction_id = begin_event_transaction(PROBLEM_SUBMITTED)
    tracker.emit(
        PROBLEM_SUBMITTED,
        {
            "user_id": str(user.id),
            "course_id": str(course_key),
            "problem_id": str(usage_key),
            "event_transaction_id": str(transaction_id),
            "event_transaction_type": PROBLEM_SUBMITTED,
            "weighted_earned": earned,
            "weighted_possible": 1.0,
        },
    )
    # The completion app hears of the score too, and completes the block.
    _announce_score(row, user, earned)
    tracker.emit(
        PROBLEM_CHECK,
        {
            "problem_id": str(usage_key),
            "grade": int(earned),
            "max_grade": 1,
            "success": "correct" if correct else "incorrect",
            "attempts": 1,
        },
    )


def _announce_score(row: StudentModule, user: User, earned: float) -> None:
    common = {
        "user_id": user.id,
        "course_id": str(row.course_id),
        "usage_id": str(row.module_state_key),
        "only_if_higher": None,
        "modified": row.modified,
        "score_db_table": "csm",
        "score_deleted": None,
        "grader_response": None,
    }
    PROBLEM_WEIGHTED_SCORE_CHANGED.send(sender=None, weighted_earned=earned, weighted_possible=1.0, **common)
    PROBLEM_RAW_SCORE_CHANGED.send(sender=None, raw_earned=int(earned), raw_possible=1, weight=1.0, **common)
    SCORE_PUBLISHED.send(
        sender=None,
        block=row,
        user=user,
        raw_earned=int(earned),
        raw_possible=1,
        only_if_higher=None,
        score_deleted=None,
        grader_response=None,
    )
