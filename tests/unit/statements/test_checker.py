"""Our own judge: each rule broken once, beside a statement that keeps them all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.checker import check, check_agent

UUID = "1b4d9e1e-5c53-5f0e-9a7e-2f5f3f0a4c11"
AGENT = {"objectType": "Agent", "mbox": "mailto:a@example.com"}
GROUP = {"objectType": "Group", "member": [AGENT]}
ACTIVITY = {"id": "https://lms.example.com/x"}
REFERENCE = {"objectType": "StatementRef", "id": UUID}
WHOLE: dict[str, Any] = {
    "id": UUID,
    "actor": {**AGENT, "name": "A"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en-US": "completed"}},
    "object": {
        "objectType": "Activity",
        "id": "course:Org+C",
        "definition": {
            "type": "http://adlnet.gov/expapi/activities/course",
            "name": {"zh-Hant-TW": "x", "en-US": "x"},
            "description": {"es-419": "x"},
            "moreInfo": "https://lms.example.com/x",
            "extensions": {"https://example.com/x": None},
        },
    },
    "result": {
        "score": {"scaled": 0.5, "raw": 50, "min": 0, "max": 100},
        "success": True,
        "completion": False,
        "response": "x",
        "duration": "PT1H0.25S",
        "extensions": {"https://w3id.org/xapi/cmi5/result/extensions/progress": 40},
    },
    "context": {
        "registration": UUID,
        "instructor": GROUP,
        "team": {**GROUP, "name": "team"},
        "contextActivities": {
            "parent": [ACTIVITY],
            "grouping": [ACTIVITY],
            "category": [ACTIVITY],
            "other": [ACTIVITY],
        },
        "revision": "1",
        "platform": "LMS",
        "language": "en-GB",
        "statement": REFERENCE,
        "extensions": {"https://example.com/x": [1, None]},
    },
    "timestamp": "2026-05-13T14:25:00.123Z",
}


def changed(path: str, value: Any) -> dict[str, Any]:
    statement = json.loads(json.dumps(WHOLE))  # parts that are one object in WHOLE become several
    *parents, last = path.split(".")
    place: Any = statement
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    if value is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return statement


def test_a_whole_statement_is_accepted() -> None:
    check(WHOLE)


def test_a_voiding_statement_is_accepted() -> None:
    verb = {"id": "http://adlnet.gov/expapi/verbs/voided"}
    check({name: WHOLE[name] for name in ("id", "actor", "timestamp")} | {"verb": verb, "object": REFERENCE})


FAULTS: list[tuple[str, Any, str]] = [
    ("id", ..., "id"),
    ("id", UUID.upper(), "id"),
    ("id", UUID.replace("-", ""), "id"),
    ("actor", ..., "actor"),
    ("verb", ..., "verb"),
    ("object", ..., "object"),
    ("timestamp", ..., "timestamp"),
    ("version", "1.0.3", "statement"),
    ("stored", "2026-05-13T14:25:00.123Z", "statement"),
    ("context", {}, "context"),
    ("context", None, "context"),
    ("actor", [], "actor"),
    ("actor.objectType", "Person", "actor.objectType"),
    ("actor.name", "", "actor.name"),
    ("actor.name", 5, "actor.name"),
    ("actor.mbox", "a@example.com", "actor.mbox"),
    ("actor.mbox", "mailto:nobody", "actor.mbox"),
    ("actor.mbox", ..., "actor"),
    ("actor.openid", "https://openid.example.com/a", "actor"),
    ("actor.mbox_sha1sum", "abc", "actor.mbox_sha1sum"),
    ("actor.account", {"homePage": "https://lms.example.com"}, "actor.account.name"),
    ("actor.account", {"homePage": "here", "name": "a"}, "actor.account.homePage"),
    ("actor.member", [AGENT], "actor"),
    ("context.team", AGENT, "context.team"),
    ("context.instructor.member", [], "context.instructor.member"),
    ("context.instructor.member", ..., "context.instructor"),
    ("context.instructor.member.0", GROUP, "context.instructor.member.0"),
    ("verb.id", "completed", "verb.id"),
    ("verb.display", {}, "verb.display"),
    ("verb.display", {"en_US": "x"}, "verb.display"),
    ("verb.display", {"en-US": " "}, "verb.display.en-US"),
    ("object", REFERENCE, "context"),
    ("object.id", "no iri", "object.id"),
    ("object.id", ..., "object.id"),
    ("object.objectType", "GroupActivity", "object.objectType"),
    ("object.definition", {}, "object.definition"),
    ("object.definition.name", "x", "object.definition.name"),
    ("object.definition.moreInfo", "course:x", "object.definition.moreInfo"),
    ("object.definition.extensions", {"x": 1}, "object.definition.extensions"),
    ("result.score.scaled", 1.01, "result.score.scaled"),
    ("result.score.scaled", "0.5", "result.score.scaled"),
    ("result.score.scaled", float("nan"), "result.score.scaled"),
    ("result.score.raw", 101, "result.score.raw"),
    ("result.score.raw", True, "result.score.raw"),
    ("result.score.max", 0, "result.score"),
    ("result.score.points", 1, "result.score"),
    ("result.success", "true", "result.success"),
    ("result.completion", 1, "result.completion"),
    ("result.duration", "30M", "result.duration"),
    ("result.duration", "PT", "result.duration"),
    ("result.duration", "PT1.234S", "result.duration"),
    (
        "result.extensions",
        {"https://w3id.org/xapi/cmi5/result/extensions/progress": 33.3},
        "result.extensions.progress",
    ),
    ("result.extensions", {"https://w3id.org/xapi/cmi5/result/extensions/progress": 101}, "result.extensions.progress"),
    ("context.registration", "5", "context.registration"),
    ("context.language", "en_GB", "context.language"),
    ("context.platform", "", "context.platform"),
    ("context.statement", ACTIVITY, "context.statement.objectType"),
    ("context.contextActivities.grouping", ACTIVITY, "context.contextActivities.grouping"),
    ("context.contextActivities.grouping.0.id", 5, "context.contextActivities.grouping.0.id"),
    ("context.contextActivities.friends", [ACTIVITY], "context.contextActivities"),
    ("timestamp", "2026-05-13", "timestamp"),
    ("timestamp", "2026-05-13T14:25:00Z", "timestamp"),
    ("timestamp", "2026-05-13T14:25:00.123+00:00", "timestamp"),
]


@pytest.mark.parametrize(("path", "value", "fault"), FAULTS)
def test_each_fault_is_found_where_it_is(path: str, value: Any, fault: str) -> None:
    with pytest.raises(StatementError) as caught:
        check(changed(path, value))

    assert caught.value.path == fault


def test_voided_needs_a_reference() -> None:
    with pytest.raises(StatementError, match=r"^object: must be a StatementRef"):
        check(changed("verb.id", "http://adlnet.gov/expapi/verbs/voided"))


def test_the_words_of_a_fault_hold_no_value() -> None:
    with pytest.raises(StatementError) as caught:
        check(changed("actor.mbox", "mailto:amina haddad"))

    assert str(caught.value) == "actor.mbox: is not mailto: with an email address"


@pytest.mark.parametrize(
    "agent",
    [
        {"mbox": "mailto:a@example.com"},
        {"mbox_sha1sum": "a" * 40},
        {"openid": "https://openid.example.com/a"},
        {"account": {"homePage": "https://lms.example.com", "name": "a"}},
        {"objectType": "Group", "mbox": "mailto:a@example.com"},
    ],
)
def test_an_agent_needs_one_identifier_of_four(agent: dict[str, Any]) -> None:
    check_agent(agent, "agent")
