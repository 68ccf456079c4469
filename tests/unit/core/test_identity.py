"""Who a learner is to Percipio: every rule, and nobody guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.config import Configuration
from percipio_openedx.data import Learner, LearnerIdentity, SocialLink
from percipio_openedx.encryption import Secret
from percipio_openedx.enums import Api
from percipio_openedx.exceptions import LearnerNotNamed
from percipio_openedx.reporting.identity import identify, needs_links, scalar

HOME = "https://acme.percipio.com"
SITE = Configuration(
    site_id=1,
    api=Api.STATEMENTS,
    api_url="https://api.percipio.com",
    token_url="https://oauth2-provider.percipio.com/oauth2-provider/token",
    partner="acme",
    organization="",
    client_id="id",
    client_secret=Secret("s"),
    learner_home_page=HOME,
)
SAML = SocialLink(1, "tpa-saml", "percipio:77", {"PercipioUserUUID": ["u-77"], "percipioOrganizationUuid": "o-1"})
GOOGLE = SocialLink(2, "google-oauth2", "amina@gmail.com", {"PercipioUserUUID": None})
UNREADABLE = SocialLink(3, "tpa-saml", "percipio:78", None)
LEARNER = Learner(
    user_id=42, is_active=True, username="7", email="a@example.com", name=" Amina ", external_id="e-1", links=(SAML,)
)


def named(account: str, organization: str = "") -> LearnerIdentity:
    return LearnerIdentity(home_page=HOME, account=account, name="Amina", organization=organization)


@pytest.mark.parametrize(
    ("rule", "learner", "expected"),
    [
        ({}, LEARNER, LearnerIdentity(email="a@example.com", name="Amina")),
        ({"send_names": False}, LEARNER, LearnerIdentity(email="a@example.com")),
        # a username of digits stays a username
        ({"learner_id": "username"}, LEARNER, named("7")),
        ({"learner_id": "external_id"}, LEARNER, named("e-1")),
        ({"learner_id": "sso_uid"}, LEARNER, named("77")),
        ({"learner_id": "sso_uid"}, replace(LEARNER, links=(GOOGLE,)), named("amina@gmail.com")),
        ({"learner_id": "sso:PercipioUserUUID"}, LEARNER, named("u-77")),
        # of several links the one that knows, and several that agree
        ({"learner_id": "sso:PercipioUserUUID"}, replace(LEARNER, links=(GOOGLE, SAML)), named("u-77")),
        ({"learner_id": "sso:PercipioUserUUID"}, replace(LEARNER, links=(SAML, replace(SAML, id=9))), named("u-77")),
        # the provider that is reported chooses among the links, by backend or by the SAML provider's slug
        (
            {"learner_id": "sso_uid", "learners": "sso:percipio"},
            replace(LEARNER, links=(GOOGLE, SAML)),
            named("77"),
        ),
        (
            {"learner_id": "sso_uid", "learners": "sso:tpa-saml"},
            replace(LEARNER, links=(GOOGLE, SAML)),
            named("77"),
        ),
        # a uid and a provider are read from a link whose data cannot be
        ({"learner_id": "sso_uid"}, replace(LEARNER, links=(UNREADABLE,)), named("78")),
        ({"learners": "sso:percipio", "learner_id": "username"}, replace(LEARNER, links=(UNREADABLE,)), named("7")),
        # the Track API takes any text for a learner, and addresses that are unusual everybody
        (
            {"api": Api.TRACK},
            replace(LEARNER, email="a..b@example.com"),
            LearnerIdentity(email="a..b@example.com", name="Amina"),
        ),
        (
            {},
            replace(LEARNER, email="50%off#x@डाटामेल.भारत"),
            LearnerIdentity(email="50%off#x@डाटामेल.भारत", name="Amina"),
        ),
        # the learner's own organization, else the site's
        (
            {"learner_id": "sso_uid", "organization_from": "sso:percipioOrganizationUuid", "organization": "o-site"},
            LEARNER,
            named("77", "o-1"),
        ),
        (
            {"learner_id": "username", "organization_from": "sso:percipioOrganizationUuid", "organization": "o-site"},
            replace(LEARNER, links=()),
            named("7", "o-site"),
        ),
    ],
)
def test_named(rule: dict[str, Any], learner: Learner, expected: LearnerIdentity) -> None:
    assert identify(learner, replace(SITE, **rule)) == expected


@pytest.mark.parametrize(
    ("rule", "learner", "reason"),
    [
        ({}, replace(LEARNER, email=""), "no_email"),
        ({}, replace(LEARNER, email="nobody"), "no_email"),
        ({}, replace(LEARNER, email="a..b@example.com"), "odd_email"),
        ({}, replace(LEARNER, email="a@localhost"), "odd_email"),
        ({"learner_id": "sso:PercipioUserUUID"}, replace(LEARNER, links=(UNREADABLE,)), "unreadable_sso"),
        # what the other link says may be contradicted by the one that cannot be read
        ({"learner_id": "sso:PercipioUserUUID"}, replace(LEARNER, links=(SAML, UNREADABLE)), "unreadable_sso"),
        (
            {"organization_from": "sso:percipioOrganizationUuid", "organization": "o-site"},
            replace(LEARNER, links=(UNREADABLE,)),
            "unreadable_sso",
        ),
        ({"learner_id": "external_id"}, replace(LEARNER, external_id=""), "no_external_id"),
        ({"learner_id": "sso_uid"}, replace(LEARNER, links=()), "no_sso_link"),
        ({"learner_id": "sso:PercipioUserUUID"}, replace(LEARNER, links=(GOOGLE,)), "no_sso_value"),
        (
            {"learner_id": "sso:PercipioUserUUID"},
            replace(LEARNER, links=(SAML, replace(SAML, extra_data={"PercipioUserUUID": "u-78"}))),
            "ambiguous_sso",
        ),
        ({"learners": "sso:tpa-saml"}, replace(LEARNER, links=(GOOGLE,)), "not_selected"),
        ({"learners": "sso:other-idp"}, LEARNER, "not_selected"),
        (
            {"organization_from": "sso:percipioOrganizationUuid"},
            replace(LEARNER, links=()),
            "no_organization",
        ),
        (
            {"organization_from": "sso:percipioOrganizationUuid"},
            replace(LEARNER, links=(SAML, replace(SAML, extra_data={"percipioOrganizationUuid": "o-2"}))),
            "ambiguous_sso",
        ),
    ],
)
def test_not_named(rule: dict[str, Any], learner: Learner, reason: str) -> None:
    with pytest.raises(LearnerNotNamed) as caught:
        identify(learner, replace(SITE, **rule))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("u-1", "u-1"),
        (" u-1 ", "u-1"),
        (["u-1"], "u-1"),
        (["u-1", "u-1"], "u-1"),
        (["u-1", "u-2"], ""),
        ([["u-1"], None], "u-1"),
        ([], ""),
        (17, "17"),
        (True, ""),
        (None, ""),
        ({"id": 1}, ""),
        (1.5, ""),
    ],
)
def test_scalar(value: Any, expected: str) -> None:
    assert scalar(value) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(extra=st.dictionaries(st.sampled_from(["PercipioUserUUID", "other"]), json_values))
def test_whatever_an_identity_provider_sends_is_a_name_or_a_reason(extra: dict[str, Any]) -> None:
    learner = replace(LEARNER, links=(replace(SAML, extra_data=extra),))
    try:
        identity = identify(learner, replace(SITE, learner_id="sso:PercipioUserUUID"))
    except LearnerNotNamed as error:
        assert error.reason in ("no_sso_value", "ambiguous_sso")
    else:
        assert identity.account
        assert identity.scalar == identity.account


def test_personal_data_is_in_no_repr() -> None:
    shown = repr(LEARNER) + repr(identify(LEARNER, SITE)) + repr(SAML)
    assert not any(private in shown for private in ("a@example.com", "Amina", "u-77", "e-1"))


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        ({}, False),
        ({"learner_id": "username"}, False),
        ({"learner_id": "sso_uid"}, True),
        ({"learner_id": "sso:key"}, True),
        ({"organization_from": "sso:key"}, True),
        ({"learners": "sso:tpa-saml"}, True),
    ],
)
def test_links_are_read_only_where_a_rule_asks(rule: dict[str, Any], needed: bool) -> None:
    assert needs_links(replace(SITE, **rule)) is needed
