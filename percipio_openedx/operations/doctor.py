"""The doctor: every check of an installation in order, each with its fix.

The backlog and its problems come from ``status`` and ``problems``, as in the overview and the alerts. Settings, keys,
LMS functions, cache, broker, workers and, on request, Percipio are checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import cache

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config, edx_platform
from percipio_openedx.encryption import StoredSecret
from percipio_openedx.models.configuration import Account, AccountColumns, PercipioConfiguration
from percipio_openedx.models.destination import PullClient
from percipio_openedx.operations import (
    checks,
    connection_check,
    course_checks,
    installation_checks,
    labels,
    problems,
    reach,
    sites,
    status,
    sweep,
)
from percipio_openedx.operations.checks import CheckResult, CheckVerdict, asked, doubtful, skipped, well, wrong
from percipio_openedx.operations.problem_kinds import ProblemCode, Severity
from percipio_openedx.operations.problems import NOTICES, Problem
from percipio_openedx.operations.sites import SiteStatus
from percipio_openedx.operations.status import Snapshot
from percipio_openedx.settings.common import PULL_SCOPE

# Problems named individually per kind.
MOST_NAMED = 20
OF_OBSERVING = (ProblemCode.UNREADABLE, ProblemCode.UNOBSERVED)


def examine(*, is_online: bool = False) -> Iterator[CheckResult]:
    """Yield every result as it is found; skip checks whose tables are missing.

    ``is_online`` also contacts Percipio: token, read, empty write, clock.
    """
    migrations = installation_checks.migrations()
    yield migrations
    yield from checks.settings()
    yield installation_checks.signals()
    yield installation_checks.receivers()
    yield installation_checks.cache_works()
    yield from installation_checks.worker_answers()
    if migrations.verdict is CheckVerdict.WRONG:
        return
    yield from installation_checks.timeouts()
    yield from client_secrets()
    yield from installation_checks.platform_functions()
    yield installation_checks.completion()
    yield from course_checks.progress()
    yield installation_checks.routing()
    yield from pull_clients()
    snapshot, all_courses = status.take(timezone.now()), cache(reach.courses_by_site)
    yield from health(snapshot)
    yield from course_checks.reported_learners(snapshot, all_courses)
    yield from course_checks.retired_learners()
    yield from course_checks.ungraded_courses(snapshot)
    yield from course_checks.catalogs(snapshot, all_courses)
    yield from course_checks.shared_ids(snapshot)
    yield from connections(snapshot, is_online=is_online)


def health(snapshot: Snapshot) -> Iterator[CheckResult]:
    """Yield the checks of a snapshot, each with its problems or as passed."""
    found = problems.find(snapshot)
    for one_site in snapshot.sites.values():
        yield from _of_site(one_site, found)
    for name, subjects, otherwise in _checks(snapshot):
        chosen = [one for one in found if (NOTICES if one.subject == NOTICES else one.code) in subjects]
        yield from (_result(name, one) for one in chosen[:MOST_NAMED])
        if len(chosen) > MOST_NAMED:
            seen = _("and %(count)s more: see the admin") % {"count": len(chosen) - MOST_NAMED}
            yield wrong(name, seen, chosen[0].fix)
        elif not chosen and otherwise is not None:
            yield well(name, otherwise)
    for site, one in snapshot.reporting:
        name = _("compared with the LMS: %(site)s") % {"site": site}
        if config.sweeps():
            yield well(name, sweep.described(snapshot.sites[one.site_id].sweep))
        else:
            yield skipped(name, _("switched off (PERCIPIO_SWEEP): a lost signal waits for the learner's next act"))
    for each in snapshot.destinations:
        if each.row.plain_answer_trusted_at is not None:
            seen = _("Percipio does not say what it stored; what it answers (%(answer)s) is believed since %(at)s")
            values = {"answer": each.row.plain_answer, "at": f"{each.row.plain_answer_trusted_at:%Y-%m-%d}"}
            yield well(_("plain answer"), seen % values, said=each.row.plain_answer)


def _checks(snapshot: Snapshot) -> list[tuple[str, tuple[str, ...], str | None]]:
    stored = min((one.waiting_since for one in snapshot.destinations if one.waiting_since), default=None)
    count = len(snapshot.destinations)
    destinations = _("none")
    if count:
        destinations = ngettext("%(count)s, working", "%(count)s, all working", count) % {"count": count}
    return [
        (_("sites"), (ProblemCode.UNCONFIGURED,), None),
        (_("notices"), (NOTICES,), _oldest(snapshot.oldest_notice) or _("none waits")),
        (_("worker"), (ProblemCode.BROKEN,), None),
        (_("observations"), OF_OBSERVING, _("every course and learner can be read")),
        (_("destinations"), (ProblemCode.PAUSED, ProblemCode.FAILING), destinations),
        (_("parked statements"), (ProblemCode.PARKED,), _("none")),
        (_("refused courses"), (ProblemCode.ITEMS_REFUSED,), None),
        (_("learners unknown to Percipio"), (ProblemCode.UNKNOWN_LEARNERS,), None),
        (_("statements to be rebuilt"), (ProblemCode.NOT_REBUILT,), None),
        (_("waiting statements"), (ProblemCode.LATE,), _oldest(stored) or _("none")),
        (_("clock"), (ProblemCode.CLOCK,), ""),
        (_("characters"), (ProblemCode.CHARACTERS,), ""),
        (_("erasure requests"), (ProblemCode.ERASURES,), None),
    ]


def _oldest(moment: datetime | None) -> str:
    return _("the oldest is of %(at)s") % {"at": problems.at(moment)} if moment else ""


def _result(name: str, problem: Problem) -> CheckResult:
    verdict = CheckVerdict.WRONG if problem.severity is Severity.ERROR else CheckVerdict.DOUBTFUL
    where = f"{problem.where}: " if problem.where and problem.where not in name else ""
    return CheckResult(verdict, name, where + problem.sentence, problem.fix, problem.code.value, problem.said)


def site(site_id: int) -> list[CheckResult]:
    """Return the checks of one site's configuration that precede a connection check."""
    snapshot = status.take(timezone.now(), [site_id])
    return list(_of_site(snapshot.sites[site_id], problems.find(snapshot)))


def _of_site(site: SiteStatus, found: Iterable[Problem]) -> Iterator[CheckResult]:
    name = _("configuration of %(site)s") % {"site": site.name}
    codes = (ProblemCode.MISCONFIGURED, ProblemCode.NO_COURSES, ProblemCode.SITE_VALUES)
    here = [_result(name, one) for one in found if one.code in codes and one.site_id == site.site_id]
    yield from here
    if here:
        return
    one = site.configuration
    if one is not None:
        for sender in one.senders:
            seen = _("%(api)s, partner %(partner)s, organization %(organization)s")
            if sender.account:
                seen = _(
                    "account %(account)s, learners %(rule)s: %(api)s, partner %(partner)s, organization "
                    "%(organization)s"
                )
            values = {"account": sender.account, "rule": sender.learners, "api": labels.of(labels.APIS, sender.api)}
            yield well(name, seen % {**values, "partner": sender.partner, "organization": sender.organization or "-"})
        for off in one.accounts:
            if off.in_force is None:
                seen = _("account %(account)s is switched off: its learners are not reported") % {"account": off.name}
                yield skipped(name, seen)
        return
    seen = _("none, or switched off: this site's courses are not reported")
    if site.waiting:
        waiting = ngettext("%(count)s statement waits", "%(count)s statements wait", site.waiting)
        seen += f"; {waiting % {'count': site.waiting}}"
    yield skipped(name, seen)


def client_secrets() -> Iterator[CheckResult]:
    """Yield the stored secrets to re-encrypt with the newest key, or to retype."""
    newest = list(sites.newest_rows().values())
    accounts = Account.in_order()
    earlier = _earlier(PercipioConfiguration, newest) | _earlier(Account, accounts)
    names = sites.names({*earlier, *(row.site_id for row in (*newest, *accounts))})
    for row in sorted([*newest, *accounts], key=lambda one: (one.site_id, getattr(one, "name", ""))):
        where = sites.place_name(names[row.site_id], getattr(row, "name", ""))
        name = _("client secret of %(site)s") % {"site": where}
        secret = row.client_secret
        if not secret:
            continue
        if not secret.is_readable:
            # For a site that reports, its configuration is already reported as wrong.
            yield doubtful(name, _("stored, and none of the keys decrypts it"), _("Type it again in the admin."))
        elif isinstance(secret, StoredSecret) and not secret.is_newest:
            fix = _("Save the site's configuration again in the admin; only then take the older key out.")
            yield doubtful(name, _("stored with an older key"), fix)
        else:
            yield well(name, _("stored with the newest key"))
    if earlier:
        seen = _("stored still at the sites %(sites)s") % {"sites": ", ".join(names[pk] for pk in sorted(earlier))}
        fix = _("Save the configuration of each of these sites again.")
        yield doubtful(_("client secrets of earlier versions"), seen, fix)


def _earlier(model: type[AccountColumns], newest: Iterable[AccountColumns]) -> set[int]:
    """Return the sites of earlier versions that have kept a secret."""
    kept = model.objects.exclude(pk__in=[row.pk for row in newest]).exclude(client_secret=b"")
    return set(kept.order_by().values_list("site_id", flat=True))


def pull_clients() -> Iterator[CheckResult]:
    """Yield whether each enabled client's application can get a token accepted here."""
    rows = list(PullClient.objects.filter(enabled=True).order_by("pk"))
    if not rows:
        yield well(_("pull clients"), _("none"))
    for row in rows:
        name = _("pull client %(id)s") % {"id": row.pk}
        yield from asked(name, _pull_client(name, row.client_id))


def _pull_client(name: str, client_id: str) -> Iterator[CheckResult]:
    mistakes = edx_platform.application_mistakes(client_id, PULL_SCOPE)
    problem = edx_platform.signed_token_problem(client_id)
    for mistake in mistakes:
        fix = _("Correct the OAuth2 application in the LMS's admin, or switch the pull client off.")
        yield wrong(name, mistake, fix)
    if problem and not mistakes:
        yield doubtful(name, problem, _("Give the application a user of its own, or use opaque tokens."))
    elif not mistakes:
        yield well(name)


def connections(snapshot: Snapshot, *, is_online: bool) -> Iterator[CheckResult]:
    """Yield the connection check of each reporting site, or of each of its accounts; only on request."""
    for site, reported in snapshot.reporting:
        for one in reported.senders:
            where = {"site": sites.place_name(site, one.account)}
            if not is_online:
                yield skipped(_("connection of %(site)s") % where, _("not tried; --online tries it"))
                continue
            for step in connection_check.examine(one):
                yield replace(step, name=_("%(site)s: %(step)s") % {**where, "step": step.name})
