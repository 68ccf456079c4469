"""No list of the admin asks the database more often because it has more rows, each of another course and site."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from percipio_openedx.models import (
    Account,
    Alert,
    BackfillRun,
    CatalogEntry,
    CourseOverride,
    DeliveryAttempt,
    Destination,
    ErasureRequest,
    LearnerCourse,
    Notice,
    ObservationFailure,
    PercipioConfiguration,
    PullAudit,
    PullClient,
    Statement,
    UnknownLearner,
)
from percipio_openedx.models.statement import State
from tests.integration.admin.world import a_learner_course, a_statement
from tests.integration.builders import a_learner

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def key(number: int) -> str:
    return f"course-v1:DemoX+CS{number}+2026"


def site(number: int) -> Site:
    return Site.objects.get_or_create(domain=f"site{number}.example.com")[0]


def destination(number: int) -> Destination:
    return Destination.objects.get_or_create(site_id=site(number).pk, organization=f"org{number}")[0]


def a_row_of_statements(number: int) -> Statement:
    row = a_learner_course(a_learner(f"learner{number}").pk, key(number), site(number).pk)
    return a_statement(row, number, State.WAITING, destination(number), NOW)


MAKES: dict[type[Model], Callable[[int], Any]] = {
    Alert: lambda n: [
        Alert.objects.create(kind="parked", subject=subject, changed_at=NOW)
        for subject in (f"site:{site(n).pk}", f"account:{site(n).pk}:birch", f"destination:{destination(n).pk}")
    ],
    BackfillRun: lambda n: BackfillRun.objects.create(
        scope=json.dumps({"site_id": site(n).pk}), scope_key=str(n), started_at=NOW, course_key=key(n)
    ),
    CatalogEntry: lambda n: CatalogEntry.objects.create(
        destination=destination(n), content_id=f"CS{n}", title="x", due_at=NOW
    ),
    CourseOverride: lambda n: CourseOverride.objects.create(course_key=key(n)),
    DeliveryAttempt: lambda n: DeliveryAttempt.objects.create(
        destination=destination(n), api="statements", started_at=NOW, statements=1, accepted=1, duration_ms=1
    ),
    Destination: destination,
    ErasureRequest: lambda n: ErasureRequest.objects.create(
        site_id=site(n).pk, registrations=str(uuid4()), statements=1, erased_at=NOW
    ),
    LearnerCourse: lambda n: a_learner_course(n, key(n), site(n).pk),
    Notice: lambda n: Notice.objects.create(user_id=n, course_key=key(n), reason="grade", noticed_at=NOW),
    ObservationFailure: lambda n: ObservationFailure.objects.create(
        course_key=key(n), reason="x", failing_since=NOW, failed_at=NOW, retry_at=NOW
    ),
    PercipioConfiguration: lambda n: PercipioConfiguration.objects.create(site=site(n), enabled=False),
    Account: lambda n: Account.objects.create(site=site(n), name=f"name{n}", enabled=False),
    PullAudit: lambda n: PullAudit.objects.create(
        at=NOW, site_id=site(n).pk, client_id="x", method="GET", status=200, duration_ms=1
    ),
    PullClient: lambda n: PullClient.objects.create(site=site(n), client_id=f"client{n}"),
    Statement: a_row_of_statements,
    UnknownLearner: lambda n: UnknownLearner.objects.create(
        destination=destination(n), user_id=n, since=NOW, last_refused_at=NOW
    ),
}


@pytest.mark.parametrize("model", MAKES, ids=lambda one: one.__name__)
def test_more_rows_take_no_more_queries(everything: Client, model: type[Model]) -> None:
    address = reverse(f"admin:percipio_openedx_{model._meta.model_name}_changelist")

    def asked() -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            response = everything.get(address)
        assert response.status_code == 200
        assert response.context["cl"].result_count >= made
        return [query["sql"] for query in captured.captured_queries]

    for made in range(1, 3):
        MAKES[model](made)
    asked()
    before = asked()
    for made in range(3, 12):
        MAKES[model](made)
    after = asked()
    assert len(after) == len(before), "\n".join(sorted(after))
