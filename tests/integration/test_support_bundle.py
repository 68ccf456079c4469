"""The support bundle of an installation where every column holds a person or a secret: it holds neither."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.db import DatabaseError
from django.db.models import CharField, TextField
from opaque_keys.edx.keys import CourseKey

from percipio_openedx import config
from percipio_openedx.enums import Pause
from percipio_openedx.models import (
    Account,
    Alert,
    BackfillRun,
    CatalogEntry,
    DeliveryAttempt,
    Destination,
    ErasureRequest,
    Notice,
    ObservationFailure,
    PercipioConfiguration,
    PullAudit,
    PullClient,
    Statement,
    UnknownLearner,
)
from percipio_openedx.models.fields import ForeignTextField
from percipio_openedx.models.statement import State
from percipio_openedx.operations import installation_checks, support
from tests.integration.admin.world import a_world
from tests.integration.builders import KEY, a_learner, enrolled
from tests.integration.operations.conftest import command, validator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

USER_ID = 987_654_321
NAME, EMAIL, USERNAME, UID = "Zebulon Quartermaine", "zq@private.example", "zebulon9", "AD-77-Quartz"
SPOKEN = f"no {NAME} <{EMAIL}> ({USERNAME}, {UID}, {USER_ID}) token=canary-token-55"
SECRETS = {
    "PERCIPIO_CLIENT_ID": "canary-client-of-settings",
    "PERCIPIO_CLIENT_SECRET": "canary-secret-of-settings",
    "PERCIPIO_METRICS_TOKEN": "canary-scraper",
    "PERCIPIO_ENCRYPTION_KEYS": ["canary-newest-Key-8f2j", "canary-older-Key-77ab"],
    "PERCIPIO_API_URL": "https://canary-login:canary-password@api.example.com/base?key=canary-query",
    "PERCIPIO_TOKEN_URL": "https://canary-login@token.example.com/token",
    "LMS_ROOT_URL": "https://canary-login:canary-password@lms.example.com",
    "PERCIPIO_ALERT_EMAILS": ["canary-operator@private.example"],
    "PERCIPIO_PRIVATE_HOSTS": ["canary-host.internal", "10.213.12.13"],
    "PERCIPIO_LEARNERS": f"sso:uid={UID},{USERNAME}",
    # Typed into the wrong places.
    "PERCIPIO_PARTNER_NAME": "canary-secret-of-settings",
    "PERCIPIO_REGION": "canary-scraper",
    "PERCIPIO_MODES": ["verified", EMAIL],
    "PERCIPIO_CLIENT_SECRETT": "canary-misspelled",
}
CANARIES = ("canary", NAME, "Quartermaine", "Zebulon", EMAIL, "private.example", USERNAME, UID, str(USER_ID), "10.213.")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a worker that is not there."""
    monkeypatch.setattr(installation_checks, "WORKER_WAIT", 0.05)


@pytest.fixture(params=["the settings", "a site and an account", "an account that works", "an address for an id"])
def poisoned(request: pytest.FixtureRequest, reporting: Any) -> Iterator[Any]:
    """A site's life, and then a person or a secret wherever a text can stand."""
    world = a_world()
    now = world.now
    Statement.objects.update(answer=SPOKEN)
    learner = a_learner(USERNAME, name=NAME, email=EMAIL, pk=USER_ID)
    enrolled(learner, CourseKey.from_string(KEY))
    UnknownLearner.objects.create(
        destination=world.destination, user_id=USER_ID, actor_key=UID, since=now, last_refused_at=now
    )
    for part, user_id in (("observation", USER_ID), ("observation", 0), ("progress", USER_ID)):
        times = dict.fromkeys(("failing_since", "failed_at", "retry_at"), now)
        ObservationFailure.objects.create(course_key=KEY, user_id=user_id, part=part, reason="ValueError", **times)
    scope = json.dumps({"user_id": USER_ID, "course_keys": [KEY], "org": ""})
    BackfillRun.objects.create(scope_key="x", scope=scope, started_at=now)
    ErasureRequest.objects.create(site_id=1, registrations=f"{uuid4()}\n{uuid4()}", statements=1, erased_at=now)
    CatalogEntry.objects.create(
        destination=Destination.objects.create(site_id=1, is_catalog=True),
        **{"content_id": "ext-1", "title": SPOKEN, "answer": SPOKEN, "state": "refused", "due_at": now},
    )
    PullAudit.objects.create(at=now, site_id=1, client_id="canary-pull", method=SPOKEN[:8], status=400, duration_ms=1)
    PullClient.objects.create(site_id=1, client_id="canary-pull", enabled=True)
    Alert.objects.create(kind="paused", subject=f"destination:{world.destination.pk}", is_on=True, changed_at=now)
    Alert.objects.create(kind="broken", subject="observing", is_on=True, changed_at=now)
    Notice.objects.create(user_id=USER_ID, course_key=KEY, reason="grade", noticed_at=now)
    Statement.objects.filter(state=State.PARKED).update(state=State.OUTDATED, attempts=3, answer=SPOKEN)
    Destination.objects.update(
        organization=UID, paused_reason=Pause.UNAUTHORIZED, failures=3, failing_since=now, plain_answer_trusted_at=now
    )
    # Whatever came from outside.
    for model in apps.get_app_config("percipio_openedx").get_models():
        foreign = [field.name for field in model._meta.concrete_fields if isinstance(field, ForeignTextField)]
        model._default_manager.update(**{name: _fitting(model, name) for name in foreign}) if foreign else None
    # But for what broke in a pass, of which the message is ours.
    Alert.objects.filter(kind="broken").update(message="observing broke (ValueError)")
    if request.param == "the settings":
        for name, value in SECRETS.items():
            setattr(reporting, name, value)
    elif request.param == "an address for an id":
        reporting.PERCIPIO_LEARNER_ID = EMAIL
    elif request.param == "an account that works":
        there = {"api_url": reporting.PERCIPIO_API_URL, "token_url": reporting.PERCIPIO_TOKEN_URL}
        own = {"partner_name": "acme", "client_id": "canary-client", "client_secret": "canary-secret-of-account"}
        # With a blank, which the rule in force does not have.
        rule = f"sso:uid={UID}, {USERNAME}"
        Account.objects.create(
            site=Site.objects.get(pk=1), name="acme", enabled=True, region="custom", learners=rule, **there, **own
        )
    else:
        columns = {name.removeprefix("PERCIPIO_").lower(): value for name, value in SECRETS.items()}
        fields = ("client_id", "client_secret", "api_url", "token_url", "partner_name", "learners")
        own = {"site": Site.objects.get(pk=1), "enabled": True, **{name: columns[name] for name in fields}}
        PercipioConfiguration.objects.create(**own)
        Account.objects.create(**{**own, "name": "acme", "client_secret": "canary-secret-of-account"})
    yield world


def _fitting(model: Any, name: str) -> str:
    field = model._meta.get_field(name)
    assert isinstance(field, CharField | TextField)
    return SPOKEN[: field.max_length]


def leaks(text: str) -> list[str]:
    return [value for value in CANARIES if value.lower() in text.lower()]


@pytest.mark.parametrize("online", [[], ["--online"]], ids=["", "online"])
def test_no_person_and_no_secret(poisoned: Any, online: list[str], tmp_path: Path) -> None:
    ran = command("percipio_doctor", "--support", *online)
    assert (ran.code, leaks(ran.out + ran.err), UUID.findall(ran.out)) == (0, [], [])

    file = tmp_path / "bundle.json"
    ran = command("percipio_doctor", "--support", str(file), *online)
    assert (ran.code, leaks(file.read_text()), leaks(ran.out + ran.err)) == (0, [], [])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    validator("support").validate(json.loads(file.read_text()))


def test_the_canaries_were_there(poisoned: Any) -> None:
    """In the rows of which the bundle speaks, and in what the doctor says without it."""
    assert get_user_model().objects.filter(pk=USER_ID).exists()
    for model, name in (
        *((Destination, "last_error"), (Destination, "plain_answer"), (DeliveryAttempt, "answer")),
        *((Alert, "message"), (CatalogEntry, "answer"), (Statement, "answer")),
    ):
        assert NAME in model.objects.values_list(name, flat=True)[0]
    assert NAME in command("percipio_doctor").out


def test_it_says_what_helps(poisoned: Any) -> None:
    found = json.loads(command("percipio_doctor", "--support").out)
    failed = [name for name, section in found.items() if isinstance(section, dict) and "failed" in section]
    assert failed == []
    assert found["versions"].keys() >= {"percipio_openedx", "python", "Django", "database", "open_edx"}
    assert {one["verdict"] for one in found["doctor"]} >= {"well", "wrong"}
    assert "observing broke (ValueError)" in {one["seen"] for one in found["doctor"] if one["code"] == "broken"}
    place = next(one for one in found["destinations"] if not one["is_catalog"])
    assert place["organization"] == "(organization 1)"
    assert (place["breaker"]["failures"], place["breaker"]["paused_reason"]) == (3, "unauthorized")
    assert {one["state"]: one["count"] for one in place["statements"]} == {"outdated": 1, "sending": 1, "waiting": 1}
    assert all(one["oldest_at"] for one in place["statements"])
    assert place["unknown_learners"] == 1
    attempt = found["delivery_attempts"][0]
    assert (attempt["status"], attempt["outcome"], attempt["site"]) == (403, "unauthorized", 1)
    assert {(one["of"], one["part"], one["reason"], one["number"]) for one in found["observation_failures"]} == {
        ("course", "observation", "ValueError", 1),
        ("learner", "observation", "ValueError", 1),
        ("learner", "progress", "ValueError", 1),
    }
    assert found["backfills"][0]["bounded_by"] == ["course_keys", "user_id"]
    assert found["notices"]["by_reason"]["grade"] >= 1
    assert found["learners_held_back"] == [{"site": 1, "reason": "no_sso_link", "count": 1}]
    assert found["run_slots"] == {"most": 2, "in_use": 0}
    assert found["erasure_requests"] == {"open": 1}


@pytest.mark.parametrize("organization", ["a", "is", "con", "site"])
def test_a_short_organization_garbles_nothing(reporting: Any, organization: str) -> None:
    """It is masked where it stands by itself; of what is longer than two letters, each whole word is."""
    Destination.objects.create(site_id=1, organization=organization, paused_reason=Pause.UNAUTHORIZED)
    found = support.bundle()
    assert [one["organization"] for one in found["destinations"]] == ["(organization 1)"]
    lines = {one["name"]: one["seen"] for one in found["doctor"]}
    assert lines["configuration of example.com"].startswith("Statements API (xAPI), partner ")
    shown = organization if len(organization) < 3 else "(organization 1)"
    assert lines["destinations"].startswith(f"example.com, {shown}: Nothing is sent. Percipio refuses the credentials.")


def test_an_organization_whose_name_begins_another_ones(reporting: Any) -> None:
    for name in ("canary", "canary-health", "canary-health eu"):
        Destination.objects.create(site_id=1, organization=name, paused_reason=Pause.UNAUTHORIZED)
    found = support.bundle()
    assert "(organization 3): Nothing is sent." in json.dumps(found)
    assert not re.search(r"canary|health", json.dumps(found["doctor"] + found["destinations"]))


def test_secrets_are_set_or_unset(reporting: Any) -> None:
    for name, value in SECRETS.items():
        setattr(reporting, name, value)
    reporting.PERCIPIO_METRICS_TOKEN = ""
    found = support.bundle()
    shown = found["settings"]
    assert [shown[f"PERCIPIO_{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET", "METRICS_TOKEN")] == [
        *("set", "set", "unset")
    ]
    assert (shown["PERCIPIO_ALERT_EMAILS"], shown["PERCIPIO_PRIVATE_HOSTS"]) == (1, 2)
    assert shown["PERCIPIO_API_URL"] == "https://api.example.com/base"
    assert shown["PERCIPIO_LEARNERS"] == "sso:uid=(2)"
    assert shown["PERCIPIO_TIMEOUT"] == 20
    assert found["unknown_settings"] == ["PERCIPIO_CLIENT_SECRETT"]


def test_what_cannot_be_read_is_said_and_the_rest_is_there(reporting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise DatabaseError(f"Duplicate entry '{EMAIL}'")

    monkeypatch.setattr(support, "_notices", broken)
    found = support.bundle()
    assert found["notices"] == {"failed": "DatabaseError"}
    assert found["settings"]["PERCIPIO_API"] == "statements"
    validator("support").validate(found)


@pytest.mark.thinned(4)
@pytest.mark.parametrize(
    "value", [None, 5, [5], [None, "https://canary-login@x"], [f"sso:uid={UID}"], {"a": 1}, float("nan")]
)
@pytest.mark.parametrize(
    "name", [name for name in SECRETS if name.endswith(("_ID", "_SECRET", "_KEYS", "_TOKEN", "_URL", "_LEARNERS"))]
)
def test_a_secret_of_any_type_is_no_obstacle(reporting: Any, name: str, value: Any) -> None:
    setattr(reporting, name, value)
    ran = command("percipio_doctor", "--support", "--json")
    assert (ran.code, leaks(ran.out)) == (0, [])
    assert len(ran.documents) == 1


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://login:canary?word@api.example.com/base", "set"),
        ("https://login:canary#word@api.example.com/base", "set"),
        ("https://login:canary/word@api.example.com/base", "set"),
        ("https://login:canary@api.example.com:8443/base", "https://api.example.com:8443/base"),
        ("https://api.example.com:canary/base", "set"),
        ("https://[::1]:8443/base", "https://[::1]:8443/base"),
        ("login:canary@api.example.com", "set"),
        ("", ""),
    ],
)
def test_a_login_in_an_address_shows_in_no_form(address: str, shown: str) -> None:
    assert config.without_login(address) == shown


def test_a_file_without_a_name_is_a_mistake(reporting: Any) -> None:
    ran = command("percipio_doctor", "--support", "")
    assert (ran.code, ran.out) == (2, "")


def test_a_file_that_is_there_is_not_written_over(reporting: Any, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text("mine")
    ran = command("percipio_doctor", "--support", str(file))
    assert (ran.code, file.read_text()) == (2, "mine")
    assert "File exists" in ran.err


def test_it_is_english_whatever_the_lms_speaks(reporting: Any, settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    names = {one["name"] for one in json.loads(command("percipio_doctor", "--support").out)["doctor"]}
    assert "parked statements" in names


def test_where_nobody_can_say_what_to_mask_the_doctor_says_less(poisoned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise DatabaseError

    monkeypatch.setattr(support, "_organizations", broken)
    ran = command("percipio_doctor", "--support")
    found = json.loads(ran.out)
    assert (ran.code, leaks(ran.out)) == (0, [])
    assert {one["name"] for one in found["doctor"]} >= {"migrations", "switch"}
    assert found["destinations"] == {"failed": "DatabaseError"}


def test_what_percipio_says_meanwhile_does_not_show_either(poisoned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    examine = support.doctor.examine

    def told_meanwhile(**how: Any) -> Any:
        Destination.objects.update(last_error=f"then {NAME}")
        yield from examine(**how)
        Destination.objects.update(last_error="403")

    monkeypatch.setattr(support.doctor, "examine", told_meanwhile)
    assert leaks(command("percipio_doctor", "--support").out) == []
