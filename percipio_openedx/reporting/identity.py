"""Who a learner is to Percipio. Pure: an account, its links and the site's rule in; an identity or a reason out.

Nothing is guessed: a value that is not there, or not certain, makes the learner unnamed with a reason.
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
    """The learner as ``PERCIPIO_LEARNER_ID`` names one, in the organization that ``PERCIPIO_ORGANIZATION_FROM`` gives.

    Raises:
        LearnerNotNamed: with the reason that an operator is shown.
    """
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
    """Whether single-sign-on links have to be read for this site."""
    rules = (configuration.learner_id, configuration.organization_from, configuration.learners)
    return any(rule == "sso_uid" or rule.startswith(SSO) for rule in rules)


def scalar(value: Any) -> str:
    """A single text of what an identity provider sent, which may be a list of one, a number, or nothing.

    A list of several different values names nobody.
    """
    if isinstance(value, list | tuple):
        values = {scalar(item) for item in value} - {""}
        return values.pop() if len(values) == 1 else ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()


def _selected(learner: Learner, rule: str) -> Sequence[SocialLink]:
    """The links that count: all, or those of the one provider whose learners are reported."""
    if not rule.startswith(SSO):
        return learner.links
    provider = rule.removeprefix(SSO)
    links = [link for link in learner.links if provider in (link.provider, _slug(link))]
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
    if rule == "sso_uid":
        return _only([_remote_id(link) for link in links])
    return _only(_values(links, rule))


def _organization(links: Sequence[SocialLink], configuration: Configuration) -> str:
    rule = configuration.organization_from
    if not rule:
        return configuration.organization
    found = set(_values(links, rule)) - {""}
    if len(found) > 1:
        raise LearnerNotNamed(HoldReason.AMBIGUOUS_SSO)
    if found:
        return found.pop()
    if configuration.organization:
        return configuration.organization
    raise LearnerNotNamed(HoldReason.NO_ORGANIZATION)


def _values(links: Sequence[SocialLink], rule: str) -> list[str]:
    """Return what the links say under the key of a rule ``sso:<key>``.

    Raises:
        LearnerNotNamed: one cannot be read, and might say anything; the others are no answer then.
    """
    found = []
    for link in links:
        if link.extra_data is None:
            raise LearnerNotNamed(HoldReason.UNREADABLE_SSO)
        found.append(scalar(link.extra_data.get(rule.removeprefix(SSO))))
    return found


def _only(values: Sequence[str]) -> str:
    """The one value that the links agree on: several rows are common, two answers are nobody's."""
    found = set(values) - {""}
    if not found:
        raise LearnerNotNamed(HoldReason.NO_SSO_VALUE)
    if len(found) > 1:
        raise LearnerNotNamed(HoldReason.AMBIGUOUS_SSO)
    return found.pop()


def _slug(link: SocialLink) -> str:
    return link.uid.partition(":")[0] if link.provider == SAML and ":" in link.uid else ""


def _remote_id(link: SocialLink) -> str:
    """The uid as the identity provider knows it, without the platform's prefix."""
    return link.uid.partition(":")[2] if _slug(link) else link.uid
