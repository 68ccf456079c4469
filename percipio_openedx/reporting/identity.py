"""Decide whose learner somebody is and who that is to Percipio, from the user, single-sign-on links and rules. Pure.

Nothing is guessed: if a value is missing or ambiguous, the learner is not named, with a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from percipio_openedx.config import AccountInForce, Configuration
from percipio_openedx.data import Learner, LearnerIdentity, SocialLink
from percipio_openedx.enums import Api, HoldReason
from percipio_openedx.exceptions import LearnerNotNamed
from percipio_openedx.statements.text import is_email

# The platform's SAML backend; its uids are "<identity provider's slug>:<remote id>".
SAML = "tpa-saml"
SSO = "sso:"


def account_of(learner: Learner, configuration: Configuration) -> Configuration:
    """Return the configuration of the account whose learner this is; the site's own where it has no accounts.

    Raises:
        LearnerNotNamed: the learner is of no account, or of one that is switched off, or that cannot be told.
        PercipioConfigurationError: there is a mistake in the account.
    """
    return configuration if not configuration.accounts else usable(account_for(learner, configuration))


def account_for(learner: Learner, configuration: Configuration) -> AccountInForce | None:
    """Return the first account whose rule matches, usable or not; None if the learner is nobody's.

    Raises:
        LearnerNotNamed: a link that a rule asks about cannot be read, or says several things: it could be any later
            account's learner as well as this one's, so it is nobody's.
        PercipioConfigurationError: a rule that comes before any match is mistaken.
    """
    for account in configuration.accounts:
        if not account.rule:
            account.usable()
        if _selected(learner, account.rule) is not None:
            return account
    return None


def usable(account: AccountInForce | None) -> Configuration:
    """Return the configuration of a learner's account, or raise as ``account_of``."""
    if account is None:
        raise LearnerNotNamed(HoldReason.NO_ACCOUNT)
    found = account.usable()
    if found is None:
        raise LearnerNotNamed(HoldReason.ACCOUNT_OFF)
    return found


def identify(learner: Learner, configuration: Configuration) -> LearnerIdentity:
    """Name the learner as a site, or one of its accounts, names people, or raise ``LearnerNotNamed``.

    The rules: ``PERCIPIO_LEARNERS``, ``PERCIPIO_LEARNER_ID``, ``PERCIPIO_ORGANIZATION_FROM``.
    """
    links = _selected(learner, configuration.learners)
    if links is None:
        raise LearnerNotNamed(HoldReason.NOT_SELECTED)
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
    """Whether the rules of this site, or of any of its accounts, read single-sign-on links."""
    rules = [account.rule for account in configuration.accounts]
    for one in configuration.senders:
        rules += [one.learner_id, one.organization_from, one.learners]
    return any(rule == "sso_uid" or rule.startswith(SSO) for rule in rules)


def needs_external_ids(configuration: Configuration) -> bool:
    """Whether this site, or any of its accounts, names learners by the LMS's external id."""
    return any(one.learner_id == "external_id" for one in configuration.senders)


def scalar(value: Any) -> str:
    """Return one text from an identity provider's value (a text, number, or list); different values give ``''``."""
    if isinstance(value, list | tuple):
        values = {scalar(item) for item in value} - {""}
        return values.pop() if len(values) == 1 else ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()


def _selected(learner: Learner, rule: str) -> Sequence[SocialLink] | None:
    """Return the links by which a rule selects the learner, all of them for ``all``; None if it does not.

    Raises ``LearnerNotNamed`` where that cannot be told.
    """
    if not rule.startswith(SSO):
        return learner.links
    provider, equals, listed = rule.removeprefix(SSO).partition("=")
    if equals:
        return _with_value(learner.links, provider, {value.casefold() for value in listed.split(",")})
    return [link for link in learner.links if provider in (link.provider, _saml_uid(link)[0])] or None


def _with_value(links: Sequence[SocialLink], key: str, wanted: set[str]) -> Sequence[SocialLink] | None:
    """Return the links that have one of these values under a key, compared without case."""
    texts = {link.id: _texts((link.extra_data or {}).get(key)) for link in links}
    found = [link for link in links if len(texts[link.id]) == 1 and texts[link.id] <= wanted]
    if not found and any(link.extra_data is None for link in links):
        raise LearnerNotNamed(HoldReason.UNREADABLE_SSO)
    if not found and any(texts[link.id] & wanted for link in links):
        # One of several values: whose learner this is would be a guess.
        raise LearnerNotNamed(HoldReason.AMBIGUOUS_SSO)
    return found or None


def _texts(value: Any) -> set[str]:
    """Return the different texts in an identity provider's value, in lower case."""
    if isinstance(value, list | tuple):
        return set().union(*map(_texts, value))
    return {scalar(value).casefold()} - {""}


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
