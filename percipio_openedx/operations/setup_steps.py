"""How far a site is set up: six steps, from its credentials to the first statement that Percipio has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.core.cache import cache
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from percipio_openedx import __version__, config
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.configuration import Account, PercipioConfiguration
from percipio_openedx.operations import connection_check, problems, reach, sites, status
from percipio_openedx.operations.checks import CheckResult
from percipio_openedx.operations.problem_kinds import ProblemCode, Severity
from percipio_openedx.operations.problems import Problem
from percipio_openedx.operations.reach import Said
from percipio_openedx.operations.sites import InForce, SiteStatus

# Seconds for which it is remembered that a connection was tested, or a statement previewed.
REMEMBERED = 7 * 24 * 3600
CREDENTIALS = ("region", "api_url", "token_url", "partner_name", "organization_id", "client_id", "client_secret")
OF_CREDENTIALS = {f"PERCIPIO_{name.upper()}" for name in CREDENTIALS}


class SetupState(StrEnum):
    """Where a step stands: *now* is the first that is open, *later* every open one behind it."""

    DONE = "done"
    NOW = "now"
    LATER = "later"
    PROBLEM = "problem"


@dataclass(slots=True)
class SetupStep:
    """One step, with what is wrong there and the fix, if anything is."""

    name: str
    title: str
    is_done: bool
    problem: str = ""
    fix: str = ""
    state: SetupState = SetupState.LATER


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """What a connection check found, and when."""

    at: datetime
    results: list[CheckResult]

    @property
    def is_well(self) -> bool:
        return connection_check.is_well(self.results)


@dataclass(slots=True)
class SiteConnection:
    """The credentials of a site, or of one of its accounts: usable, mistaken, or (neither) not given or switched off.

    Whether anybody has chosen whose learners are reported makes no difference.
    """

    account: str = ""
    configuration: Configuration | None = None
    mistake: PercipioConfigurationError | None = None
    test: ConnectionTest | None = None


@dataclass(slots=True)
class SiteSetup:
    """A site on its way to the first statement that arrives.

    ``row`` is its newest version, None if the settings say everything; ``meant`` what is in force, or would be if the
    site were switched on; ``said`` whom it reports then; ``problems`` what keeps statements from arriving.
    """

    status: SiteStatus
    row: PercipioConfiguration | None
    meant: InForce
    connections: list[SiteConnection]
    said: Said
    problems: list[Problem]
    steps: list[SetupStep] = field(default_factory=list)

    @property
    def source(self) -> str:
        """Return where the credentials are from: ``accounts``, ``admin`` or ``settings``; empty without any."""
        if any(one.account for one in self.connections):
            return "accounts"
        if self.row is not None and self.row.client_id:
            return "admin"
        return "settings" if any(one.configuration or one.mistake for one in self.connections) else ""


def examine(site_id: int, now: datetime, tests: Mapping[str, ConnectionTest] | None = None) -> SiteSetup:
    """Find out how far a site is.

    ``tests`` are the connection tests made just now, by account, for an LMS whose cache remembers nothing.
    """
    snapshot, meant, row = status.take(now, [site_id]), meant_for(site_id), PercipioConfiguration.newest(site_id)
    found = list(connections(site_id))
    for one in found:
        if one.configuration is not None:
            one.test = (tests or {}).get(one.account) or cache.get(_test_key(one.configuration))
    here = [one for one in problems.find(snapshot) if one.site_id in (None, site_id)]
    said = reach.whom(meant) if meant is not None else Said("")
    setup = SiteSetup(snapshot.sites[site_id], row, meant, found, said, here)
    setup.steps = list(_in_order(_steps(setup)))
    return setup


def meant_for(site_id: int) -> InForce:
    """Return a site's configuration as if the site were switched on; None without credentials."""
    row = PercipioConfiguration.newest(site_id)
    if row is not None:
        row.enabled = True
    return sites.in_force([site_id], *sites.rows_with(row))[site_id]


def connections(site_id: int) -> Iterator[SiteConnection]:
    """Yield the credentials of a site, or those of its accounts."""
    values, accounts = config.values_of(PercipioConfiguration.newest(site_id)), Account.in_order([site_id])
    if not accounts:
        is_given = any(values[name] for name in ("partner_name", "client_id", "client_secret"))
        yield _connection(site_id, "", values if is_given else None)
    for account in accounts:
        yield _connection(site_id, account.name, config.account_values(values, account) if account.enabled else None)


def _connection(site_id: int, account: str, values: Mapping[str, object] | None) -> SiteConnection:
    """Return the credentials of a site or an account; without values they are not given, or switched off."""
    found = SiteConnection(account)
    try:
        if values is not None:
            found.configuration = config.build(site_id, {**values, "learners": values["learners"] or "all"})
    except PercipioConfigurationError as error:
        found.mistake = error.of_account(account) if account else error
    return found


def _steps(setup: SiteSetup) -> Iterator[SetupStep]:
    has_arrived, meant, learners = setup.status.has_arrived, setup.meant, "PERCIPIO_LEARNERS"
    mistakes = [one.mistake for one in setup.connections if one.mistake]
    of_credentials = [one for one in mistakes if setup.source == "accounts" or one.setting in OF_CREDENTIALS]
    usable = [one for one in setup.connections if one.configuration]
    given = bool(usable or mistakes) and not of_credentials
    yield SetupStep("credentials", _("Credentials"), given, *_said(of_credentials[:1]))
    broken = [one for one in usable if one.test and not one.test.is_well]
    tested = bool(usable) and all(one.test and one.test.is_well for one in usable)
    problem = _("The connection does not work yet.") if broken else ""
    yield SetupStep("test", _("Test"), tested or (has_arrived and not broken), problem)
    others = [meant] if given and isinstance(meant, PercipioConfigurationError) and meant.setting != learners else []
    nowhere = [one for one in setup.problems if one.code is ProblemCode.NO_COURSES]
    problem, fix = (nowhere[0].sentence, nowhere[0].fix) if nowhere else _said(others)
    if setup.said.is_nobody and not problem:
        fix = _("Check PERCIPIO_LEARNERS, and how learners are named to Percipio.")
        problem = _("Nobody would be reported.")
    is_chosen = isinstance(meant, Configuration) and not problem
    yield SetupStep("scope", _("Whom and what"), is_chosen, problem, fix)
    previewed = isinstance(meant, Configuration) and bool(cache.get(_preview_key(meant)))
    yield SetupStep("preview", _("Preview of one real statement"), has_arrived or previewed)
    on = setup.status.configuration
    switched_on = on is not None and bool(on.senders)
    problem, fix = "", ""
    if not config.is_on():
        problem = _("Switched off: PERCIPIO_ENABLED is False. Nothing is noticed and nothing is sent.")
        fix = _("Set it to True, and restart the LMS and its workers.")
    yield SetupStep("switch", _("Switch on"), switched_on, problem, fix)
    errors = [one for one in setup.problems if switched_on and one.severity is Severity.ERROR]
    wrong = [one for one in errors if one.code not in (ProblemCode.MISCONFIGURED, ProblemCode.NO_COURSES)]
    problem, fix = (wrong[0].sentence, wrong[0].fix) if wrong and not has_arrived else ("", "")
    yield SetupStep("arrival", _("The first one arrives"), has_arrived, problem, fix)


def _said(mistakes: list[PercipioConfigurationError]) -> tuple[str, str]:
    if not mistakes:
        return "", ""
    return mistakes[0].message, _("Correct %(setting)s.") % {"setting": mistakes[0].setting}


def _in_order(steps: Iterator[SetupStep]) -> Iterator[SetupStep]:
    is_open = False
    for step in steps:
        if step.is_done:
            step.state = SetupState.DONE
        elif step.problem:
            step.state = SetupState.PROBLEM
        else:
            step.state = SetupState.LATER if is_open else SetupState.NOW
        is_open = is_open or not step.is_done
        yield step


def remember_test(configuration: Configuration, test: ConnectionTest) -> None:
    cache.set(_test_key(configuration), test, timeout=REMEMBERED)


def remember_preview(configuration: Configuration) -> None:
    """Remember that a statement as this configuration makes them was previewed."""
    cache.set(_preview_key(configuration), True, timeout=REMEMBERED)


def _preview_key(one: Configuration) -> str:
    return _key(f"previewed:{one.site_id}", "|".join(each.fingerprint for each in (one, *one.senders)))


@sensitive_variables()
def _test_key(one: Configuration) -> str:
    where = (one.api_url, one.token_url, one.partner, one.organization, one.api, one.catalog.offering, one.catalog.push)
    return _key("tested", json.dumps([__version__, *where, one.client_id, one.client_secret.reveal()]))


@sensitive_variables()
def _key(what: str, text: str) -> str:
    hashed = salted_hmac("percipio_openedx.operations.setup_steps", text, algorithm="sha256")
    return f"percipio_openedx:{what}:{hashed.hexdigest()}"
