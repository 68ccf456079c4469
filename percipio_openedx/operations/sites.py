"""The sites that report, their configurations and their destinations' status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.sites.models import Site
from django.utils.translation import gettext as _

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.enums import SWITCHED_OFF, Pause
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.configuration import Account, AccountColumns, PercipioConfiguration
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.operations import Sweep
from percipio_openedx.models.statement import OPEN_STATES, State, StatementLedger
from percipio_openedx.operations import labels

# A site's configuration, the mistake in it, or None where it reports nothing.
InForce = Configuration | PercipioConfigurationError | None


@dataclass(slots=True)
class DestinationStatus:
    """One destination: its unsettled statements by state, when the oldest of each was stored, and whether it is late.

    ``unknown_learners`` counts those whom Percipio does not know there, ``items`` those of the catalog by state;
    ``waiting`` statements are on their way still, ``parked`` ones refused by Percipio.
    """

    row: Destination
    counts: dict[str, int] = field(default_factory=dict)
    oldest: dict[str, datetime] = field(default_factory=dict)
    is_late: bool = False
    unknown_learners: int = 0
    items: dict[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        return sum(self.counts.get(state, 0) for state in OPEN_STATES)

    @property
    def waiting_since(self) -> datetime | None:
        return min((at for state, at in self.oldest.items() if state in OPEN_STATES), default=None)

    @property
    def parked(self) -> int:
        return self.counts.get(State.PARKED, 0)

    @property
    def is_paused(self) -> bool:
        """Return whether a person must fix something; a site or account that is switched off does not count.

        A deleted account is a problem as long as something waits for it.
        """
        reason = self.row.paused_reason
        return reason not in ("", *SWITCHED_OFF) and (reason != Pause.NO_ACCOUNT or self.waiting > 0)


@dataclass(slots=True)
class SiteStatus:
    """One site: its name, configuration and destinations.

    ``is_chosen`` says that an operator decided about it: the whole LMS or this site's row is switched off, or it has
    credentials. ``may_have_courses`` says whether a course can belong to it, given a configuration of its own.
    ``sweep`` is how far it is compared with the LMS, None where it is not.
    """

    site_id: int
    name: str
    in_force: InForce = None
    is_chosen: bool = True
    may_have_courses: bool = True
    destinations: list[DestinationStatus] = field(default_factory=list)
    sweep: Sweep | None = None

    @property
    def configuration(self) -> Configuration | None:
        """Return the valid configuration, if any."""
        return self.in_force if isinstance(self.in_force, Configuration) else None

    @property
    def mistake(self) -> PercipioConfigurationError | None:
        return self.in_force if isinstance(self.in_force, PercipioConfigurationError) else None

    @property
    def mistakes(self) -> dict[str, PercipioConfigurationError]:
        """Return the mistake in each account that has one, by its name."""
        return {} if self.configuration is None else mistakes_of(self.configuration)

    @property
    def waiting(self) -> int:
        return sum(one.waiting for one in self.destinations)

    @property
    def parked(self) -> int:
        return sum(one.parked for one in self.destinations)

    @property
    def waiting_since(self) -> datetime | None:
        return min((one.waiting_since for one in self.destinations if one.waiting_since), default=None)

    @property
    def has_arrived(self) -> bool:
        """Return whether Percipio has accepted any statement of this site."""
        return any(one.row.last_success_at for one in self.destinations if not one.row.is_catalog)


def site_ids() -> list[int]:
    """Return every site that is configured, has reported, or uses the settings (the default one)."""
    ids = set(PercipioConfiguration.objects.values_list("site_id", flat=True).order_by().distinct())
    ids |= set(Account.objects.values_list("site_id", flat=True).order_by().distinct())
    ids |= set(Destination.objects.values_list("site_id", flat=True).order_by().distinct())
    ids |= set(StatementLedger.objects.values_list("pk", flat=True))
    return sorted(ids | {config.default_site_id()})


def newest_rows() -> dict[int, PercipioConfiguration]:
    return {row.site_id: row for row in PercipioConfiguration.objects.current_set()}


def newest_accounts() -> dict[int, list[Account]]:
    """Return the accounts of each site that has any, in order."""
    found: dict[int, list[Account]] = {}
    for row in Account.in_order():
        found.setdefault(row.site_id, []).append(row)
    return found


def rows_with(row: AccountColumns | None) -> tuple[dict[int, PercipioConfiguration], dict[int, list[Account]]]:
    """Return the newest rows of sites and accounts with this one, saved or not, in place of the newest of its kind."""
    rows, accounts = newest_rows(), newest_accounts()
    if isinstance(row, PercipioConfiguration):
        rows[row.site_id] = row
    elif isinstance(row, Account):
        others = [one for one in accounts.get(row.site_id, []) if one.name != row.name]
        accounts[row.site_id] = sorted([*others, row], key=lambda one: (one.position, one.name))
    return rows, accounts


def in_force(
    ids: Iterable[int], rows: dict[int, PercipioConfiguration], accounts: dict[int, list[Account]]
) -> dict[int, InForce]:
    """Return each site's configuration, given the newest rows of sites and accounts."""
    found: dict[int, InForce] = {}
    given: dict[int, Any] = {}
    # Where it cannot be read, nothing is observed, and the doctor says so; the rest is shown all the same.
    with suppress(PlatformUnavailable):
        given = edx_platform.site_values()
    for site_id in ids:
        try:
            found[site_id] = config.in_force(site_id, rows.get(site_id), given.get(site_id), accounts.get(site_id, ()))
        except PercipioConfigurationError as error:
            found[site_id] = error
    return found


def configurations() -> dict[int, InForce]:
    """Return each site's configuration. The number of queries does not grow with the sites."""
    return in_force(site_ids(), newest_rows(), newest_accounts())


def reporting() -> dict[int, Configuration]:
    """Return the configurations of the sites that report."""
    return {site_id: one for site_id, one in configurations().items() if isinstance(one, Configuration)}


def mistakes_of(configuration: Configuration) -> dict[str, PercipioConfigurationError]:
    """Return the mistake in each account of a site that has one, by its name."""
    every = {one.name: one.in_force for one in configuration.accounts}
    return {name: one for name, one in every.items() if isinstance(one, PercipioConfigurationError)}


def place_name(site_name: str, account: str) -> str:
    """Return how a site, or one of its accounts, is called in a sentence."""
    return _("%(site)s, account %(account)s") % {"site": site_name, "account": account} if account else site_name


def destination_name(row: Destination, site_name: str) -> str:
    """Return how a destination is called: by its site, its account and its organization."""
    catalog = _("catalog") if row.is_catalog else ""
    return labels.listed(filter(None, (place_name(site_name, row.account), row.organization, catalog)))


def names(ids: Iterable[int]) -> dict[int, str]:
    """Return each site's domain, or its number where the LMS has no such site."""
    wanted = set(ids)
    domains = dict(Site.objects.filter(pk__in=wanted).values_list("pk", "domain"))
    return {pk: domains.get(pk) or _("site %(id)s") % {"id": pk} for pk in sorted(wanted)}


def known(ids: Iterable[int]) -> set[int]:
    """Return those of these sites that the LMS has, and that can be set up."""
    return set(Site.objects.filter(pk__in=set(ids)).values_list("pk", flat=True))


def site_name(site_id: int) -> str:
    return names([site_id])[site_id]


def course_names(keys: Iterable[str]) -> dict[str, str]:
    """Return the names of the course runs that the LMS knows, by key; none if it cannot be asked."""
    runs = []
    for key in set(keys):
        with suppress(PlatformUnavailable):
            runs += [key] if edx_platform.parsed(key).run else []
    with suppress(PlatformUnavailable):
        return {run.key: run.name for run in edx_platform.course_runs(runs) if run.name}
    return {}


def course_named(key: str, known: Mapping[str, str]) -> str:
    """Return how a course run is called in a sentence: by its name of these with its key, or by the key alone."""
    return f"{known[key]} ({key})" if key in known else key


def subject_names(subjects: Iterable[str]) -> dict[str, str]:
    """Return what problems are about (``Problem.subject``), with sites, accounts and destinations by name.

    Two queries at most. What is no such subject, or is gone, keeps its text.
    """
    named = {text: text for text in subjects}
    # The kind, a number, and the name of an account.
    parts = {text: text.split(":", 2) for text in named}
    known = {text: part for text, part in parts.items() if len(part) > 1 and part[1].isdecimal()}
    wanted = [int(number) for kind, number, *_account in known.values() if kind == "destination"]
    rows = Destination.objects.in_bulk(wanted) if wanted else {}
    of_sites = [int(number) for kind, number, *_account in known.values() if kind in ("site", "account")]
    site_names = names([*of_sites, *(row.site_id for row in rows.values())])
    for text, (kind, number, *account) in known.items():
        if kind == "destination" and int(number) in rows:
            row = rows[int(number)]
            named[text] = destination_name(row, site_names[row.site_id])
        elif kind in ("site", "account"):
            named[text] = place_name(site_names[int(number)], "".join(account))
    return named


def without_courses() -> set[int]:
    """Return the enabled sites with their own configuration to which no course can belong.

    A course belongs to the site whose site configuration names its organization, else to ``SITE_ID``. Raises
    ``PlatformUnavailable`` where the LMS cannot be asked.
    """
    newest = PercipioConfiguration.objects.current_set().values_list("site_id", "enabled")
    is_on = dict(newest)
    configured = {site_id for site_id, is_enabled in is_on.items() if is_enabled}
    configured |= {site_id for site_id in newest_accounts() if is_on.get(site_id, True)}
    return configured - {config.default_site_id()} - set(edx_platform.sites_by_org().values())
