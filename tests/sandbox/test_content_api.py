"""The Content Import API: the fields of Skillsoft's page, permissions, updates, and what the catalog knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_sandbox import Sandbox
from percipio_sandbox.cli import _parser, _sandbox
from percipio_sandbox.validation.content import content_problems_of
from tests.sandbox.sending import Partner, ask, item, record, statement

SECONDS = "item.duration: must be a whole number of seconds above 0"
HTTPS = "must be a whole address that begins with https://"
MANDATORY = ("content_id", "title", "type", "duration", "language", "url")
ACCOUNT = "academy:s3cret:demo:org-1:org-2"


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, []),
        (dict.fromkeys(("description", "tags", "thumbnail_url", "author")), []),
        *(({name: None}, [f"item.{name}: is required"]) for name in MANDATORY),
        *(({name: " "}, [f"item.{name}: must not be empty"]) for name in ("title", "type", "author", "description")),
        ({"content_id": 7}, ["item.content_id: must be a string, not a number"]),
        ({"content_id": " x"}, ["item.content_id: must be printable, without blanks at an end"]),
        ({"content_id": "x" * 256}, ["item.content_id: has 256 characters; 255 are allowed"]),
        ({"title": "x" * 256}, ["item.title: has 256 characters; 255 are allowed"]),
        ({"duration": 0}, [SECONDS]),
        ({"duration": -1}, [SECONDS]),
        ({"duration": "900"}, [SECONDS]),
        ({"duration": 1.5}, [SECONDS]),
        ({"duration": True}, [SECONDS]),
        ({"language": "de-AT"}, []),
        ({"language": "English language"}, ["item.language: must be a language tag of RFC 5646, as en-US (Data 4.2)"]),
        ({"url": "http://lms.example.com/x"}, [f"item.url: {HTTPS}"]),
        ({"url": "/percipio/launch/x"}, [f"item.url: {HTTPS}"]),
        ({"url": "https://"}, [f"item.url: {HTTPS}"]),
        ({"url": "https://lms.example.com/a b"}, [f"item.url: {HTTPS}"]),
        ({"url": "https://[::1/x"}, [f"item.url: {HTTPS}"]),
        ({"description": "x" * 500}, []),
        ({"description": "x" * 501}, ["item.description: has 501 characters; 500 are allowed"]),
        ({"tags": []}, []),
        ({"tags": "cloud"}, ["item.tags: must be an array, not a string"]),
        ({"tags": ["", 7]}, ["item.tags[0]: must not be empty", "item.tags[1]: must be a string, not a number"]),
        ({"tags": ["a", "a"]}, ["item.tags: names a tag twice"]),
        ({"tags": [str(number) for number in range(101)]}, ["item.tags: has 101 tags; 100 are allowed"]),
        ({"thumbnail_url": "http://lms.example.com/x.jpg"}, [f"item.thumbnail_url: {HTTPS}"]),
        ({"thumbnail_url": "https://lms.example.com/x.svg"}, ["item.thumbnail_url: must be a JPG or a PNG"]),
        ({"thumbnail_url": "https://lms.example.com/images/17"}, []),
        ({"Title": "x"}, ["item.Title: unknown property, write 'title'"]),
        ({"organization": "x"}, ["item.organization: unknown property"]),
    ],
)
def test_each_field_has_its_rule(changes: dict[str, Any], problems: list[str]) -> None:
    assert content_problems_of(item(**changes)) == problems


@given(st.sampled_from(sorted(item())), st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text()))
def test_no_value_surprises_the_checks(name: str, value: Any) -> None:
    assert all(problem.startswith(f"item.{name}") for problem in content_problems_of({**item(), name: value}))


@pytest.mark.parametrize("body", [[], [item()], "x", 1, None])
def test_an_item_comes_alone(partner: Partner, body: Any) -> None:
    answer = partner.offer(body)
    assert (answer.status, answer.json["error"]) == (400, "the item is malformed")
    assert partner.sandbox.content == []


def test_an_item_is_held_and_updated_by_sending_it_again(partner: Partner) -> None:
    first = partner.offer(item())
    answers = [partner.offer(item(title=title)) for title in ("Clouds", "Clouds")]

    assert (first.status, first.json) == (200, {"status": "accepted", "content_id": "course:Demo+X"})
    assert [answer.status for answer in answers] == [200, 200]
    assert partner.sandbox.content == [item(title="Clouds")]
    assert [entry.body["title"] for entry in partner.sandbox.content_entries][1:] == ["Clouds", "Clouds"]
    assert partner.sandbox.state["content"] == {
        "items": 1,
        "updated": 1,
        "repeated": 1,
        "by_organization": {"org-1": 1},
    }
    assert partner.sandbox.requests[-1].ids == ("course:Demo+X",)


def test_each_organization_has_a_catalog_of_its_own(sandbox: Sandbox) -> None:
    for organization in ("org-1", "org-2"):
        Partner(sandbox, organization=organization).offer(item(author=organization))
    assert [one["author"] for one in sandbox.content] == ["org-1", "org-2"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/content-aggregation/v1/partners/demo/content", "POST", 404),
        ("/content-aggregation/v1/partners/demo/organizations/org-1/content/", "POST", 404),
        ("/content-aggregation/v1/partners/demo/organizations/org-1/content", "GET", 405),
        ("/content-aggregation/v1/partners/demo/organizations/org-1/content", "PUT", 405),
        ("/content-aggregation/v1/partners/demo/organizations/org-1/content", "DELETE", 405),
    ],
)
def test_other_addresses_and_methods(partner: Partner, path: str, method: str, status: int) -> None:
    answer = ask(partner.sandbox.url + path, method, json.dumps(item()).encode(), partner.headers)
    assert answer.status == status


def test_without_a_token(sandbox: Sandbox) -> None:
    partner = Partner(sandbox)
    partner.headers = {}
    assert partner.offer(item()).status == 401


def test_another_organization_of_the_account() -> None:
    with Sandbox(clients=[ACCOUNT]) as sandbox:
        assert Partner(sandbox, organization="org-2").offer(item()).status == 200
        assert Partner(sandbox, organization="org-3").offer(item()).status == 403
        assert Partner(sandbox, partner="other", organization="org-2").offer(item()).status == 403


def test_an_organization_that_is_not_known() -> None:
    with Sandbox(organizations=["org-1"]) as sandbox:
        assert Partner(sandbox, organization="org-1").offer(item()).status == 200
        answer = Partner(sandbox, organization="org-2").offer(item())
        assert (answer.status, answer.json["problems"]) == (404, ["there is no such organization"])
        # Only catalogs are asked for by organization.
        assert Partner(sandbox, organization="org-2").send(statement()).status == 200


@pytest.mark.parametrize(
    ("permission", "statuses"),
    [("CONTENT_IMPORT", [403, 200, 200, 200]), ("CONTENT_AGGREGATION", [200, 403, 403, 403])],
)
def test_each_permission_is_needed_for_its_own(permission: str, statuses: list[int]) -> None:
    with Sandbox(deny=[f"academy:{permission}", "other:CONTENT_IMPORT"]) as sandbox:
        partner = Partner(sandbox)
        answers = [partner.offer(item()), partner.send(statement()), partner.track(record()), partner.read()]
        assert [answer.status for answer in answers] == statuses
        refused = next(answer for answer in answers if answer.status == 403)
        assert refused.json["problems"] == [f"this service account lacks the permission {permission}"]


@pytest.mark.parametrize("text", ["academy", "academy:", ":CONTENT_IMPORT", "academy:ALL", "academy:content_import"])
def test_a_permission_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="ID:CONTENT_AGGREGATION or ID:CONTENT_IMPORT"):
        Sandbox(deny=[text])


def about(content: str) -> dict[str, Any]:
    return statement(7, object={"objectType": "Activity", "id": content})


def test_tracking_of_unknown_content_is_refused_where_that_is_asked_for() -> None:
    with Sandbox(known_content_only=True) as sandbox:
        partner, whole = Partner(sandbox, organization="org-1"), Partner(sandbox)
        other = Partner(sandbox, organization="org-2")
        unknown = partner.send([about("course:Demo+X"), about("course:Demo+X") | {"id": statement(8)["id"]}])
        assert (unknown.status, unknown.json["problems"]) == (400, ["'course:Demo+X' is no item of the catalog"])
        assert partner.track(record()).status == 400
        assert (sandbox.statements, sandbox.track) == ([], [])

        partner.offer(item())
        assert [partner.send(about(name)).status for name in ("course:Demo+X", "course:Demo+Y")] == [200, 400]
        assert partner.send(about(item()["url"]) | {"id": statement(9)["id"]}).status == 200
        assert [one.track(record()).status for one in (partner, other, whole)] == [200, 400, 200]
        # Whoever takes a statement back names no content.
        voiding = {"id": "http://adlnet.gov/expapi/verbs/voided", "display": {"en-US": "voided"}}
        target = {"objectType": "StatementRef", "id": statement(7)["id"]}
        assert partner.send(statement(11, verb=voiding, object=target)).status == 200


def test_the_address_that_an_item_had_before_is_unknown() -> None:
    with Sandbox(known_content_only=True) as sandbox:
        partner = Partner(sandbox)
        partner.offer(item())
        partner.offer(item(url="https://lms.example.com/elsewhere"))
        partner.url = sandbox.statements_url("demo", "org-1")
        assert partner.send(about(item()["url"])).status == 400
        assert partner.send(about("https://lms.example.com/elsewhere")).status == 200


def test_without_that_everything_is_tracked(partner: Partner) -> None:
    assert partner.send(statement()).status == 200


def test_items_are_recorded_and_shown(tmp_path: Path) -> None:
    record_file, journal = tmp_path / "items.jsonl", tmp_path / "journal.jsonl"
    with Sandbox(content_record=record_file, journal=journal) as sandbox:
        Partner(sandbox, organization="org-1").offer(item())
        (line,) = map(json.loads, ask(f"{sandbox.url}/_sandbox/content").body.splitlines())
        sandbox.reset()
        assert sandbox.content == []
    assert json.loads(record_file.read_text()) == item()
    assert json.loads(journal.read_text()) == line
    assert (line["kind"], line["organization"], line["body"]) == ("content", "org-1", item())


def test_the_command_line_takes_the_same(tmp_path: Path) -> None:
    options = ["--port", "0", "--deny", "a:CONTENT_IMPORT", "--organization", "org-1", "--known-content-only"]
    options += ["--content-record", str(tmp_path / "items.jsonl")]
    sandbox = _sandbox(_parser().parse_args(options))
    try:
        rules = sandbox.application.percipio.rules
        assert rules.denied == {("a", "CONTENT_IMPORT")}
        assert (rules.organizations, rules.known_content_only) == (("org-1",), True)
        assert rules.content_record == tmp_path / "items.jsonl"
    finally:
        sandbox.close()
