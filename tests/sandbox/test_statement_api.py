"""The Statements API: what is stored, what is refused, what is read back."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest

from percipio_sandbox import Sandbox
from tests.sandbox.sending import Partner, ask, statement, statements


def test_a_batch_is_stored_and_its_ids_come_back_in_order(partner: Partner) -> None:
    answer = partner.send(statements(3))

    assert (answer.status, answer.json) == (200, [str(UUID(int=number)) for number in (1, 2, 3)])
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    assert partner.sandbox.statements == statements(3)


def test_one_statement_needs_no_array(partner: Partner) -> None:
    assert partner.send(statement()).json == [statement()["id"]]


def test_a_statement_without_id_is_given_one(partner: Partner) -> None:
    (given,) = partner.send(statement(id=None)).json

    assert partner.sandbox.statements == [{**statement(), "id": given}]
    assert UUID(given).version == 4


def test_partner_organization_and_account_are_known(sandbox: Sandbox) -> None:
    Partner(sandbox, "demo").send(statement(1))
    Partner(sandbox, "demo two", "org/1").send(statement(2))

    assert [(entry.partner, entry.organization, entry.client_id) for entry in sandbox.entries] == [
        ("demo", None, "academy"),
        ("demo two", "org/1", "academy"),
    ]


def test_a_repeat_is_accepted_and_not_stored_again(partner: Partner) -> None:
    partner.send(statements(2))
    answer = partner.send(statements(3))

    assert (answer.status, answer.json) == (200, [str(UUID(int=number)) for number in (1, 2, 3)])
    assert partner.sandbox.statements == statements(3)
    assert partner.sandbox.state["statements"]["repeated"] == 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"id": str(UUID(int=0xABC)).upper()}, 200),
        ({"verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}}, 200),
        ({"object": {"id": "https://lms.example.com/courses/course-v1:Demo+X+2024"}}, 200),
        ({"version": "1.0.0"}, 200),
        ({"timestamp": None}, 200),
        ({"timestamp": "2024-05-13T14:25:01.000Z"}, 409),
        ({"verb": {"id": "http://adlnet.gov/expapi/verbs/passed"}}, 409),
        ({"actor": {"mbox": "mailto:bob@example.com"}}, 409),
        ({"result": {"duration": "PT30M00S"}}, 409),
        ({"context": {"contextActivities": {"parent": {"id": "a:b", "definition": {}}}}, "result": None}, 409),
    ],
)
def test_the_same_id_takes_the_same_content_only(partner: Partner, changes: dict[str, Any], status: int) -> None:
    first = statement(0xABC, result={"duration": "PT30M"})
    partner.send(first)
    answer = partner.send([statement(1), without_nulls({**first, **changes})])

    assert answer.status == status
    assert len(partner.sandbox.statements) == (2 if status == 200 else 1)


def without_nulls(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}


def test_activities_of_the_context_are_compared_without_definition(partner: Partner) -> None:
    for parent in ({"id": "a:b", "definition": {}}, [{"id": "a:b"}]):
        answer = partner.send(statement(context={"contextActivities": {"parent": parent}}))

    assert answer.status == 200


def test_another_organization_cannot_send_the_same_id(sandbox: Sandbox) -> None:
    Partner(sandbox, "demo", "org-1").send(statement())

    assert Partner(sandbox, "demo", "org-2").send(statement()).status == 409
    assert Partner(sandbox, "other").send(statement()).status == 200


@pytest.mark.parametrize(
    ("content", "status", "content_of_answer"),
    [
        ([], 400, {"error": "the batch is empty"}),
        ([statement(1), statement(1)], 400, {"error": "two statements of the batch have the same id"}),
        (
            [statement(1), statement(2, verb={"id": "x"})],
            400,
            {
                "error": "xAPI 1.0.3 does not allow this",
                "problems": ["statements[1].verb.id: must be an IRI with its scheme (Data 2.2)"],
            },
        ),
        (
            [statement(1), statement(2, result={"response": "ü" * 8192})],
            413,
            {"error": "statements[1] has 16806 bytes; 16384 (16 KB) are allowed"},
        ),
    ],
)
def test_a_bad_batch_is_refused_whole(
    partner: Partner, content: Any, status: int, content_of_answer: dict[str, Any]
) -> None:
    answer = partner.send(content)

    assert (answer.status, answer.json) == (status, content_of_answer)
    assert partner.sandbox.statements == []


def test_a_statement_of_exactly_16_kb_is_stored(partner: Partner) -> None:
    empty = len(json.dumps(statement(result={"response": ""}), separators=(",", ":")))

    assert partner.send(statement(result={"response": "x" * (16_384 - empty)})).status == 200
    assert partner.send(statement(2, result={"response": "x" * (16_385 - empty)})).status == 413


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b'{"a": NaN}', "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"\xff", "the body is not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "the body is not JSON"),
        (b'{"a": "\\ud800"}', "the body is not UTF-8"),
    ],
)
def test_a_body_that_is_no_json_is_refused(partner: Partner, body: bytes, error: str) -> None:
    answer = ask(partner.url, "POST", body, {**partner.headers, "Content-Type": "application/json"})

    assert (answer.status, answer.json) == (400, {"error": error})


def test_a_surrogate_pair_is_one_character(partner: Partner) -> None:
    assert partner.send(statement(actor={"name": "🎓", "mbox": "mailto:ada@example.com"})).status == 200
    assert partner.sandbox.statements[0]["actor"]["name"] == "🎓"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"X-Experience-API-Version": "1.0.3"}, 200),
        ({"X-Experience-API-Version": "1.0"}, 200),
        ({"X-Experience-API-Version": "1.1.0"}, 400),
        ({"X-Experience-API-Version": "2.0.0"}, 400),
        ({"X-Experience-API-Version": ""}, 400),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Transfer-Encoding": "identity"}, 411),
    ],
)
def test_headers_are_checked(partner: Partner, changes: dict[str, str], status: int) -> None:
    assert partner.send(statement(), **changes).status == status


def test_the_version_header_must_be_there(partner: Partner) -> None:
    del partner.headers["X-Experience-API-Version"]
    answer = partner.send(statement())

    assert (answer.status, answer.json) == (
        400,
        {"error": "the header X-Experience-API-Version is missing; send 1.0.3"},
    )


def test_a_batch_limit_is_kept() -> None:
    with Sandbox(max_batch=2) as sandbox:
        partner = Partner(sandbox)

        assert partner.send(statements(3)).status == 413
        assert partner.send(statements(2)).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(partner: Partner, method: str) -> None:
    assert ask(partner.url, method, headers=partner.headers).status == 405


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/partners/p/statements", "/content-aggregation/v1/partners/p/content"]
)
def test_other_addresses_are_unknown(sandbox: Sandbox, path: str) -> None:
    assert ask(sandbox.url + path).status == 404


def ids(answer: Any) -> list[int]:
    return [UUID(found["id"]).int for found in answer.json["statements"]]


def test_what_is_read_back_carries_what_an_lrs_adds(partner: Partner) -> None:
    partner.send(statement(context={"contextActivities": {"parent": {"id": "a:b"}}}))
    (found,) = partner.read().json["statements"]
    stored = found.pop("stored")

    assert stored.endswith("Z")
    assert found == {
        **statement(context={"contextActivities": {"parent": [{"id": "a:b"}]}}),
        "version": "1.0.0",
        "authority": {"objectType": "Agent", "account": {"homePage": "https://sandbox.invalid", "name": "academy"}},
    }


def test_an_empty_answer_is_an_empty_list(partner: Partner) -> None:
    assert partner.read().json == {"statements": [], "more": ""}


ADA = {"mbox": "mailto:ada@example.com"}
BOB = {"account": {"homePage": "https://org.percipio.com", "name": "bob"}}
RUN = "12345678-1234-4234-8234-123456789abc"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [4, 3, 2, 1]),
        ({"ascending": "true"}, [1, 2, 3, 4]),
        ({"limit": "2"}, [4, 3]),
        ({"limit": "0"}, [4, 3, 2, 1]),
        ({"agent": json.dumps(ADA)}, [4, 3, 1]),
        ({"agent": json.dumps({**BOB, "objectType": "Agent", "name": "x"})}, [4, 2]),
        ({"verb": "http://adlnet.gov/expapi/verbs/passed"}, [3]),
        ({"activity": "https://lms.example.com/other"}, [2]),
        ({"registration": RUN.upper()}, [1]),
        ({"verb": "http://adlnet.gov/expapi/verbs/completed", "agent": json.dumps(ADA), "format": "exact"}, [4, 1]),
        ({"attachments": "false", "verb": "a:nothing"}, []),
    ],
)
def test_statements_are_found_by_their_parts(partner: Partner, parameters: dict[str, str], expected: list[int]) -> None:
    partner.send(statement(1, context={"registration": RUN}))
    partner.send(statement(2, actor=BOB, object={"id": "https://lms.example.com/other"}))
    partner.send(statement(3, verb={"id": "http://adlnet.gov/expapi/verbs/passed"}))
    partner.send(statement(4, actor={"objectType": "Group", "member": [ADA, BOB]}))

    assert ids(partner.read(f"?{urlencode(parameters)}")) == expected


def test_since_is_exclusive_and_until_inclusive(partner: Partner) -> None:
    partner.send(statements(3))
    second = quote(partner.read(f"?statementId={UUID(int=2)}").json["stored"])

    assert ids(partner.read(f"?since={second}")) == [3]
    assert ids(partner.read(f"?until={second}")) == [2, 1]


@pytest.mark.parametrize(("ascending", "expected"), [("true", list(range(1, 8))), ("false", list(range(7, 0, -1)))])
def test_pages_follow_each_other_to_the_end(partner: Partner, ascending: str, expected: list[int]) -> None:
    partner.send(statements(7))
    target, found = f"?limit=3&ascending={ascending}", []
    while target:
        answer = partner.read(target)
        found += ids(answer)
        target = answer.json["more"].removeprefix("/content-aggregation/v1/partners/demo/statements")

    assert found == expected


def test_a_partner_reads_its_own_statements_only(sandbox: Sandbox) -> None:
    alone, first, second = (Partner(sandbox, "demo", name) for name in (None, "org-1", "org-2"))
    for number, sender in enumerate((alone, first, second), start=1):
        sender.send(statement(number))

    assert ids(alone.read()) == [3, 2, 1]
    assert ids(first.read()) == [2]
    assert ids(Partner(sandbox, "other").read()) == []
    assert second.read(f"?statementId={UUID(int=2)}").status == 404


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("?statementid=x", "unknown parameter 'statementid'"),
        ("?limit=1&limit=2", "the parameter limit is given more than once"),
        ("?limit=-1", "limit must be a whole number, not negative"),
        ("?ascending=yes", "ascending may be false or true here"),
        ("?format=ids", "format may be exact here"),
        ("?agent=ada", "agent must be an Agent as JSON"),
        ("?agent=%7B%7D", "agent must be an Agent or a Group with its identifier"),
        ("?verb=passed", "a parameter is malformed"),
        ("?registration=1", "a parameter is malformed"),
        ("?since=2024-05-13", "a parameter is malformed"),
        (f"?statementId={RUN}&limit=1", "a single statement is asked for without other filters"),
        (f"?statementId={RUN}&voidedStatementId={RUN}", "give statementId or voidedStatementId, not both"),
    ],
)
def test_a_wrong_parameter_is_refused(partner: Partner, query: str, error: str) -> None:
    answer = partner.read(query)

    assert answer.status == 400
    assert answer.json["error"].startswith(error)


def voiding(number: int, target: int) -> dict[str, Any]:
    verb = {"id": "http://adlnet.gov/expapi/verbs/voided"}
    return statement(number, verb=verb, object={"objectType": "StatementRef", "id": str(UUID(int=target))})


def test_a_voided_statement_is_hidden(partner: Partner) -> None:
    partner.send(statements(2))
    partner.send(voiding(3, 1))

    assert ids(partner.read()) == [3, 2]
    assert partner.read(f"?statementId={UUID(int=1)}").status == 404
    assert partner.read(f"?voidedStatementId={UUID(int=1)}").json["id"] == str(UUID(int=1))
    assert partner.read(f"?voidedStatementId={UUID(int=2)}").status == 404


def test_a_voiding_statement_cannot_be_voided(partner: Partner) -> None:
    partner.send([statement(1), voiding(2, 1)])
    answer = partner.send(voiding(3, 2))

    assert (answer.status, answer.json["problems"]) == (400, ["a voiding statement cannot be voided (Data 2.3.2)"])


def test_head_answers_like_get_without_a_body(partner: Partner) -> None:
    answer = ask(partner.url, "HEAD", headers=partner.headers)

    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "30", b"")


def test_only_the_latest_are_kept_where_memory_is_bounded() -> None:
    with Sandbox(keep=2) as sandbox:
        partner = Partner(sandbox)
        partner.send(statements(5))

        assert sandbox.statements == statements(2, first=4)
        assert ids(partner.read("?ascending=true")) == [4, 5]
        assert sandbox.state["statements"]["stored"] == 5
