"""The doctor: every check of an installation in order, each with what to do.

What waits and what is wrong with it is a face of ``status`` and ``problems``, as are the overview and the alerts. The
rest is tried here and now: settings, keys, the LMS's functions, cache, broker, workers and, on demand, Percipio.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.enums import CompletedOn, ProblemCode, Severity
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.models.destination import PullClient
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.operations import (
    connection_check,
    diagnosis,
    installation_checks,
    problems,
    retired,
    settings_checks,
    status,
)
from percipio_openedx.operations.findings import Finding, Verdict, doubtful, skipped, well, wrong
from percipio_openedx.operations.problems import Problem
from percipio_openedx.operations.sites import configurations, names, newest_rows
from percipio_openedx.operations.snapshot import SiteStatus, Snapshot
from percipio_openedx.secret import StoredSecret
from percipio_openedx.settings.common import PULL_SCOPE

# Course runs whose grading is asked for.
MOST_COURSES = 200
# Problems of a kind that are named one by one.
MOST_NAMED = 20
_VERDICTS = {Severity.ERROR: Verdict.WRONG, Severity.WARNING: Verdict.DOUBTFUL}


def examine(*, is_online: bool = False) -> Iterator[Finding]:
    """Yield every finding, as it is made; what needs tables is left out where they are missing.

    Arguments:
        is_online: also speak to Percipio: token, a read, an empty write, the clock.
    """
    migrations = list(installation_checks.migrations())
    yield from migrations
    yield from settings_checks.settings()
    yield from installation_checks.signals()
    yield from installation_checks.receivers()
    yield from installation_checks.cache_works()
    yield from installation_checks.worker_answers()
    if any(found.verdict is Verdict.WRONG for found in migrations):
        return
    yield from installation_checks.timeouts()
    yield from client_secrets()
    yield from installation_checks.platform_functions()
    yield from installation_checks.completion()
    yield from installation_checks.routing()
    yield from pull_clients()
    yield from health()
    yield from learners()
    yield from ungraded_courses()
    yield from connections(is_online=is_online)


# --- what waits, and what is wrong with it ---------------------------------------------------------------------------


def health() -> Iterator[Finding]:
    """Yield the findings of one snapshot, each check with its problems, or that it is well."""
    snapshot = status.take(timezone.now())
    found = diagnosis.find(snapshot)
    for one_site in snapshot.sites.values():
        yield from of_site(one_site, found)
    for name, codes, seen in _checks(snapshot):
        chosen = [one for one in found if (one.code, one.subject == problems.NOTICES) in codes]
        yield from (_finding(name, one) for one in islice(chosen, MOST_NAMED))
        if len(chosen) > MOST_NAMED:
            text = _("and %(count)s more: see the admin") % {"count": len(chosen) - MOST_NAMED}
            yield wrong(name, text, chosen[0].fix)
        elif not chosen and seen is not None:
            yield well(name, seen)


def site(site_id: int) -> list[Finding]:
    """Return how one site's configuration is, with which a test of its connection begins."""
    snapshot = status.take(timezone.now(), [site_id])
    return list(of_site(snapshot.sites[site_id], diagnosis.find(snapshot)))


def of_site(site: SiteStatus, found: Iterable[Problem]) -> Iterator[Finding]:
    """Yield how a site's configuration is, given all problems."""
    name = _("configuration of %(site)s") % {"site": site.name}
    codes = (ProblemCode.MISCONFIGURED, ProblemCode.NO_COURSES)
    wrong_here = [one for one in found if one.code in codes and one.site_id == site.site_id]
    yield from (_finding(name, one) for one in wrong_here)
    if wrong_here:
        return
    one = site.configuration
    if one is not None:
        yield well(name, f"api={one.api} partner={one.partner} organization={one.organization or '-'}")
        return
    seen = _("none, or switched off: this site's courses are not reported")
    if site.waiting:
        waiting = ngettext("%(count)s statement waits", "%(count)s statements wait", site.waiting)
        seen += f"; {waiting % {'count': site.waiting}}"
    yield skipped(name, seen)


Checks = Iterator[tuple[str, Sequence[tuple[ProblemCode, bool]], str | None]]


def _checks(snapshot: Snapshot) -> Checks:
    """Yield each check of the snapshot: its name, its problems (and whether those of notices), what is seen else."""
    at = problems.at
    oldest = snapshot.oldest_notice
    yield _("sites"), [(ProblemCode.UNCONFIGURED, False)], None
    yield (
        _("notices"),
        [(ProblemCode.LATE, True)],
        _("the oldest is of %(at)s") % {"at": at(oldest)} if oldest else _("none waits"),
    )
    yield _("worker"), [(ProblemCode.BROKEN, False)], None
    yield (
        _("observations"),
        [(ProblemCode.UNREADABLE, False), (ProblemCode.UNOBSERVED, False)],
        _("every course and learner can be read"),
    )
    yield (
        _("destinations"),
        [(ProblemCode.PAUSED, False), (ProblemCode.FAILING, False)],
        _("%(count)s, all open") % {"count": len(snapshot.destinations)},
    )
    for found in snapshot.destinations:
        if found.row.plain_answer_trusted_at is not None:
            believed = _("Percipio does not say what it stored; what it answers (%(answer)s) is believed since %(at)s")
            reported = {"answer": found.row.plain_answer, "at": f"{found.row.plain_answer_trusted_at:%Y-%m-%d}"}
            yield _("plain answer"), [], believed % reported
    yield _("parked statements"), [(ProblemCode.PARKED, False)], _("none")
    yield _("statements to be built anew"), [(ProblemCode.NOT_REBUILT, False)], None
    times = [one.waiting_since for one in snapshot.destinations if one.waiting_since]
    waits = _("the oldest is of %(at)s") % {"at": at(min(times))} if times else _("none")
    yield _("waiting statements"), [(ProblemCode.LATE, False)], waits
    yield _("clock"), [(ProblemCode.CLOCK, False)], ""
    yield _("characters"), [(ProblemCode.CHARACTERS, False)], ""
    yield _("erasures"), [(ProblemCode.ERASURES, False)], None


def _finding(name: str, problem: Problem) -> Finding:
    where = f"{problem.where}: " if problem.where and problem.where not in name else ""
    return Finding(name, _VERDICTS[problem.severity], where + problem.sentence, problem.fix, problem.code.value)


# --- who, and what -----------------------------------------------------------------------------------------------


def learners() -> Iterator[Finding]:
    """Yield whether somebody is here who should have been erased."""
    name = _("retired learners")
    try:
        left = retired.count()
    except PlatformUnavailable as error:
        yield doubtful(name, str(error), _("See the LMS functions above."))
        return
    if left:
        seen = ngettext("%(count)s is still here", "%(count)s are still here", left) % {"count": left}
        yield wrong(name, seen, _("Run: %(command)s") % {"command": "manage.py lms percipio_prune"})
    else:
        yield well(name, _("none is left here"))


def ungraded_courses() -> Iterator[Finding]:
    """Yield courses in which nothing is graded: they are never completed where completed means passed."""
    found = {pk: one for pk, one in configurations().items() if isinstance(one, Configuration)}
    for site_id, site_name in names(found).items():
        if found[site_id].policy.completed_on is not CompletedOn.PASSED:
            continue
        rows = LearnerCourse.objects.filter(site_id=site_id).order_by().values_list("course_key")
        keys = [key for key, _count in rows.annotate(Count("pk"))[:MOST_COURSES]]
        ungraded = [key for key in keys if _is_ungraded(key)]
        if ungraded:
            seen = _(
                "%(ungraded)s of %(all)s course runs have nothing that is graded, such as %(example)s: they can be "
                "started, but never completed"
            )
            yield doubtful(
                _("ungraded courses of %(site)s") % {"site": site_name},
                seen % {"ungraded": len(ungraded), "all": len(keys), "example": ungraded[0]},
                _("Set PERCIPIO_COMPLETED_ON to any, or leave these courses out (percipio_courses)."),
            )


def _is_ungraded(course_key: str) -> bool:
    try:
        course = edx_platform.course(course_key)
    except PlatformUnavailable:
        return False
    return course is not None and not course.is_graded


def client_secrets() -> Iterator[Finding]:
    """Yield which stored secrets wait for the newest key, or for somebody to type them again."""
    newest = newest_rows()
    kept = PercipioConfiguration.objects.exclude(pk__in=[row.pk for row in newest.values()]).exclude(client_secret=b"")
    earlier = set(kept.order_by().values_list("site_id", flat=True))
    sites = names({*newest, *earlier})
    for site_id, row in sorted(newest.items()):
        name = _("client secret of %(site)s") % {"site": sites[site_id]}
        secret = row.client_secret
        if not secret:
            continue
        if not secret.is_readable:
            # Of a site that reports, the configuration is already called wrong for it.
            yield doubtful(name, _("stored, and none of the keys decrypts it"), _("Type it again in the admin."))
        elif isinstance(secret, StoredSecret) and not secret.is_newest:
            seen = _("stored with an older key")
            fix = _("Save the site's configuration again in the admin; only then take the older key out.")
            yield doubtful(name, seen, fix)
        else:
            yield well(name, _("stored with the newest key"))
    if earlier:
        name = _("client secrets of earlier versions")
        seen = _("stored still at the sites %(sites)s") % {"sites": ", ".join(sites[pk] for pk in sorted(earlier))}
        yield doubtful(name, seen, _("Save the configuration of each of these sites again."))


def pull_clients() -> Iterator[Finding]:
    """Yield whether the application of each client that is switched on can get a token that is taken here."""
    rows = list(PullClient.objects.filter(enabled=True).order_by("pk"))
    for row in rows:
        yield from _of_client(row)
    if not rows:
        yield well(_("pull clients"), _("none"))


def _of_client(row: PullClient) -> Iterator[Finding]:
    name = _("pull client %(id)s") % {"id": row.pk}
    try:
        mistakes = edx_platform.application_mistakes(row.client_id, PULL_SCOPE)
        problem = edx_platform.signed_token_problem(row.client_id)
    except PlatformUnavailable as error:
        yield doubtful(name, str(error), _("See the LMS functions above."))
        return
    for mistake in mistakes:
        yield wrong(
            name, mistake, _("Correct the OAuth2 application in the LMS's admin, or switch the pull client off.")
        )
    if problem and not mistakes:
        yield doubtful(name, problem, _("Give the application a user of its own, or use opaque tokens."))
    elif not mistakes:
        yield well(name)


# --- Percipio itself -------------------------------------------------------------------------------------------------


def connections(*, is_online: bool) -> Iterator[Finding]:
    """Yield way, clock, token, read and empty write of each site that reports; only when the operator wants it."""
    found = {pk: one for pk, one in configurations().items() if isinstance(one, Configuration)}
    for site_id, site_name in names(found).items():
        if not is_online:
            yield skipped(_("connection of %(site)s") % {"site": site_name}, _("not tried; --online tries it"))
            continue
        for one in connection_check.examine(found[site_id]):
            name = _("%(site)s: %(step)s") % {"site": site_name, "step": one.name}
            yield Finding(name, one.verdict, one.seen, one.fix)
