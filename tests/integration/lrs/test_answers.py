"""What an answer looks like: bytes, forms, headers and refusals."""

from __future__ import annotations

import json
from datetime import timedelta
from email.parser import BytesParser
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from django.utils.http import http_date

from percipio_openedx.enums import Kind
from percipio_openedx.lrs.find import written
from percipio_openedx.models import StatementLedger
from percipio_openedx.reporting.retirement import erase
from percipio_openedx.statements.vocabulary import VERBS
from tests.integration.lrs.puller import PATH, Puller
from tests.integration.lrs.rows import COURSE, TEACHER, actor_of, add, course_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

AUTHORITY = '{"objectType":"Agent","account":{"homePage":"https://academy.demo.local","name":"percipio-openedx"}}'


class TestForms:
    """``format`` (Communication 2.1.3)."""

    def test_xapi_00168_00170_exact_is_what_was_sent_byte_for_byte(self, puller: Puller) -> None:
        row = add(1, changes={"timestamp": "2026-02-01T10:00:00.120Z", "result": {"score": {"scaled": 0.90}}})
        added = f',"authority":{AUTHORITY},"stored":"{written(row.stored_at)}","version":"1.0.0"}}'.encode()
        exact = bytes(row.body)[:-1] + added
        assert puller.get({"statementId": row.uuid}).content == exact
        assert puller.get({"format": "exact"}).content == b'{"statements":[' + exact + b'],"more":""}'

    def test_xapi_00171_ids_are_what_identifies_and_no_more(self, puller: Puller) -> None:
        add(1)
        (found,) = puller.statements(format="ids")
        assert {name: found[name] for name in ("actor", "verb", "object", "context")} == {
            "actor": {"mbox": "mailto:learner1@example.com"},
            "verb": {"id": VERBS[Kind.STARTED]},
            "object": {"objectType": "Activity", "id": course_id(1)},
            "context": {
                "registration": found["context"]["registration"],
                "platform": "Demo",
                "instructor": TEACHER,
                "contextActivities": {"grouping": [{"objectType": "Activity", "id": COURSE.format(number=1)}]},
            },
        }

    def test_xapi_00171_anonymous_groups_keep_their_members(self, puller: Puller) -> None:
        group = {"objectType": "Group", "name": "Team", "member": [{"mbox": "mailto:a@example.com", "name": "A"}]}
        add(1, changes={"context": {"team": group, "instructor": {**group, "mbox": "mailto:g@example.com"}}})
        (found,) = puller.statements(format="ids")
        assert found["context"] == {
            "team": {"objectType": "Group", "member": [{"mbox": "mailto:a@example.com"}]},
            "instructor": {"objectType": "Group", "mbox": "mailto:g@example.com"},
        }

    @pytest.mark.parametrize(
        ("languages", "name"),
        [
            ("de", {"de": "Netze 1"}),
            ("de-AT, en;q=0.1", {"en-US": "Networks 1"}),
            ("en", {"en-US": "Networks 1"}),
            ("en;q=0.1, de;q=0.9", {"de": "Netze 1"}),
            ("fr, *;q=0.1", {"en-US": "Networks 1"}),
            ("fr", {"en-US": "Networks 1"}),
            ("", {"en-US": "Networks 1"}),
            ("en-US;q=0, *", {"de": "Netze 1"}),
            (";;;,q=, de;q=x", {"en-US": "Networks 1"}),
        ],
    )
    def test_xapi_00169_00172_canonical_has_one_language(
        self, puller: Puller, languages: str, name: dict[str, str]
    ) -> None:
        add(1)
        response = puller.get({"format": "canonical"}, headers={"Accept-Language": languages})
        (found,) = json.loads(response.content)["statements"]
        assert (found["object"]["definition"]["name"], found["actor"]) == (name, actor_of(1))

    def test_xapi_00161_no_attachments_is_json(self, puller: Puller) -> None:
        assert puller.get({"attachments": "false"})["Content-Type"] == "application/json"

    def test_xapi_00167_attachments_are_multipart_also_where_there_are_none(self, puller: Puller) -> None:
        row = add(1)
        for query in ({"attachments": "true"}, {"attachments": "true", "statementId": row.uuid}):
            response = puller.get(query)
            whole = BytesParser().parsebytes(
                f"Content-Type: {response['Content-Type']}\r\n\r\n".encode() + response.content
            )
            (part,) = whole.get_payload()
            assert (whole.get_content_type(), part.get_content_type()) == ("multipart/mixed", "application/json")
            assert str(row.uuid) in part.get_payload()

    def test_xapi_00015_utf_8(self, puller: Puller) -> None:
        add(1, changes={"verb": {"id": "http://example.com/ü", "display": {"ja": "開始した 🎓"}}})
        (found,) = puller.statements(verb="http://example.com/ü", format="canonical")
        assert found["verb"]["display"] == {"ja": "開始した 🎓"}


class TestHeaders:
    """What every answer carries."""

    def test_xapi_00153_00160_00333_on_every_answer(self, puller: Puller) -> None:
        row = add(1)
        queries: list[dict[str, Any]] = [{}, {"statementId": row.uuid}, {"foo": "bar"}, {"verb": "x"}]
        for response in [puller.get(query) for query in queries] + [puller.get(method="PUT")]:
            moment = response["X-Experience-API-Consistent-Through"]
            assert moment >= written(row.stored_at)
            assert response["X-Experience-API-Version"] == "1.0.3"

    def test_strangers_are_promised_nothing(self) -> None:
        response = Puller(None, "Bearer unknown").get()
        assert response["X-Experience-API-Consistent-Through"] == "1970-01-01T00:00:00.000000Z"
        assert response["X-Experience-API-Version"] == "1.0.3"

    def test_last_modified_is_when_it_was_stored(self, puller: Puller) -> None:
        row = add(1)
        assert puller.get({"statementId": row.uuid})["Last-Modified"] == http_date(row.stored_at.timestamp())

    def test_the_same_answer_has_the_same_mark(self, puller: Puller) -> None:
        row = add(1)
        first, again = puller.get({"statementId": row.uuid}), puller.get({"statementId": row.uuid})
        assert first["ETag"] == again["ETag"] != puller.get()["ETag"]

    def test_xapi_00125_00126_head_is_get_without_a_body(self, puller: Puller) -> None:
        row = add(1)
        for query, status in (({"statementId": row.uuid}, 200), ({"statementId": "x"}, 400), ({}, 200)):
            get, head = puller.get(query), puller.get(query, method="HEAD")
            assert (head.status_code, head.content) == (status, b"")
            names = ("Content-Type", "X-Experience-API-Version", "ETag", "Last-Modified")
            assert [head.get(name) for name in names] == [get.get(name) for name in names]

    @pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.0.3", "1.0.32"])
    def test_xapi_00331_versions_that_are_spoken(self, puller: Puller, version: str) -> None:
        assert puller.get(headers={"X-Experience-API-Version": version}).status_code == 200

    @pytest.mark.parametrize("version", ["", "1", "0.9", "0.95", "1.1.0", "2.0.0", "1.0.", "1.0.3 ", "01.0"])
    def test_xapi_00331_other_versions_are_refused(self, puller: Puller, version: str) -> None:
        response = puller.get(headers={"X-Experience-API-Version": version})
        assert (response.status_code, response.json()["parameter"]) == (400, "X-Experience-API-Version")

    @pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;q=0", "nonsense"])
    def test_json_whatever_a_reader_would_rather_have(self, puller: Puller, accept: str) -> None:
        assert puller.get(headers={"Accept": accept})["Content-Type"] == "application/json"

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    def test_nothing_but_get_and_head(self, puller: Puller, method: str) -> None:
        response = puller.get(method=method)
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


UUID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("query", "parameter", "problem"),
    [
        # XAPI-00324: a parameter that is not known; XAPI-00325: one in another case
        ("foo=bar", "foo", "is not a parameter of the statement resource"),
        ("statementid=" + UUID, "statementid", "is not a parameter of the statement resource"),
        ("Verb=http://example.com/v", "Verb", "is not a parameter of the statement resource"),
        ("%00=1", "(a parameter)", "is not a parameter of the statement resource"),
        # XAPI-00150, XAPI-00151
        (f"statementId={UUID}&voidedStatementId={UUID}", "voidedStatementId", "cannot be used together with"),
        (f"statementId={UUID}&limit=1", "limit", "cannot be used together with statementId"),
        (f"voidedStatementId={UUID}&ascending=true", "ascending", "cannot be used together with voidedStatementId"),
        ("verb=http://example.com/v&verb=http://example.com/w", "verb", "is given more than once"),
        ("verb=", "verb", "is empty"),
        ("statementId=1", "statementId", "is not a UUID"),
        ("registration={" + UUID + "}", "registration", "is not a UUID"),
        ("verb=completed", "verb", "is not an IRI"),
        ("activity=http://", "activity", "is not an IRI"),
        ("agent=learner@example.com", "agent", "is not JSON"),
        ("agent=" + "[" * 7000, "agent", "is not JSON"),
        ("agent=" + "1" * 9000, "agent", "is longer than"),
        ('agent={"mbox":"mailto:a@example.com","mbox":"mailto:b@example.com"}', "agent", "is not JSON"),
        ('agent={"mbox":NaN}', "agent", "is not JSON"),
        ('agent=["mailto:a@example.com"]', "agent", "is no Agent or identified Group"),
        ('agent={"name":"A"}', "agent", "is no Agent or identified Group"),
        ('agent={"mbox":"a@example.com"}', "agent", "is no Agent or identified Group"),
        ('agent={"mbox":"mailto:a@example.com","openid":"http://a.example.com"}', "agent", "is no Agent"),
        ('agent={"objectType":"Group","member":[{"mbox":"mailto:a@example.com"}]}', "agent", "is no Agent"),
        ("since=yesterday", "since", "is not an ISO 8601 timestamp"),
        ("since=2026-02-30T00:00:00Z", "since", "is not a moment that exists"),
        ("until=2026-02-01T00:00:00+00:00", "until", "has to be written as %2B"),
        ("until=2026-02-01T00:00:00-00:00", "until", "is not an ISO 8601 timestamp"),
        ("until=9999-12-31T23:59:59-23:59", "until", "is not a moment that exists"),
        ("limit=-1", "limit", "is not a whole number"),
        ("limit=1.0", "limit", "is not a whole number"),
        ("limit=%D9%A1", "limit", "is not a whole number"),
        ("ascending=True", "ascending", "is neither true nor false"),
        ("attachments=1", "attachments", "is neither true nor false"),
        ("format=json", "format", "is none of"),
        ("more=abc", "more", "was not made by this resource"),
    ],
)
def test_a_malformed_question_is_refused_by_name(puller: Puller, query: str, parameter: str, problem: str) -> None:
    response = puller.get(query)
    assert (response.status_code, response.json()["parameter"]) == (400, parameter)
    assert problem in response.json()["problem"]


def test_a_thousand_parameters(puller: Puller) -> None:
    assert puller.get("&".join(f"a{number}=1" for number in range(2000))).status_code == 400


class TestMore:
    """The address of the rest."""

    @pytest.fixture
    def more(self, puller: Puller) -> str:
        for learner in range(3):
            add(learner)
        address: str = json.loads(puller.get({"limit": 1, "verb": VERBS[Kind.STARTED]}).content)["more"]
        return address

    def test_it_is_good_for_24_hours(self, puller: Puller, more: str) -> None:
        now = timezone.now()
        for hours, status in ((23.9, 200), (24.1, 400)):
            with time_machine.travel(now + timedelta(hours=hours), tick=False):
                fresh = Puller.__new__(Puller)
                fresh.__dict__.update(puller.__dict__)
                _renew()
                assert fresh.fetch(more).status_code == status

    def test_it_cannot_be_changed(self, puller: Puller, more: str) -> None:
        assert puller.fetch(more[:-1] + ("A" if more[-1] != "A" else "B")).status_code == 400
        assert puller.fetch(more.replace("more=", "more=A")).status_code == 400

    def test_the_first_parameters_may_come_with_it_and_no_others(self, puller: Puller, more: str) -> None:
        # The address of the next page is signed with the second in which it was made.
        with time_machine.travel(timezone.now(), tick=False):
            alone = puller.fetch(more).content
            assert puller.fetch(f"{more}&limit=1&verb={VERBS[Kind.STARTED]}").content == alone
        assert puller.fetch(f"{more}&verb={VERBS[Kind.STARTED]}&limit=2").status_code == 400
        assert puller.fetch(f"{more}&limit=1").status_code == 400

    def test_it_names_nobody(self, puller: Puller, more: str) -> None:
        import base64
        import zlib

        first = json.loads(
            puller.get({"limit": 1, "agent": json.dumps(actor_of(0)), "verb": VERBS[Kind.STARTED]}).content
        )
        assert first["more"] == ""
        add(0)
        address = json.loads(puller.get({"limit": 1, "agent": json.dumps(actor_of(0))}).content)["more"]
        packed = address.partition("more=.")[2].partition("%3A")[0]
        state = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        assert b"d" in state and b"learner0" not in state and b"example.com" not in state


def _renew() -> None:
    from oauth2_provider.models import AccessToken

    AccessToken.objects.update(expires=timezone.now() + timedelta(hours=1))


def test_learners_who_have_been_retired_are_gone(puller: Puller) -> None:
    gone, voided, stays = add(1), add(1, kind=Kind.COMPLETED), add(2)
    voiding = add(1, kind=Kind.RETRACTED, retracts=voided)
    erase(1)
    assert puller.ids() == [str(stays.uuid)]
    for name, row in (("statementId", gone), ("voidedStatementId", voided), ("statementId", voiding)):
        assert puller.get({name: row.uuid}).status_code == 404
    for query in ({"agent": json.dumps(actor_of(1))}, {"verb": VERBS[Kind.RETRACTED]}):
        assert puller.ids(**query) == []
    assert b"learner1@" not in puller.get().content


def test_a_site_without_any_statement(puller: Puller) -> None:
    before = timezone.now()
    response = puller.get()
    assert response.json() == {"statements": [], "more": ""}
    assert written(before) <= response["X-Experience-API-Consistent-Through"]
    assert StatementLedger.objects.count() == 1


def test_xapi_00139_the_address(puller: Puller) -> None:
    assert puller.fetch(PATH).status_code == 200
