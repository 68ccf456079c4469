"""Learners whose address or single sign-on is unusual: named rightly in both APIs, or held back with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.validators import validate_email
from social_django.models import UserSocialAuth

from percipio_openedx import edx_platform
from percipio_openedx.models import LearnerCourse, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations.run import run_once
from percipio_openedx.reporting import report_due
from tests.integration.builders import a_course, a_learner, enrolled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

MAILTO = {
    "a%b@example.com": "mailto:a%25b@example.com",
    "a#b@example.com": "mailto:a%23b@example.com",
    "who?me@example.com": "mailto:who%3Fme@example.com",
    "a{b}@example.com": "mailto:a%7Bb%7D@example.com",
    "user@डाटामेल.भारत": "mailto:user@डाटामेल.भारत",
}


@pytest.mark.parametrize("email", MAILTO)
@pytest.mark.parametrize("api", ["statements", "track"])
def test_an_address_that_the_lms_takes_arrives_as_the_api_wants_it(
    api: str, email: str, reporting: Any, sandbox: Any
) -> None:
    validate_email(email)
    reporting.PERCIPIO_API, reporting.PERCIPIO_API_URL, reporting.PERCIPIO_TOKEN_URL = (
        api,
        sandbox.url,
        sandbox.token_url,
    )
    enrolled(a_learner(email=email), a_course(units=2))
    run_once(budget=10)

    statement = Statement.objects.get()
    assert (statement.kind, statement.state) == ("started", State.DELIVERED)
    assert json.loads(bytes(statement.body))["actor"]["mbox"] == MAILTO[email]
    assert json.loads(bytes(statement.track or b""))["user"] == email


@pytest.mark.parametrize(("api", "reason", "count"), [("statements", "odd_email", 0), ("track", "", 1)])
def test_an_address_that_is_none_is_held_back_only_where_it_must_be_one(
    api: str, reason: str, count: int, reporting: Any
) -> None:
    reporting.PERCIPIO_API = api
    enrolled(a_learner(email="a..b@example.com"), a_course(units=2))
    report_due()

    assert LearnerCourse.objects.get().hold_reason == reason
    assert Statement.objects.count() == count


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ({"org": "acme"}, {"org": "acme"}),
        ('{"org": "acme"}', {"org": "acme"}),
        (json.dumps('{"org": "acme"}'), {"org": "acme"}),
        ("", {}),
        ("null", {}),
        ("{'org': 'acme'}", None),
        ("[" * 100_000, None),
        (["acme"], None),
        ("17", None),
    ],
)
def test_what_is_kept_of_a_link_is_read_however_it_was_written(stored: Any, read: dict[str, Any] | None) -> None:
    learner = a_learner()
    UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid="acme:1", extra_data={})
    UserSocialAuth.objects.update(extra_data=stored)

    assert [link.extra_data for link in edx_platform.social_links([learner.pk])[learner.pk]] == [read]


def test_data_kept_as_a_text_leads_to_the_learners_own_organization(reporting: Any) -> None:
    reporting.PERCIPIO_ORGANIZATION_FROM, reporting.PERCIPIO_ORGANIZATION_ID = "sso:org", "the-sites-own"
    course = a_course(units=2)
    for username, extra in (("amina", '{"org": "acme"}'), ("bo", "no JSON")):
        learner = a_learner(username)
        UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=f"acme:{username}", extra_data=extra)
        enrolled(learner, course)
    report_due()

    assert list(Statement.objects.values_list("destination__organization", flat=True)) == ["acme"]
    assert sorted(LearnerCourse.objects.values_list("hold_reason", flat=True)) == ["", "unreadable_sso"]
