"""Rows to deliver, made by the test."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

from percipio_openedx.delivery.attribution import Row
from percipio_openedx.delivery.claim import Claims
from percipio_openedx.delivery.dispatcher import Delivered, deliver_due
from percipio_openedx.enums import Kind
from percipio_openedx.models import Destination, LearnerCourse, Statement
from percipio_sandbox import Sandbox

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET = "canary-secret-6f1f2f1c0e"
NAMES = UUID("0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a10")


def destination_of(organization: str = "", site_id: int = 1) -> Destination:
    """The destination of a site and an organization, made at need."""
    return Destination.objects.get_or_create(site_id=site_id, organization=organization)[0]


def body_of(uuid: UUID, number: int, *, valid: bool = True) -> bytes:
    """A small statement that the sandbox takes, or refuses for its verb's sake."""
    statement = {
        "id": str(uuid),
        "actor": {"mbox": f"mailto:learner{number}@example.com", "name": "Canary Learner"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/initialized" if valid else "no iri", "display": {"en-US": "x"}},
        "object": {"id": f"https://lms.example.com/courses/{number}"},
        "timestamp": "2026-02-01T10:00:00.000Z",
    }
    return json.dumps(statement).encode()


def track_of(number: int, status: str = "started", progress: int = 0) -> bytes:
    """A Track record that the sandbox takes."""
    record = {
        "content_id": f"course:Org+C{number}",
        "user": f"learner{number}@example.com",
        "status": status,
        "event_date": "2026-02-01T10:00:00Z",
        "completion_percentage": progress,
    }
    return json.dumps(record).encode()


def add(
    number: int,
    sequence: int = 1,
    *,
    destination: Destination | None = None,
    valid: bool = True,
    due_at: datetime = NOW - timedelta(minutes=1),
    track: bytes | None = None,
    body: bytes | None = None,
) -> Statement:
    """One waiting statement of learner ``number`` in a course."""
    uuid = uuid5(NAMES, f"{number}|{sequence}")
    course, _ = LearnerCourse.objects.get_or_create(
        user_id=number,
        course_key="course-v1:Org+C+R",
        site_id=1,
        defaults={"registration": uuid5(NAMES, f"registration {number}")},
    )
    return Statement.objects.create(
        uuid=uuid,
        learner_course=course,
        sequence=sequence,
        site_id=1,
        kind=Kind.STARTED,
        registration=course.registration,
        verb="http://adlnet.gov/expapi/verbs/initialized",
        actor_key="a",
        course_key=course.course_key,
        topic=UUID(int=1),
        happened_at=NOW,
        stored_at=NOW + timedelta(microseconds=number * 100 + sequence),
        body=body_of(uuid, number, valid=valid) if body is None else body,
        track=track,
        destination=destination or destination_of(),
        due_at=due_at,
    )


def states() -> dict[int, str]:
    """The state of every row, by learner."""
    rows = Statement.objects.order_by("learner_course__user_id", "sequence")
    return dict(rows.values_list("learner_course__user_id", "state"))


def received(sandbox: Sandbox) -> list[str]:
    """The ids that the sandbox holds, in the order of their arrival."""
    return [statement["id"] for statement in sandbox.statements]


def drain(now: datetime = NOW, *, rounds: int = 60) -> list[Delivered]:
    """Call ``deliver_due`` each time at the moment that it asked for, until it asks for none."""
    done: list[Delivered] = []
    at: datetime | None = now
    while at is not None and len(done) < rounds:
        done.append(deliver_due(at))
        at = done[-1].next_due
    return done


def claim(destination: Destination, most: int, lease: UUID | None = None) -> tuple[Row, ...]:
    """What a worker gets that has just come."""
    return Claims(destination.pk, lease or uuid4(), 20.0).claim(NOW, most)
