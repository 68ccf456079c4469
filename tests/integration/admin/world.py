"""A site's rows as they are after some weeks, with names that try to break out of the page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.utils import timezone

from percipio_openedx.enums import HoldReason, Kind
from percipio_openedx.models import DeliveryAttempt, Destination, LearnerCourse, Notice, Statement, StatementLedger
from percipio_openedx.models.statement import OPEN_STATES, State
from percipio_openedx.statements.vocabulary import VERBS
from tests.integration.builders import KEY, a_course, a_learner, enrolled

# One statement of each. What is to be rebuilt has tests of its own.
STATES = tuple(state for state in State if state is not State.OUTDATED)
HOSTILE = '<script>alert("x")</script>'
OTHER_KEY = "course-v1:DemoX+ML2+2026"


@dataclass(frozen=True, slots=True)
class World:
    """What a test asks for by name."""

    now: datetime
    amina: Any
    hostile: Any
    destination: Destination
    by_state: dict[State, Statement]


def a_world() -> World:
    """One statement in each state, two learners, one of whom is held back in the other course."""
    now = timezone.now()
    amina = a_learner("amina")
    hostile = a_learner("hostile", name=HOSTILE)
    course = a_course(display_name=f"Cloud {HOSTILE}")
    enrolled(amina, course)
    enrolled(hostile, course)
    Notice.objects.all().delete()
    destination = Destination.objects.create(
        site_id=1, organization=HOSTILE, last_error=f"403: {HOSTILE}", last_success_at=now
    )
    StatementLedger.objects.create(site_id=1, last_stored_at=now)
    by_state = {}
    # Oldest first, as they are really made.
    for number, state in reversed(list(enumerate(STATES, start=1))):
        row = a_learner_course(amina.pk if number <= 3 else hostile.pk, KEY)
        by_state[state] = a_statement(row, number, state, destination, now - timedelta(days=number - 1))
    a_learner_course(hostile.pk, OTHER_KEY, hold_reason=HoldReason.NO_SSO_LINK, observed_at=now)
    DeliveryAttempt.objects.create(
        destination=destination,
        api="statements",
        started_at=now - timedelta(hours=1),
        statements=3,
        accepted=0,
        status=403,
        outcome="unauthorized",
        duration_ms=120,
        answer=f"403: {HOSTILE}",
    )
    Notice.objects.create(user_id=amina.pk, course_key=KEY, reason="grade", noticed_at=now)
    return World(now, amina, hostile, destination, by_state)


def a_learner_course(user_id: int, course_key: str, site_id: int = 1, **fields: Any) -> LearnerCourse:
    """A learner in a course, made at need."""
    registration = uuid5(NAMESPACE_URL, f"{user_id}|{course_key}|{site_id}")
    defaults = {"registration": registration, "observed_at": timezone.now(), **fields}
    return LearnerCourse.objects.get_or_create(
        user_id=user_id, course_key=course_key, site_id=site_id, defaults=defaults
    )[0]


def a_statement(
    row: LearnerCourse, number: int, state: State, destination: Destination, at: datetime, kind: Kind = Kind.STARTED
) -> Statement:
    """A statement of that learner and course."""
    uuid = uuid5(row.registration, str(number))
    is_settled = state not in OPEN_STATES
    body = {"id": str(uuid), "actor": {"name": HOSTILE}, "verb": {"id": VERBS[kind]}}
    return Statement.objects.create(
        uuid=uuid,
        learner_course=row,
        sequence=number,
        site_id=row.site_id,
        kind=kind,
        registration=row.registration,
        verb=VERBS[kind],
        actor_key="a",
        course_key=row.course_key,
        topic=UUID(int=1),
        happened_at=at,
        stored_at=at,
        body=json.dumps(body).encode(),
        track=b'{"status":"started"}',
        destination=destination,
        state=state,
        due_at=at,
        attempts=0 if state == State.WAITING else 1,
        leased_until=at + timedelta(minutes=5) if state == State.SENDING else None,
        settled_at=at if is_settled else None,
        status=400 if state == State.PARKED else 200 if state == State.DELIVERED else None,
        answer=f"400: {HOSTILE}" if state == State.PARKED else "",
    )
