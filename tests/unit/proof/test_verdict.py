"""The chaos harness's judge sees each kind of fault, so that its zeros mean something."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.proof.expected import ACCOUNTS, Expected, Link
from benchmarks.proof.verdict import Said, judge
from demo.learning import destinations, people

AT, LATER = "2026-05-01T08:00:00.000Z", "2026-05-02T08:00:00.000Z"
KEY = ("amina@example.com", "course:AcademyX+C1")
MUST = frozenset({("initialized", AT), ("passed", LATER), ("completed", LATER)})
TRUE = Expected(
    site=1,
    name="Amina",
    retired=False,
    must=MUST,
    may=MUST | {("progressed", 20), ("progressed", 40)},
    partners=frozenset({"demo-academy"}),
)


def reported(word: str, detail: object, **changed: object) -> Said:
    one = Said("demo-academy", KEY[0], "Amina", KEY[1], word, detail, "registration-1")
    return replace(one, **changed)


START, TWENTY, FORTY = reported("initialized", AT), reported("progressed", 20), reported("progressed", 40)
PASS, END = reported("passed", LATER), reported("completed", LATER)
WHOLE = [START, TWENTY, FORTY, PASS, END]


def faults(*said: Said, true: Expected = TRUE) -> Counter[str]:
    return judge({KEY: true}, said).faults


@pytest.mark.parametrize("said", [WHOLE, [START, FORTY, PASS, END], [START, PASS, END]])
def test_the_truth_is_no_fault_however_many_shares_were_seen(said: list[Said]) -> None:
    assert faults(*said) == Counter()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([START, PASS], {"lost": 1}),
        ([], {"lost": 3}),
        ([*WHOLE, END], {"doubled": 1}),
        ([START, FORTY, TWENTY, PASS, END], {"out of order": 1}),
        ([PASS, START, END], {"out of order": 1}),
        ([START, PASS, END, TWENTY], {"out of order": 1}),
        ([*WHOLE[:4], replace(END, partner="demo-workshop")], {"wrong site": 1}),
        ([*WHOLE[:4], replace(END, name="Bo")], {"wrong learner": 1}),
        ([*WHOLE[:4], replace(END, registration="another")], {"wrong learner": 1}),
        ([START, reported("progressed", 60), PASS, END], {"untrue": 1}),
        ([*WHOLE, reported("completed", AT)], {"untrue": 1, "doubled": 1}),
    ],
)
def test_every_fault_is_seen(said: list[Said], expected: dict[str, int]) -> None:
    assert faults(*said) == Counter(expected)


def test_somebody_who_was_never_enrolled_is_a_wrong_learner() -> None:
    stranger = replace(START, email="bo@example.com", name="Bo", registration="registration-2")
    assert faults(*WHOLE, stranger) == Counter({"wrong learner": 1})


def test_two_learners_never_share_a_registration() -> None:
    other = (("bo@example.com", KEY[1]), replace(TRUE, name="Bo"))
    said = [*WHOLE, *(replace(one, email="bo@example.com", name="Bo") for one in (START, PASS, END))]
    assert judge(dict([(KEY, TRUE), other]), said).faults == Counter({"wrong learner": 1})


def test_of_the_retired_nothing_has_to_be_held_and_what_is_held_has_to_be_true() -> None:
    gone = replace(TRUE, retired=True)
    assert faults(true=gone) == Counter()
    assert faults(START, reported("completed", AT), true=gone) == Counter({"untrue": 1})


CAMPUS = replace(TRUE, site=2, partners=frozenset({"demo-birch"}))


def at(partner: str, *said: Said) -> list[Said]:
    return [replace(one, partner=partner) for one in said]


def test_another_account_of_the_site_is_a_wrong_account() -> None:
    assert faults(*at("demo-birch", *WHOLE), true=CAMPUS) == Counter()
    assert faults(*at("demo-birch", *WHOLE[:4]), *at("demo-cedar", END), true=CAMPUS) == Counter({"wrong account": 1})
    assert faults(*at("demo-birch", *WHOLE[:4]), *at("demo-academy", END), true=CAMPUS) == Counter({"wrong site": 1})


def test_who_is_of_no_account_is_told_to_nobody() -> None:
    nobodys = replace(CAMPUS, must=frozenset(), partners=frozenset())
    assert faults(true=nobodys) == Counter()
    assert faults(*at("demo-birch", START), true=nobodys) == Counter({"wrong account": 1})


def test_who_was_moved_is_told_of_once_in_the_order_of_each_account() -> None:
    both = replace(CAMPUS, partners=frozenset({"demo-birch", "demo-cedar"}))
    late = [*at("demo-cedar", FORTY, PASS, END), *at("demo-birch", START, TWENTY)]
    assert faults(*late, true=both) == Counter()
    assert faults(*late, *at("demo-birch", END), true=both) == Counter({"doubled": 1})
    assert faults(*late[:3], *late[:2:-1], true=both) == Counter({"out of order": 1})


BIRCH, CEDAR = (one.organization for one in ACCOUNTS[2])


@pytest.mark.parametrize(
    ("links", "partners"),
    [
        ([], []),
        ([Link("tpa-saml", "another")], []),
        ([Link("tpa-saml", BIRCH)], ["demo-birch"]),
        ([Link("tpa-saml", "another"), Link("google", CEDAR)], ["demo-cedar"]),
        ([Link("tpa-saml", BIRCH), Link("tpa-saml", CEDAR)], ["demo-birch", "demo-cedar"]),
    ],
)
def test_whose_learner_somebody_is(links: list[Link], partners: list[str]) -> None:
    assert [one.partner for one in ACCOUNTS[2] if one.fits(links)] == partners
    assert [one.fits(links) for one in ACCOUNTS[4]] == [any(link.provider == "tpa-saml" for link in links)]
    assert [one.fits(links) for one in ACCOUNTS[1]] == [True]


def test_the_demo_says_the_same_of_both_customers() -> None:
    assert [people.organization_of(customer) for customer in people.CUSTOMERS] == [BIRCH, CEDAR]
    assert [destinations.partner_of(customer) for customer in people.CUSTOMERS] == ["demo-birch", "demo-cedar"]
