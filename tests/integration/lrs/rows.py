"""Statements as the plugin keeps them, and OAuth2 applications as an LMS has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.contrib.auth import get_user_model
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application
from openedx.core.djangoapps.oauth_dispatch.models import ApplicationAccess, RestrictedApplication

from percipio_openedx.enums import Kind
from percipio_openedx.models import Destination, LearnerCourse, PullClient, Statement, StatementLedger
from percipio_openedx.models.statement import State
from percipio_openedx.reporting.store import topics_of
from percipio_openedx.settings.common import PULL_SCOPE
from percipio_openedx.statements.content import BuiltStatement
from percipio_openedx.statements.ids import actor_key_of, terms_of
from percipio_openedx.statements.vocabulary import VERBS

NAMES = UUID("9a1c3f55-2f0b-4c39-8f0e-3f4d5a6b7c8d")
EPOCH = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COURSE = "https://academy.demo.local/courses/course-v1:DemoX+CS{number}+2026"
TEACHER = {"objectType": "Agent", "account": {"homePage": "https://academy.demo.local", "name": "instructor:ada"}}
SECRET = "pull-secret-77d1"  # of a test only


def course_id(number: int) -> str:
    """The object of the statements of a course."""
    return f"https://academy.demo.local/catalog/CS{number}"


def actor_of(learner: int) -> dict[str, Any]:
    """A learner's agent."""
    return {"mbox": f"mailto:learner{learner}@example.com", "name": f"Learner {learner}"}


def statement_of(
    uuid: UUID, learner: int, course: int, kind: Kind, registration: UUID, target: UUID | None = None
) -> dict[str, Any]:
    """A statement in the shape that the plugin builds."""
    word = VERBS[kind].rsplit("/", 1)[1]
    context: dict[str, Any] = {"registration": str(registration)}
    thing: dict[str, Any] = {"objectType": "StatementRef", "id": str(target)}
    if target is None:
        name = {"en-US": f"Networks {course}", "de": f"Netze {course}"}
        thing = {"objectType": "Activity", "id": course_id(course), "definition": {"name": name}}
        grouping = [{"objectType": "Activity", "id": COURSE.format(number=course)}]
        context |= {"platform": "Demo", "instructor": TEACHER | {"name": "Ada"}}
        context["contextActivities"] = {"grouping": grouping}
    return {
        "id": str(uuid),
        "actor": actor_of(learner),
        "verb": {"id": VERBS[kind], "display": {"en-US": word}},
        "object": thing,
        "context": context,
        "timestamp": "2026-02-01T10:00:00.000Z",
    }


def prepared(
    learner: int,
    course: int = 1,
    kind: Kind = Kind.STARTED,
    *,
    site_id: int = 1,
    state: str = State.DELIVERED,
    value: str = "",
    retracts: Statement | None = None,
    changes: dict[str, Any] | None = None,
) -> Statement:
    """A statement that is not kept yet; it lacks the time of its storing."""
    # A course run belongs to one site.
    org = "DemoX" if site_id == 1 else f"Site{site_id}X"
    row, _ = LearnerCourse.objects.get_or_create(
        user_id=learner,
        course_key=f"course-v1:{org}+CS{course}+2026",
        defaults={"registration": uuid5(NAMES, f"{site_id}|{learner}|{course}"), "site_id": site_id},
    )
    row.sequence += 1
    row.save()
    uuid = uuid5(NAMES, f"{site_id}|{learner}|{course}|{row.sequence}")
    statement = statement_of(uuid, learner, course, kind, row.registration, retracts and retracts.uuid)
    statement |= changes or {}
    body = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    built = BuiltStatement(uuid, body, None, retracts=retracts and retracts.uuid, terms=terms_of(statement))
    return Statement(
        uuid=uuid,
        learner_course=row,
        sequence=row.sequence,
        course_key=row.course_key,
        site_id=site_id,
        kind=kind,
        value=value,
        registration=row.registration,
        verb=statement["verb"]["id"],
        actor_key=actor_key_of(statement["actor"]),
        topic=topics_of(site_id, [built])[uuid],
        happened_at=EPOCH,
        body=body,
        destination=Destination.objects.get_or_create(site_id=site_id, organization="", account="")[0],
        state=state,
        due_at=EPOCH,
    )


def add(
    learner: int,
    course: int = 1,
    kind: Kind = Kind.STARTED,
    *,
    site_id: int = 1,
    retracts: Statement | None = None,
    stored_at: datetime | None = None,
    **fields: Any,
) -> Statement:
    """Keep one statement, stored a millisecond after the one before."""
    row = prepared(learner, course, kind, site_id=site_id, retracts=retracts, **fields)
    ledger, _ = StatementLedger.objects.get_or_create(site_id=site_id, defaults={"last_stored_at": EPOCH})
    row.stored_at = ledger.last_stored_at = stored_at or ledger.last_stored_at + timedelta(milliseconds=1)
    ledger.save()
    row.save()
    if retracts is not None:
        Statement.objects.filter(pk=retracts.pk).update(voided_by=row.uuid)
    return row


def an_application(name: str = "percipio", *, scopes: tuple[str, ...] = (PULL_SCOPE,), **fields: Any) -> Application:
    """A confidential application for client credentials, with a service user of its own."""
    user, _ = get_user_model().objects.get_or_create(username=f"{name}-service", email=f"{name}@service.example.com")
    given = {
        "client_type": Application.CLIENT_CONFIDENTIAL,
        "authorization_grant_type": Application.GRANT_CLIENT_CREDENTIALS,
        **fields,
    }
    application = Application.objects.create(
        name=name, user=given.pop("user", user), client_id=f"client-{name}", client_secret=SECRET, **given
    )
    ApplicationAccess.objects.create(application=application, scopes=list(scopes))
    return application


def a_client(name: str = "percipio", *, site_id: int = 1, enabled: bool = True, **fields: Any) -> Application:
    """An application that is named as a pull client of a site."""
    application = an_application(name, **fields)
    PullClient.objects.create(site_id=site_id, client_id=application.client_id, enabled=enabled)
    return application


def restrict(application: Application) -> None:
    """As the platform's admin does it."""
    RestrictedApplication.objects.create(application=application)


def token_of(application: Application, scope: str = PULL_SCOPE, *, seconds: int = 3600, **fields: Any) -> str:
    """An opaque token, as the token endpoint leaves it in the database."""
    token = f"opaque-{application.client_id}-{scope.replace(':', '-').replace(' ', '.')}-{seconds}"
    given = {"user": application.user, **fields}
    AccessToken.objects.update_or_create(
        token=token,
        defaults={
            "application": application,
            "scope": scope,
            "expires": timezone.now() + timedelta(seconds=seconds),
            **given,
        },
    )
    return token
