"""From a milestone to a frozen statement, beside event-routing-backends' own transform of one event."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, each

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _count(quick: bool) -> int:
    return 500 if quick else 3000


def ours(quick: bool) -> Figures:
    """A completion with score and time on task, another learner each time."""
    from percipio_openedx.data import Course, LearnerIdentity, Milestone
    from percipio_openedx.enums import Kind
    from percipio_openedx.models.learner_course import registration_for
    from percipio_openedx.statements.build import build
    from percipio_openedx.statements.content import StatementContext

    course = Course(world.COURSE, world.ORG, "CS101", "2026", "Cloud Foundations", "What clouds are.", "en")
    done = Milestone(Kind.COMPLETED, world.BEGAN, score=0.8, success=True, seconds=5400)
    root = "https://academy.demo.local"

    def build_one(number: int) -> None:
        build(
            StatementContext(
                milestone=done,
                user_id=number,
                identity=LearnerIdentity(email=f"learner{number}@example.com", name=f"Learner {number}"),
                course=course,
                registration=registration_for(root, number, world.COURSE),
                platform="Demo Academy",
                lms_root=root,
                content_id="course:BenchX+CS101",
                activity_id=f"{root}/percipio/launch/course%3ABenchX%2BCS101",
            ),
            now=NOW,
        )

    return each(build_one, _count(quick))


def _event(number: int) -> dict[str, Any]:
    user = world.FIRST + number
    return {
        "name": "edx.grades.course.grade_calculated",
        "timestamp": world.BEGAN,
        "time": world.BEGAN.isoformat(),
        "event_type": "edx.grades.course.grade_calculated",
        "data": {
            "user_id": user,
            "course_id": world.COURSE,
            "percent_grade": 0.8,
            "letter_grade": "Pass",
            "course_version": "1",
            "grading_policy_hash": "x",
            "course_edited_timestamp": world.BEGAN.isoformat(),
            "event_transaction_id": str(uuid.uuid4()),
            "event_transaction_type": "edx.grades.problem.submitted",
        },
        "context": {"course_id": world.COURSE, "user_id": user, "org_id": world.ORG, "username": f"learner{user}"},
    }


def _peer(quick: bool, spread: int) -> Figures:
    import logging

    from event_routing_backends.processors.xapi.transformer_processor import XApiProcessor

    logging.disable(logging.INFO)
    processor = XApiProcessor()

    def transform(number: int) -> None:
        event = _event(number % spread)
        (statement,) = processor([event])
        json.dumps(statement)

    return each(transform, _count(quick))


def peer_warm(quick: bool) -> Figures:
    """event-routing-backends' processor, always the same learner: nothing is looked up."""
    return _peer(quick, 1)


def peer_cold(quick: bool) -> Figures:
    """The same, another learner each time."""
    return _peer(quick, world.LEARNERS)


def lines(results: Results) -> list[Line]:
    """Ours against both."""
    own, warm, cold = (results[name, MARIADB] for name in ("ours", "peer_warm", "peer_cold"))
    ratio = own["cpu"] / warm["cpu"]
    return [
        Line(
            "milestone to frozen statement",
            f"{own['cpu']:.0f} µs CPU, {ratio:.2f} of ERB's; no query",
            f"ERB {warm['cpu']:.0f} µs (same learner), {cold['cpu']:.0f} µs (another each time)",
            goal="at most 1.5 of ERB's own transform",
            met=ratio <= 1.5,
        )
    ]


ROW = Row("transform", {"ours": Case(ours), "peer_warm": Case(peer_warm), "peer_cold": Case(peer_cold)}, lines)
