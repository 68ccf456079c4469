"""``percipio_catalog``: the catalog in a terminal, as a file for Percipio, and on its way there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from percipio_openedx.delivery import tokens
from percipio_openedx.enums import CatalogGap
from percipio_openedx.models import Account, CatalogEntry, CourseOverride
from percipio_openedx.operations import labels
from percipio_sandbox import Sandbox
from tests.integration.builders import a_site
from tests.integration.catalog.overviews import an_overview

pytestmark = pytest.mark.django_db

Manage = Callable[..., Any]
LINKED = ("export", "--format", "linked-content")


@pytest.fixture(autouse=True)
def site(settings: Any) -> Any:
    settings.PERCIPIO_CATALOG = "all visible"
    settings.LMS_ROOT_URL = "https://lms.example.com"
    an_overview("course-v1:A+One+R1", display_name="=One")
    an_overview("course-v1:A+One+R2", invitation_only=True)
    an_overview("course-v1:A+Two+R", effort="ask us", display_name="Two")
    CourseOverride.objects.create(course_key="course:A+One", content_id="ext-1", tags="a,b")
    return settings


RECORD = {
    "content_id": "ext-1",
    "title": "=One",
    "type": "COURSE",
    "duration": 10800,
    "language": "en",
    "url": "https://lms.example.com/percipio/launch/ext-1",
    "description": "Short.",
    "tags": ["a", "b"],
    "thumbnail_url": "https://lms.example.com/a.jpg",
    "author": "A",
}


def test_the_list(manage: Manage) -> None:
    ran = manage("percipio_catalog", "list")
    assert ran.code == 1
    assert ran.lines == [
        "course:A+Two  Two  (course-v1:A+Two+R)",
        "  held back: Its effort says no duration that can be read. Write it in Studio as 3 hours, or give a duration "
        "in its course override, or set PERCIPIO_CATALOG_DURATION for all such courses.",
        "ext-1  =One  (course-v1:A+One+R1, course-v1:A+One+R2)",
        "2 items, 1 held back",
    ]


def test_the_list_for_programs(manage: Manage) -> None:
    two, one = manage("percipio_catalog", "--json", "list").documents
    assert one == {"record": RECORD, "runs": ["course-v1:A+One+R1", "course-v1:A+One+R2"], "held": []}
    assert two["held"] == ["no_duration"]
    assert "duration" not in two["record"]


def test_linked_content(manage: Manage) -> None:
    ran = manage("percipio_catalog", *LINKED)
    assert ran.lines == [
        '"external_content_id","new_external_content_id","content_uuid","title","description","url","image_url"',
        '"ext-1","","","\'=One","Short.","https://lms.example.com/percipio/launch/ext-1","https://lms.example.com/a.jpg"',
    ]
    assert ran.err == (
        "left out: course:A+Two (course-v1:A+Two+R): Its content id holds other characters than letters, digits and "
        "- @ , $ #, or begins like a formula. Give it another one in its course override.\n"
    )
    assert ran.code == 1


def test_a_file_with_everything_in_it_is_well(manage: Manage) -> None:
    CourseOverride.objects.create(course_key="course:A+Two", content_id="ext-2", duration=60)
    assert (manage("percipio_catalog", *LINKED).code, manage("percipio_catalog", "list").code) == (0, 0)
    ran = manage("percipio_catalog", "export", "--format", "content-import")
    assert (ran.code, ran.err, len(ran.lines)) == (0, "", 3)
    assert ran.lines[1].startswith('"ext-1","\'=One","COURSE","10800","en",')


def test_a_template_is_filled_letter_by_letter(manage: Manage, tmp_path: Path) -> None:
    template = tmp_path / "template.csv"
    template.write_text("Title,External Content ID,Region\n", encoding="utf-8")
    ran = manage("percipio_catalog", *LINKED, "--template", str(template))
    assert ran.lines == ['"Title","External Content ID","Region"', '"\'=One","ext-1",""']
    assert "the template has no column for what is mandatory: description, url" in ran.err
    assert "left empty: Region" in ran.err
    assert ran.code == 1


def test_a_file_for_programs(manage: Manage) -> None:
    (found,) = manage("percipio_catalog", "--json", *LINKED).documents
    assert found["rows"][0]["external_content_id"] == "ext-1"
    assert found["left_out"] == [
        {"content_id": "course:A+Two", "runs": ["course-v1:A+Two+R"], "why": ["id_does_not_fit"]}
    ]


def test_decisions_are_imported(manage: Manage, tmp_path: Path) -> None:
    file = tmp_path / "courses.csv"
    file.write_text("course_key,offer\ncourse-v1:A+Two+R,withdrawn\n", encoding="utf-8")
    assert manage("percipio_catalog", "import", str(file), "--dry-run").lines == [
        "Course overrides: 1 would be new, 0 would be changed, 0 unchanged."
    ]
    assert manage("percipio_catalog", "import", str(file)).code == 0
    assert manage("percipio_catalog", "list").lines[-1] == "1 item, 0 held back"


def test_the_catalog_of_another_site(manage: Manage) -> None:
    a_site("academy.example", "A")
    assert manage("percipio_catalog", "list", "--site", "academy.example").lines[-1] == "2 items, 1 held back"
    assert manage("percipio_catalog", "list").lines[-1] == "0 items, 0 held back"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PERCIPIO_CATALOG", "", "example.com has no catalog; set PERCIPIO_CATALOG"),
        ("PERCIPIO_CATALOG", "odd", "PERCIPIO_CATALOG: is 'odd'; it must be one of '', chosen, all visible"),
        ("PERCIPIO_ENABLED", False, "example.com is switched off"),
    ],
)
def test_why_there_is_none(manage: Manage, site: Any, name: str, value: object, words: str) -> None:
    setattr(site, name, value)
    ran = manage("percipio_catalog", "list")
    assert ran.code == 2
    assert words in ran.err


# --- sending ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def sending(site: Any, arriving: Sandbox) -> Sandbox:
    tokens._memory.clear()
    site.PERCIPIO_CATALOG_PUSH = True
    site.PERCIPIO_ORGANIZATION_ID = "globex"
    return arriving


def test_the_difference_is_shown_and_sent(manage: Manage, sending: Sandbox) -> None:
    lines = [
        f"example.com, globex: held back: course:A+Two  Two  {labels.GAPS[CatalogGap.DURATION]}",
        "example.com, globex: waiting: ext-1  =One",
        "example.com, globex: 2 differences",
    ]
    for arguments in (["diff"], ["push", "--dry-run"]):
        ran = manage("percipio_catalog", *arguments)
        assert (ran.code, ran.lines) == (1, lines)
    assert not sending.requests and not CatalogEntry.objects.exists()
    ran = manage("percipio_catalog", "push")
    assert (ran.code, ran.lines) == (
        1,
        [
            "example.com, globex: 1 sent, 0 refused, 0 to be tried again",
            "not in Percipio: 1 held back; percipio_catalog diff says why",
        ],
    )
    assert [one["content_id"] for one in sending.content] == ["ext-1"]
    CourseOverride.objects.create(course_key="course:A+Two", offer="withdrawn")
    assert manage("percipio_catalog", "push").code == 0
    assert manage("percipio_catalog", "diff").lines == ["example.com, globex: 0 differences"]
    CourseOverride.objects.create(course_key="course-v1:A+One+R1", offer="withdrawn")
    CourseOverride.objects.create(course_key="course-v1:A+One+R2", offer="withdrawn")
    ran = manage("percipio_catalog", "diff")
    assert (ran.code, ran.lines[0]) == (0, "example.com, globex: withdrawn: ext-1  =One"), (
        "only Skillsoft can remove it"
    )


def test_the_difference_for_programs(manage: Manage, sending: Sandbox) -> None:
    held, waiting = manage("percipio_catalog", "--json", "diff").documents
    assert (held["state"], waiting["state"]) == ("held", "waiting")
    assert waiting == {
        "site": 1,
        "site_name": "example.com",
        "account": "",
        "organization": "globex",
        "content_id": "ext-1",
        "title": "=One",
        "state": "waiting",
        "sent_at": None,
        "status": None,
        "answer": "",
    }
    (pushed,) = manage("percipio_catalog", "--json", "push").documents
    place = {"site": 1, "site_name": "example.com", "account": "", "organization": "globex"}
    assert pushed == {**place, "sent": 1, "refused": 0, "later": 0}
    CourseOverride.objects.filter(content_id="ext-1").update(title="Two")
    _held, changed = manage("percipio_catalog", "--json", "diff").documents
    assert datetime.fromisoformat(changed["sent_at"]) == CatalogEntry.objects.get(content_id="ext-1").sent_at


def test_an_operator_does_not_wait_for_the_backoff(manage: Manage, sending: Sandbox) -> None:
    sending.set_scenario("content-500:1")
    assert manage("percipio_catalog", "push").lines[0] == "example.com, globex: 0 sent, 0 refused, 1 to be tried again"
    assert "internal server error" in manage("percipio_catalog", "diff").lines[1]
    assert manage("percipio_catalog", "push").lines[0] == "example.com, globex: 1 sent, 0 refused, 0 to be tried again"


def test_what_was_refused_is_sent_again_where_an_operator_says_so(manage: Manage, sending: Sandbox) -> None:
    sending.set_scenario("content-400:1")
    assert manage("percipio_catalog", "push").lines[0] == "example.com, globex: 0 sent, 1 refused, 0 to be tried again"
    assert manage("percipio_catalog", "push").lines[0] == "example.com, globex: 0 sent, 0 refused, 0 to be tried again"
    ran = manage("percipio_catalog", "push", "--refused")
    assert ran.lines[0] == "example.com, globex: 1 sent, 0 refused, 0 to be tried again"


def test_an_account_without_an_organization_is_named(manage: Manage, sending: Sandbox) -> None:
    for name, organization in (("one", "globex"), ("two", "")):
        Account.objects.create(
            **{"site_id": 1, "name": name, "enabled": True, "learners": f"sso:{name}", "region": "custom"},
            **{"api_url": sending.url, "token_url": sending.token_url, "partner_name": name, "client_id": "client"},
            **{"client_secret": "canary-own", "organization_id": organization},
        )
    ran = manage("percipio_catalog", "push")
    assert ran.lines[0] == "example.com, account one, globex: 1 sent, 0 refused, 0 to be tried again"
    assert "two: left out, the account has no organization id" in ran.err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLIENT_ID", "", "is empty"),
        ("CATALOG_PUSH", False, "set PERCIPIO_CATALOG_PUSH"),
        ("ORGANIZATION_ID", "", "set PERCIPIO_ORGANIZATION_ID"),
    ],
)
def test_what_sending_needs_is_named(sending: Any, manage: Manage, site: Any, name: str, value: Any, said: str) -> None:
    setattr(site, f"PERCIPIO_{name}", value)
    ran = manage("percipio_catalog", "push")
    assert ran.code == 2 and said in ran.err
    assert not sending.requests


def test_a_site_without_credentials_sends_nothing(manage: Manage) -> None:
    ran = manage("percipio_catalog", "push")
    assert ran.code == 2 and "no credentials" in ran.err
