"""Whose learner somebody is: the first account whose rule matches has the learner, and never a second one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.config import AccountInForce, Configuration
from percipio_openedx.config.values import learner_rule
from percipio_openedx.data import Learner, SocialLink
from percipio_openedx.encryption import Secret
from percipio_openedx.enums import Api, HoldReason
from percipio_openedx.exceptions import LearnerNotNamed, PercipioConfigurationError
from percipio_openedx.reporting.identity import account_of, identify, needs_external_ids, needs_links

SITE = Configuration(1, Api.STATEMENTS, "", "", "", "", "", Secret(""), learner_home_page="https://lms.example.com")
MISTAKE = PercipioConfigurationError("client_secret (acme)", "is wrong")
ACME = SocialLink(1, "tpa-saml", "acme:7", {"org": "ACME-1", "country": ["de"], "id": "a-7"})
BETA = SocialLink(2, "tpa-saml", "beta:8", {"org": 42, "country": "FR", "id": "b-8"})
UNREADABLE = SocialLink(3, "oidc", "9", None)


def account(name: str, rule: str, **values: Any) -> AccountInForce:
    """An account that is switched on and right."""
    return AccountInForce(name, rule, replace(SITE, account=name, learners=rule, partner=name, **values))


def off(name: str, rule: str) -> AccountInForce:
    return AccountInForce(name, rule, None)


def broken(name: str, rule: str) -> AccountInForce:
    return AccountInForce(name, rule, MISTAKE)


def site(*accounts: AccountInForce) -> Configuration:
    return replace(SITE, accounts=accounts)


def learner(*links: SocialLink) -> Learner:
    return Learner(user_id=1, is_active=True, email="a@example.com", links=links)


def whose(person: Learner, configuration: Configuration) -> str:
    """The account's name, or why there is none."""
    try:
        return account_of(person, configuration).account
    except LearnerNotNamed as error:
        return f"held: {error.reason}"
    except PercipioConfigurationError:
        return "held: mistake"


@pytest.mark.parametrize(
    ("rules", "links", "expected"),
    [
        (["all"], (), "0"),
        (["sso:acme", "all"], (ACME,), "0"),
        (["sso:acme", "all"], (BETA,), "1"),
        (["sso:acme", "sso:beta"], (BETA, ACME), "0"),
        (["sso:acme", "sso:beta"], (), "held: no_account"),
        (["sso:org=acme-1", "all"], (ACME,), "0"),
        (["sso:org=other,ACME-1", "all"], (ACME,), "0"),
        (["sso:org=acme", "all"], (ACME,), "1"),
        (["sso:org=42", "all"], (BETA,), "0"),
        (["sso:country=DE,AT", "sso:country=fr"], (BETA,), "1"),
        (["sso:country=DE", "sso:country=FR"], (replace(BETA, extra_data={"country": ["fr", "FR", ""]}),), "1"),
        # what cannot be read, or says two things, decides nothing: neither this account nor a later one
        (["sso:org=acme-1", "all"], (UNREADABLE,), "held: unreadable_sso"),
        (["sso:org=acme-1", "all"], (UNREADABLE, ACME), "0"),
        (["sso:oidc", "all"], (UNREADABLE,), "0"),
        (["sso:org=beta", "sso:org=acme-1"], (UNREADABLE, ACME), "held: unreadable_sso"),
        (["sso:org=a", "all"], (replace(ACME, extra_data={"org": ["a", "b"]}),), "held: ambiguous_sso"),
        (["sso:org=a", "all"], (replace(ACME, extra_data={"org": ["c", "b"]}),), "1"),
        (["sso:org=a", "all"], (replace(ACME, extra_data={"org": {"a": 1}}),), "1"),
        (["sso:missing=a", "all"], (ACME,), "1"),
    ],
)
def test_the_first_rule_that_matches(rules: list[str], links: tuple[SocialLink, ...], expected: str) -> None:
    assert whose(learner(*links), site(*(account(str(place), rule) for place, rule in enumerate(rules)))) == expected


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (off("acme", "sso:acme"), "account_off"),
        (broken("acme", "sso:acme"), "mistake"),
        (broken("acme", ""), "mistake"),
    ],
)
def test_who_belongs_to_an_account_that_sends_nothing_falls_to_no_other(first: AccountInForce, reason: str) -> None:
    assert whose(learner(ACME), site(first, account("all", "all"))) == f"held: {reason}"


def test_others_go_on() -> None:
    accounts = site(off("acme", "sso:acme"), broken("gamma", "sso:gamma"), account("rest", "all"))
    assert whose(learner(BETA), accounts) == "rest"


def test_a_rule_that_cannot_be_read_stops_those_that_come_to_it_only() -> None:
    accounts = site(account("acme", "sso:acme"), broken("odd", ""), account("rest", "all"))
    assert whose(learner(ACME), accounts) == "acme"
    assert whose(learner(BETA), accounts) == "held: mistake"


def test_an_account_names_its_learner_by_the_links_that_matched() -> None:
    beta = account("beta", "sso:country=fr", learner_id="sso:id", organization_from="sso:org")
    named = identify(learner(ACME, BETA), account_of(learner(ACME, BETA), site(beta)))
    assert (named.account, named.organization, named.home_page) == ("b-8", "42", "https://lms.example.com")


def test_a_rule_of_a_site_without_accounts_selects_by_value_too() -> None:
    chosen = replace(SITE, learners="sso:org=acme-1")
    assert account_of(learner(ACME), chosen) is chosen
    assert identify(learner(ACME), chosen).email == "a@example.com"
    with pytest.raises(LearnerNotNamed, match=HoldReason.NOT_SELECTED):
        identify(learner(BETA), chosen)


def test_what_is_read_is_what_any_account_needs() -> None:
    assert not needs_links(site(account("rest", "all")))
    assert needs_links(site(account("rest", "all"), off("acme", "sso:acme")))
    assert needs_links(site(account("rest", "all", learner_id="sso_uid")))
    assert not needs_external_ids(site(account("rest", "all"), off("acme", "all")))
    assert needs_external_ids(site(account("rest", "all"), account("acme", "all", learner_id="external_id")))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("all", "all"),
        ("sso:tpa-saml", "sso:tpa-saml"),
        ("sso:org=A-1", "sso:org=A-1"),
        ("sso: org = A-1 , b ", "sso:org=A-1,b"),
        ("sso:org=a=b", "sso:org=a=b"),
    ],
)
def test_rules(text: str, rule: str) -> None:
    assert learner_rule("PERCIPIO_LEARNERS", text) == rule


@pytest.mark.parametrize("text", ["", "sso:", "everyone", "sso:=a", "sso:org=", "sso:org=a,", "sso:org=,a", "sso: =a"])
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(PercipioConfigurationError, match="PERCIPIO_LEARNERS: is "):
        learner_rule("PERCIPIO_LEARNERS", text)


values = st.sampled_from(["a", "A", "b", "c", "", 1, None, True, ["a"], ["a", "b"], ["b", "b"], {"a": 1}])
extra = st.none() | st.dictionaries(st.sampled_from(["org", "country"]), values)
links = st.lists(
    st.builds(
        SocialLink,
        st.integers(1, 9),
        st.sampled_from(["tpa-saml", "oidc"]),
        st.sampled_from(["x:1", "y:2", "3"]),
        extra,
    ),
    max_size=4,
    unique_by=lambda link: link.id,
)
rules = st.one_of(
    st.sampled_from(["all", "sso:oidc", "sso:tpa-saml", "sso:x", "sso:y", ""]),
    st.builds(
        lambda key, some: f"sso:{key}={','.join(some)}",
        st.sampled_from(["org", "country"]),
        st.lists(st.sampled_from(["a", "B", "c", "1"]), min_size=1, max_size=3),
    ),
)


@given(links=links, rules=st.lists(rules, max_size=5), states=st.lists(st.sampled_from("+-!"), min_size=5, max_size=5))
def test_no_two_accounts_ever_have_one_learner(links: list[SocialLink], rules: list[str], states: list[str]) -> None:
    """Whatever is switched off or broken, a learner is of the same account as with all of them well, or held."""
    makes = {"+": account, "-": off, "!": broken}
    well = [account(str(place), rule) if rule else broken(str(place), "") for place, rule in enumerate(rules)]
    now = [
        makes[state](str(place), rule) if rule else broken(str(place), "")
        for (place, rule), state in zip(enumerate(rules), states, strict=False)
    ]
    person = learner(*links)
    if not rules:
        return
    meant, got = whose(person, site(*well)), whose(person, site(*now))
    assert got == meant or got in ("held: account_off", "held: mistake")
    # Nor does the order of the links decide, and nobody asked after the one who has the learner matters.
    assert whose(learner(*reversed(links)), site(*well)) == meant
    if meant.isdigit():
        place = int(meant)
        assert whose(person, site(*well[: place + 1])) == meant
        assert whose(person, site(*well[:place])).startswith("held: no_account") or not well[:place]
