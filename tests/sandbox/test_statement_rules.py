"""The rules of xAPI 1.0.3, each broken alone."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_sandbox.validation.statements import problems_of

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
UUID = "12345678-1234-4234-8234-123456789abc"
AGENT = {"mbox": "mailto:ada@example.com"}
OTHER = {"account": {"homePage": "https://org.percipio.com", "name": "7"}}
REF = {"objectType": "StatementRef", "id": UUID}
ACTIVITY = {"id": "https://lms.example.com/c"}
FULL: dict[str, Any] = {
    "id": UUID,
    "actor": {"objectType": "Agent", "name": "Ada", "mbox": "mailto:ada@example.com"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en-US": "completed", "zh-Hant-TW": "x"}},
    "object": {
        "objectType": "Activity",
        "id": "https://lms.example.com/courses/course-v1:Demo+X+2024",
        "definition": {
            "name": {"en-US": "Cloud Foundations"},
            "description": {"ar": "مقدمة"},
            "type": "http://adlnet.gov/expapi/activities/course",
            "moreInfo": "https://lms.example.com/about",
            "extensions": {"https://lms.example.com/x": None},
        },
    },
    "result": {
        "score": {"scaled": 0.8, "raw": 80, "min": 0, "max": 100},
        "success": True,
        "completion": True,
        "response": "",
        "duration": "PT1H30M0.25S",
        "extensions": {"https://w3id.org/xapi/cmi5/result/extensions/progress": 50},
    },
    "context": {
        "registration": UUID,
        "instructor": {"objectType": "Group", "member": [AGENT, OTHER]},
        "team": {"objectType": "Group", **OTHER},
        "contextActivities": {"parent": [ACTIVITY], "grouping": ACTIVITY, "category": [], "other": [ACTIVITY]},
        "revision": "1",
        "platform": "Open edX",
        "language": "en",
        "statement": REF,
        "extensions": {"https://lms.example.com/y": {"any": [None]}},
    },
    "timestamp": "2024-05-13T14:25:00.000Z",
    "stored": "2024-05-13T14:25:00Z",
    "authority": OTHER,
    "version": "1.0.0",
    "attachments": [
        {
            "usageType": "https://lms.example.com/certificate",
            "display": {"en": "Certificate"},
            "contentType": "application/pdf",
            "length": 10,
            "sha2": "ab",
            "fileUrl": "https://lms.example.com/certificate.pdf",
        }
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the full statement with one value set, or taken away when it is `...`."""
    result = copy.deepcopy(FULL)
    *parents, last = path.split(".")
    place = result
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return result


def test_a_full_statement_has_no_problem() -> None:
    assert problems_of(FULL, NOW) == []


def test_the_smallest_statement_has_no_problem() -> None:
    smallest = {"actor": AGENT, "verb": {"id": "a:b"}, "object": {"id": "a:b"}}

    assert problems_of(smallest, NOW) == []


ONE_IDENTIFIER = "must have exactly one of mbox, mbox_sha1sum, openid, account (Data 2.4.2.1)"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("id", "123", ".id: must be a UUID in its standard form of 36 characters (Data 2.4.1)"),
        ("id", UUID.replace("-", ""), ".id: must be a UUID in its standard form of 36 characters (Data 2.4.1)"),
        ("id", None, ".id: must be a string, not null"),
        ("actor", ..., ".actor: is required"),
        ("verb", ..., ".verb: is required"),
        ("object", ..., ".object: is required"),
        ("Result", {}, ".Result: unknown property, write 'result'"),
        ("progress", 1, ".progress: unknown property"),
        ("actor.name", None, ".actor.name: must be a string, not null"),
        ("actor.mbox", "ada@example.com", '.actor.mbox: must be "mailto:" and one email address (Data 2.4.2.3)'),
        ("actor.mbox", ..., f".actor: {ONE_IDENTIFIER}"),
        ("actor.openid", "https://ada.example.com", f".actor: {ONE_IDENTIFIER}"),
        ("actor.objectType", "agent", '.actor.objectType: must be "Agent"'),
        ("actor.member", [], ".actor.member: unknown property"),
        (
            "actor",
            {"mbox_sha1sum": "abc"},
            ".actor.mbox_sha1sum: must be a SHA-1 in 40 hexadecimal digits (Data 2.4.2.3)",
        ),
        ("actor", {"account": {"homePage": "https://x.org", "name": " "}}, ".actor.account.name: must not be empty"),
        (
            "actor",
            {"account": {"homePage": "https://x.org", "name": 7}},
            ".actor.account.name: must be a string, not a number",
        ),
        (
            "actor",
            {"account": {"homePage": "x.org", "name": "7"}},
            ".actor.account.homePage: must be an IRI with its scheme (Data 2.2)",
        ),
        ("actor", {"account": {"name": "7"}}, ".actor.account.homePage: is required"),
        ("actor", {"objectType": "Group"}, ".actor.member: a group without an identifier needs members (Data 2.4.2.2)"),
        (
            "actor",
            {"objectType": "Group", **AGENT, **OTHER},
            ".actor: must have at most one of mbox, mbox_sha1sum, openid, account (Data 2.4.2.2)",
        ),
        ("actor", {"objectType": "Group", "member": [{}]}, f".actor.member[0]: {ONE_IDENTIFIER}"),
        ("actor", {"objectType": "Group", **AGENT, "member": 1}, ".actor.member: must be an array, not a number"),
        ("verb.id", "completed", ".verb.id: must be an IRI with its scheme (Data 2.2)"),
        ("verb.display", "completed", ".verb.display: must be a language map, not a string"),
        ("verb.display", {"en_US": "x"}, ".verb.display: 'en_US' is no language tag of RFC 5646 (Data 4.2)"),
        ("verb.display", {"en-US": 1}, ".verb.display.en-US: must be a string, not a number"),
        ("object.id", "course v1", ".object.id: must be an IRI with its scheme (Data 2.2)"),
        (
            "object.objectType",
            "Course",
            ".object.objectType: must be one of Activity, Agent, Group, StatementRef, SubStatement (Data 2.4.4)",
        ),
        ("object.definition.type", "course", ".object.definition.type: must be an IRI with its scheme (Data 2.2)"),
        (
            "object.definition.extensions",
            {"x": 1},
            ".object.definition.extensions: the key 'x' must be an IRI (Data 4.1)",
        ),
        ("object.definition.extensions", [], ".object.definition.extensions: must be an object, not an array"),
        (
            "object.definition.interactionType",
            "quiz",
            ".object.definition.interactionType: must be one of "
            "true-false, choice, fill-in, long-fill-in, matching, performance, sequencing, likert, numeric, other "
            "(Data 2.4.4.1)",
        ),
        (
            "object.definition.choices",
            [{"id": "a"}],
            ".object.definition.interactionType: is required beside the properties of an interaction",
        ),
        (
            "object.definition",
            {"interactionType": "likert", "choices": []},
            ".object.definition.choices: does not belong to this interactionType (Data 2.4.4.1)",
        ),
        (
            "object.definition",
            {"interactionType": "choice", "choices": [{"id": "a"}, {"id": "a"}]},
            ".object.definition.choices: the ids of the components must differ (Data 2.4.4.1)",
        ),
        ("result.score.scaled", 1.01, ".result.score.scaled: must be between -1 and 1 (Data 2.4.5.1)"),
        ("result.score.max", 80.5, None),
        ("result.score.max", 79, ".result.score.raw: must not be more than max (Data 2.4.5.1)"),
        ("result.score.min", 81, ".result.score.raw: must not be less than min (Data 2.4.5.1)"),
        ("result.score", {"min": 1, "max": 1}, ".result.score.min: must be less than max (Data 2.4.5.1)"),
        ("result.score.raw", "80", ".result.score.raw: must be a number, not a string"),
        ("result.score.raw", True, ".result.score.raw: must be a number, not a boolean"),
        ("result.score.percent", 1, ".result.score.percent: unknown property"),
        ("result.success", "true", ".result.success: must be a boolean, not a string"),
        ("result.completion", 1, ".result.completion: must be a boolean, not a number"),
        ("result.duration", "90 minutes", ".result.duration: must be an ISO 8601 duration, as PT1H30M (Data 4.6)"),
        ("result.duration", "PT1.234S", ".result.duration: must not be finer than 0.01 seconds (Data 4.6)"),
        ("result.extensions", {"progress": 1}, ".result.extensions: the key 'progress' must be an IRI (Data 4.1)"),
        (
            "context.registration",
            "run",
            ".context.registration: must be a UUID in its standard form of 36 characters (Data 2.4.1)",
        ),
        ("context.instructor", {"name": "Jane"}, f".context.instructor: {ONE_IDENTIFIER}"),
        ("context.language", "english!", ".context.language: must be a language tag of RFC 5646, as en-US (Data 4.2)"),
        ("context.platform", ["edX"], ".context.platform: must be a string, not an array"),
        ("context.statement", {"id": UUID}, ".context.statement.objectType: is required"),
        ("context.contextActivities.sibling", [], ".context.contextActivities.sibling: unknown property"),
        ("timestamp", "2024-05-13", ".timestamp: must be an RFC 3339 date and time with its zone (Data 4.5)"),
        ("timestamp", 1715610300, ".timestamp: must be a string, not a number"),
        ("timestamp", "2024-06-01T12:05:01Z", ".timestamp: lies in the future (Data 2.4.7)"),
        ("timestamp", "2024-06-01T12:05:00Z", None),
        ("timestamp", "2024-06-01T16:00:00+04:00", None),
        ("version", "1.0.3", '.version: must be "1.0.0"'),
        (
            "authority",
            {"objectType": "Group", "member": [AGENT]},
            ".authority: a group as authority has no identifier and two members (Data 2.4.9)",
        ),
        ("authority", "me", ".authority: must be an object, not a string"),
        ("attachments", [], None),
        ("attachments", {}, ".attachments: must be an array, not an object"),
    ],
)
def test_one_fault_is_one_problem(path: str, value: Any, problem: str | None) -> None:
    assert problems_of(changed(path, value), NOW) == ([] if problem is None else [f"statement{problem}"])


def test_several_faults_are_all_named() -> None:
    broken = changed("context.contextActivities.parent", [AGENT])
    broken["context"]["team"] = AGENT

    assert problems_of(broken, NOW) == [
        "statement.context.team.objectType: is required",
        "statement.context.contextActivities.parent[0].mbox: unknown property",
        "statement.context.contextActivities.parent[0].id: is required",
    ]


@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_a_statement_is_an_object(value: Any) -> None:
    assert len(problems_of(value, NOW)) == 1


@pytest.mark.parametrize("target", [{"objectType": "Agent", **AGENT}, {"objectType": "Group", "member": [AGENT]}, REF])
def test_platform_and_revision_go_with_activities_only(target: dict[str, Any]) -> None:
    assert problems_of(changed("object", target), NOW) == [
        "statement.context.revision: only with an Activity as object (Data 2.4.6)",
        "statement.context.platform: only with an Activity as object (Data 2.4.6)",
    ]


def sub_statement(**changes: Any) -> dict[str, Any]:
    inner = {"objectType": "SubStatement", "actor": AGENT, "verb": {"id": "a:b"}, "object": ACTIVITY, **changes}
    return {"actor": AGENT, "verb": {"id": "a:b"}, "object": inner}


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"result": {"success": True}, "context": {"platform": "x"}}, []),
        ({"object": REF}, []),
        ({"id": UUID}, ["statement.object.id: unknown property"]),
        ({"version": "1.0.0"}, ["statement.object.version: unknown property"]),
        (
            {"object": REF, "context": {"platform": "x"}},
            ["statement.object.context.platform: only with an Activity as object (Data 2.4.6)"],
        ),
        (
            {"object": {"objectType": "SubStatement"}},
            [
                "statement.object.object.objectType: must be one of Activity, Agent, Group, StatementRef, SubStatement "
                "(Data 2.4.4)"
            ],
        ),
    ],
)
def test_a_sub_statement_obeys_rules_of_its_own(changes: dict[str, Any], problems: list[str]) -> None:
    assert problems_of(sub_statement(**changes), NOW) == problems


@pytest.mark.parametrize(
    ("target", "problems"),
    [
        (REF, []),
        (ACTIVITY, ["statement.object: voiding takes a StatementRef as its object (Data 2.3.2)"]),
        (
            {"id": "x:y", "objectType": "Activity"},
            ["statement.object: voiding takes a StatementRef as its object (Data 2.3.2)"],
        ),
    ],
)
def test_voiding_names_a_statement(target: dict[str, Any], problems: list[str]) -> None:
    voiding = {"actor": AGENT, "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}, "object": target}

    assert problems_of(voiding, NOW) == problems


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    f"{first}.{second}" if second else first
    for first, value in FULL.items()
    for second in ([None, *value] if isinstance(value, dict) else [None])
]


@given(st.sampled_from(PATHS), JSON_VALUES)
def test_no_value_anywhere_surprises_the_checks(path: str, value: Any) -> None:
    for problem in problems_of(changed(path, value), NOW):
        assert problem.startswith("statement")


@given(st.sampled_from([path for path in PATHS if not path.endswith("extensions")]))
def test_null_is_refused_everywhere_but_in_extensions(path: str) -> None:
    assert problems_of(changed(path, None), NOW)


@given(st.sampled_from(PATHS))
def test_case_matters_in_every_name(path: str) -> None:
    *parents, last = path.split(".")
    value = FULL
    for name in path.split("."):
        value = value[name]
    if last.upper() == last.lower() or (parents and parents[-1] in ("extensions", "display")):
        return
    wrong = changed(".".join([*parents, last.upper()]), value)

    assert any(problem.endswith(f": unknown property, write {last!r}") for problem in problems_of(wrong, NOW))
