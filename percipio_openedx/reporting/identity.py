"""Decide who a learner is to Percipio, from the account, its single-sign-on links and the site's rules. Pure.

Nothing is guessed: if a value is missing or ambiguous, the learner is not named, with a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from percipio_openedx.config import Configuration
from percipio_openedx.data import Learner, LearnerIdentity, SocialLink
from percipio_openedx.enums import Api, HoldReason
from percipio_openedx.exceptions import LearnerNotNamed
from percipio_openedx.statements.iri import is_email

# The platform's SAML backend; its uids are "<identity provider's slug>:<remote id>".
SAML = "tpa-saml"
SSO = "sso:"


def identify(learner: Learner, configuration: Configuration) -> LearnerIdentity:
    """Name the learner by ``PERCIPIO_LEARNER_ID`` and ``PERCIPIO_ORGANIZATION_FROM``, or raise ``LearnerNotNamed``."""
    links = _selected(learner, configuration.learners)
    organization = _organization(links, configuration)
    name = learner.name.strip() if configuration.send_names else ""
    if configuration.learner_id == "email":
        if "@" not in learner.email:
            raise LearnerNotNamed(HoldReason.NO_EMAIL)
        # The Track API's ``user`` is any text; an xAPI Agent's ``mbox`` is an address.
        if configuration.api is Api.STATEMENTS and not is_email(learner.email):
            raise LearnerNotNamed(HoldReason.ODD_EMAIL)
        return LearnerIdentity(email=learner.email, name=name, organization=organization)
    return LearnerIdentity(
        home_page=configuration.learner_home_page,
        account=_account(learner, links, configuration.learner_id),
        name=name,
        organization=organization,
    )


def needs_links(configuration: Configuration) -> bool:
    """Whether this site's rules read single-sign-on links."""
    rules = (configuration.learner_id, configuration.organization_from, configuration.learners)
    return any(rule == "sso_uid" or rule.startswith(SSO) for rule in rules)


def scalar(value: Any) -> str:
    """Return one text from an identity provider's value (a text, number, or list); different values give ``''``."""
    if isinstance(value, list | tuple):
        values = {scalar(item) for item in value} - {""}
        return values.pop() if len(values) == 1 else ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()


def _selected(learner: Learner, rule: str) -> Sequence[SocialLink]:
    if not rule.startswith(SSO):
        return learner.links
    provider = rule.removeprefix(SSO)
    links = [link for link in learner.links if provider in (link.provider, _saml_uid(link)[0])]
    if not links:
        raise LearnerNotNamed(HoldReason.NOT_SELECTED)
    return links


def _account(learner: Learner, links: Sequence[SocialLink], rule: str) -> str:
    if rule == "username":
        return learner.username
    if rule == "external_id":
        if not learner.external_id:
            raise LearnerNotNamed(HoldReason.NO_EXTERNAL_ID)
        return learner.external_id
    if not links:
        raise LearnerNotNamed(HoldReason.NO_SSO_LINK)
    found = {_saml_uid(link)[1] for link in links} if rule == "sso_uid" else _values(links, rule)
    return _agreed(found - {""}, HoldReason.NO_SSO_VALUE)


def _organization(links: Sequence[SocialLink], configuration: Configuration) -> str:
    rule = configuration.organization_from
    found = _values(links, rule) if rule else set()
    if not found and (configuration.organization or not rule):
        return configuration.organization
    return _agreed(found, HoldReason.NO_ORGANIZATION)


def _values(links: Sequence[SocialLink], rule: str) -> set[str]:
    """Return the values under the key of ``sso:<key>``; raise ``LearnerNotNamed`` if a link is unreadable."""
    if any(link.extra_data is None for link in links):
        raise LearnerNotNamed(HoldReason.UNREADABLE_SSO)
    key = rule.removeprefix(SSO)
    return {scalar((link.extra_data or {}).get(key)) for link in links} - {""}


def _agreed(found: set[str], if_none: HoldReason) -> str:
    """Return the one value of all links; several links are common, two different values name nobody."""
    if len(found) != 1:
        raise LearnerNotNamed(HoldReason.AMBIGUOUS_SSO if found else if_none)
    return found.pop()


def _saml_uid(link: SocialLink) -> tuple[str, str]:
    """Return the identity provider's slug and its uid; ``''`` and the whole uid for any other backend."""
    slug, colon, remote_id = link.uid.partition(":")
    return (slug, remote_id) if link.provider == SAML and colon and slug else ("", link.uid)
