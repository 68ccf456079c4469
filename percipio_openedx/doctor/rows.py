"""What waits, what is stuck, and what should not be here any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from percipio_openedx import config, edx_platform
from percipio_openedx.codes import CompletedOn, Pause
from percipio_openedx.config import Configuration
from percipio_openedx.delivery import misdated
from percipio_openedx.doctor.findings import Finding, doubtful, well, wrong
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.erasure import ErasureRequest
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.ledger import StatementLedger
from percipio_openedx.models.notice import Notice
from percipio_openedx.models.observation_failure import ObservationFailure, Part
from percipio_openedx.models.statement import LONGEST_LEASE, OPEN_STATES, State, Statement
from percipio_openedx.operations import retired
from percipio_openedx.operations.sites import configurations
from percipio_openedx.reporting import failures
from percipio_openedx.reporting.due import MOST_AHEAD

RUN = gettext_lazy("Run percipio_run, and see that a worker of the LMS (or percipio_run --loop) is always running.")
REPAIR = gettext_lazy(
    "Repair the course in the LMS, or leave it out (percipio_courses); percipio_retry --now tries it at once. "
    "All other courses are reported."
)
# Course runs whose grading is asked for.
MOST_COURSES = 200
# Course runs, or reasons, that are named one by one.
MOST_NAMED = 20


def notices() -> Iterator[Finding]:
    """How long the oldest notice has waited for a look."""
    oldest = failures.oldest_notice(timezone.now())
    name = _("notices")
    if oldest is None:
        yield well(name, _("none waits"))
    elif oldest > timezone.now() + MOST_AHEAD:
        seen = _("a time in the future: %(at)s") % {"at": f"{oldest:%Y-%m-%d %H:%M} UTC"}
        yield doubtful(name, seen, _("Check the clocks of all servers; what was written by a wrong one is due now."))
    elif timezone.now() - oldest > _patience() + timedelta(seconds=_observe_after()):
        yield wrong(name, _waited(oldest), str(RUN))
    else:
        yield well(name, _waited(oldest))


def observations() -> Iterator[Finding]:
    """Course runs, and single learners, that the LMS cannot be asked about."""
    rows = ObservationFailure.objects.of_courses().order_by("pk")
    for row in rows[:MOST_NAMED]:
        name = _("course %(course)s") % {"course": row.course_key}
        told = {"reason": row.reason, "time": _age(row.failing_since), "at": f"{row.retry_at:%Y-%m-%d %H:%M} UTC"}
        if row.part == Part.PROGRESS:
            seen = _("its progress cannot be had for %(time)s: %(reason)s; asked again at %(at)s")
            yield doubtful(name, seen % told, str(REPAIR))
        else:
            seen = _("cannot be read for %(time)s: %(reason)s; tried again at %(at)s")
            yield wrong(name, seen % told, str(REPAIR))
    courses = rows.count()
    if courses > MOST_NAMED:
        seen = _("%(count)s cannot be read, of which %(named)s are named above")
        yield wrong(_("courses"), seen % {"count": courses, "named": MOST_NAMED}, str(REPAIR))
    reasons = ObservationFailure.objects.of_learners().order_by().values_list("reason").annotate(Count("pk"))
    for reason, count in sorted(reasons[:MOST_NAMED]):
        seen = ngettext("of %(count)s: %(reason)s", "of %(count)s: %(reason)s", count) % {
            "count": count,
            "reason": reason,
        }
        mend = _("They are tried again by themselves; the admin lists them (observations that failed).")
        yield doubtful(_("learners who cannot be observed"), seen, mend)
    if not courses and not reasons:
        yield well(_("observations"), _("every course and learner can be read"))


def destinations() -> Iterator[Finding]:
    """Destinations that Percipio, or this site's settings, have closed."""
    rows = list(Destination.objects.order_by("site_id", "organization"))
    for row in rows:
        name = _("destination %(id)s (%(destination)s)") % {"id": row.pk, "destination": row}
        if row.paused_reason == Pause.NOT_CONFIGURED:
            seen = _("its site reports no more; what waits there stays")
            yield doubtful(name, seen, _("Configure the site, or give up."))
        elif row.paused_reason:
            mend = _(
                "Mend the account or the settings; percipio_doctor --online tells which. It is then tried by itself."
            )
            seen = _("paused, %(reason)s: %(error)s") % {"reason": row.paused_reason, "error": row.last_error}
            yield wrong(name, seen, mend)
        elif row.failures:
            since = _age(row.failing_since or timezone.now())
            seen = _("failing for %(time)s: %(error)s") % {"time": since, "error": row.last_error}
            yield doubtful(name, seen, _("Nothing is lost: it is tried again by itself."))
        if row.plain_answer_trusted_at is not None:
            believed = _("Percipio does not say what it stored; what it answers (%(answer)s) is believed since %(at)s")
            yield well(name, believed % {"answer": row.plain_answer, "at": f"{row.plain_answer_trusted_at:%Y-%m-%d}"})
    if not any(row.paused_reason or row.failures for row in rows):
        yield well(_("destinations"), _("%(count)s, all open") % {"count": len(rows)})


def statements() -> Iterator[Finding]:
    """What Percipio refused, and what has waited for too long."""
    parked = Statement.objects.filter(state=State.PARKED).count()
    if parked:
        mend = _("See why in the admin (statements, parked); after the mend: percipio_retry --parked")
        yield wrong(_("parked statements"), _("%(count)s refused by Percipio") % {"count": parked}, mend)
    else:
        yield well(_("parked statements"), _("none"))
    yield from _to_be_built_anew()
    yield from _waiting()


def _to_be_built_anew() -> Iterator[Finding]:
    """What could not be built anew, by reason."""
    rows = Statement.objects.filter(state=State.OUTDATED, attempts__gt=0).order_by()
    for reason, count in sorted(rows.values_list("answer").annotate(Count("pk"))[:MOST_NAMED]):
        mend = _("Mend what the reason says; they are tried again by themselves, or at once by percipio_retry --now.")
        yield doubtful(_("statements to be built anew"), f"{count}: {reason}", mend)


def _waiting() -> Iterator[Finding]:
    """A worker is missing where statements wait though nothing is wrong with their destination."""
    name = _("waiting statements")
    is_open = Q(failures=0, paused_reason="")
    late = timezone.now() - _patience()
    free, held = (_oldest(Destination.objects.filter(way)) for way in (is_open, ~is_open))
    if free is not None and free < late:
        yield wrong(name, _waited(free), str(RUN))
    elif held is not None and held < late:
        yield doubtful(name, _waited(held), _("They wait for the destinations named above."))
    else:
        times = [at for at in (free, held) if at is not None]
        yield well(name, _waited(min(times)) if times else _("none"))


def _oldest(destinations: QuerySet[Destination]) -> datetime | None:
    """When the first of the statements on their way to these destinations was stored."""
    rows = Statement.objects.filter(destination__in=list(destinations), state__in=OPEN_STATES)
    first = rows.aggregate(pk=Min("pk"))["pk"]
    return Statement.objects.filter(pk=first).values_list("stored_at", flat=True).first() if first else None


def times() -> Iterator[Finding]:
    """What a clock stored that was ahead: nothing waits for it, but somebody should look at that clock."""
    now = timezone.now()
    far = now + MOST_AHEAD
    counts = {
        _("statements"): misdated.statements(now).count() + misdated.leases(now).count(),
        _("destinations"): Destination.objects.filter(misdated.destinations(now)).count(),
        _("notices"): Notice.objects.filter(noticed_at__gt=far).count(),
        _("learners in courses"): LearnerCourse.objects.filter(leased_until__gt=now + LONGEST_LEASE).count(),
        _("times of storing"): StatementLedger.objects.filter(last_stored_at__gt=far).count(),
    }
    found = ", ".join(f"{what}: {count}" for what, count in counts.items() if count)
    if found:
        seen = _("a time in the future (%(found)s)") % {"found": found}
        mend = _("See that the clocks of all servers are right. What was put off is due now, with the next pass.")
        yield doubtful(_("clock"), seen, mend)
    else:
        yield well(_("clock"))


def learners() -> Iterator[Finding]:
    """Who should have been erased, here and there."""
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
    asked = ErasureRequest.objects.filter(done_at__isnull=True).count()
    if asked:
        mend = _("Send the list of percipio_erasures to Skillsoft; then percipio_erasures --done ID")
        yield doubtful(_("erasures"), _("%(count)s to be asked of Skillsoft") % {"count": asked}, mend)


def ungraded_courses() -> Iterator[Finding]:
    """Courses in which nothing is graded can never be completed where completed means passed."""
    for site_id, one in configurations().items():
        if not isinstance(one, Configuration) or one.policy.completed_on is not CompletedOn.PASSED:
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
                _("ungraded courses of site %(site)s") % {"site": site_id},
                seen % {"ungraded": len(ungraded), "all": len(keys), "example": ungraded[0]},
                _("Set PERCIPIO_COMPLETED_ON to any, or leave these courses out (percipio_courses)."),
            )


def _is_ungraded(course_key: str) -> bool:
    try:
        course = edx_platform.course(course_key)
    except PlatformUnavailable:
        return False
    return course is not None and not course.is_graded


def _patience() -> timedelta:
    try:
        return timedelta(seconds=config.alert_after())
    except PercipioConfigurationError:
        return timedelta(hours=1)


def _observe_after() -> int:
    try:
        return config.observe_after()
    except PercipioConfigurationError:
        return 0


def _waited(since: datetime) -> str:
    return _("the oldest has waited for %(time)s") % {"time": _age(since)}


def _age(since: datetime) -> str:
    seconds = max(0, int((timezone.now() - since).total_seconds()))
    return str(timedelta(seconds=seconds))
