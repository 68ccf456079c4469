"""``percipio_backfill``: report what happened before the plugin was there, or while it was off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from percipio_openedx import edx_platform
from percipio_openedx.capture import wake
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.management.operator import Interruption, OperatorCommand, UsageError, moment
from percipio_openedx.operations import words
from percipio_openedx.operations.backfill import Backfill, Outcome, begin, unfinished
from percipio_openedx.operations.forecast import Forecast, forecast
from percipio_openedx.operations.scope import Scope
from percipio_openedx.operations.sites import site_named

SAMPLE = 1000


class Command(OperatorCommand):
    """Look at all, or a part, of history."""

    help = (
        "Looks at learners who were enrolled before, and queues what Percipio has not been told. Nothing is reported "
        "twice. It can be stopped at any time (Ctrl-C, SIGTERM); called again with the same arguments it goes on where "
        "it stopped. With --dry-run it counts, and examines a sample without reporting."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        """The scope, the pace, and whether to report at all."""
        parser.add_argument("--site", metavar="SITE", help="only this site's courses (id or domain)")
        parser.add_argument("--organization", "--org", dest="org", default="", help="only this organisation's courses")
        parser.add_argument("--course", action="append", default=[], metavar="KEY", help="only this run; repeatable")
        parser.add_argument("--learner", metavar="WHO", help="only this learner (user id, username or email)")
        parser.add_argument("--since", metavar="TIME", help="only learners with an act since (2026-01-31, UTC)")
        parser.add_argument("--until", metavar="TIME", help="only learners with an act before")
        parser.add_argument("--rate", type=float, metavar="N", help="at most N learners in courses a second")
        parser.add_argument("--restart", action="store_true", help="from the start, not where the last one stopped")
        parser.add_argument("--dry-run", action="store_true", help="report nothing: count, and examine a sample")
        parser.add_argument(
            "--sample", type=int, default=SAMPLE, metavar="N", help=f"examined by --dry-run; 0 for all ({SAMPLE})"
        )

    def operate(self, options: Mapping[str, Any]) -> bool:
        """Backfill, or say what it would do."""
        if options["rate"] is not None and not options["rate"] > 0:
            raise UsageError(_("--rate must be larger than 0"))
        if options["sample"] < 0:
            raise UsageError(_("--sample must not be negative"))
        scope = _scope(options)
        with Interruption() as interruption:
            if options["dry_run"]:
                return self._forecast(scope, options, interruption)
            return self._backfill(scope, options, interruption)

    def _forecast(self, scope: Scope, options: Mapping[str, Any], interruption: Interruption) -> bool:
        with tqdm(desc="examined", unit=" learners", disable=None) as bar:
            found = forecast(scope, options["sample"] or None, interruption, bar.update)
        if options["as_json"]:
            self.emit({**found.plain(), "interrupted": interruption.is_asked()})
        else:
            self._say_forecast(found)
        return not interruption.is_asked()

    def _say_forecast(self, found: Forecast) -> None:
        text = _("%(learners)s learners in %(courses)s course runs of sites that report")
        self.say(text % {"learners": found.enrollments, "courses": found.courses})
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.statements.items()))
        text = _("of %(examined)s examined, these would be reported: %(kinds)s")
        self.say(text % {"examined": found.examined, "kinds": kinds or _("nothing")})
        for reason, count in sorted(found.held.items()):
            self.say(_("held back: %(count)s. %(reason)s") % {"count": count, "reason": words.of(words.HOLDS, reason)})
        for course_key, problem in sorted(found.failed_courses.items()):
            self.say(_("could not be looked at (%(problem)s): %(course)s") % {"course": course_key, "problem": problem})

    def _backfill(self, scope: Scope, options: Mapping[str, Any], interruption: Interruption) -> bool:
        before = None if options["restart"] else unfinished(scope)
        if before is not None and not options["as_json"]:
            text = _("going on with backfill %(id)s: %(observed)s looked at before")
            self.say(text % {"id": before.pk, "observed": before.observed})
        run = before or begin(scope)
        with tqdm(desc="looked at", unit=" learners", disable=None) as bar:
            work = Backfill(scope, run, interruption, options["rate"], bar.update)
            courses = work.courses()
            bar.total = sum(courses.values())
            outcome = work.work(courses)
        if run.statements:
            wake.on_commit()
        self._sum_up(outcome, as_json=options["as_json"])
        return outcome.is_finished and not run.failed_courses

    def _sum_up(self, outcome: Outcome, *, as_json: bool) -> None:
        run = outcome.run
        names = ("observed", "statements", "held", "failed_courses")
        if as_json:
            counts = {name: getattr(run, name) for name in names}
            failed = {"failed": outcome.failed} if outcome.failed else {}
            self.emit(
                {"run": run.pk, "finished": outcome.is_finished, **counts, **failed, "courses": outcome.failed_courses}
            )
            return
        if outcome.is_finished:
            self.say(_("backfill %(id)s finished") % {"id": run.pk})
        else:
            self.say(_("backfill %(id)s interrupted; call it again to go on") % {"id": run.pk})
        text = _("%(observed)s looked at, %(statements)s statements queued, %(held)s held back")
        self.say(text % {name: getattr(run, name) for name in names})
        if outcome.failed:
            text = ngettext(
                "of %(count)s learner something could not be found out; a worker tries again (see percipio_doctor)",
                "of %(count)s learners something could not be found out; a worker tries again (see percipio_doctor)",
                outcome.failed,
            )
            self.say(text % {"count": outcome.failed})
        for course_key in outcome.failed_courses:
            self.say(_("could not be looked at (see the log): %(course)s") % {"course": course_key})


def _scope(options: Mapping[str, Any]) -> Scope:
    site_id = user_id = None
    if options["site"]:
        site_id = site_named(options["site"])
        if site_id is None:
            raise UsageError(_("there is no site %(site)r") % {"site": options["site"]})
    if options["learner"]:
        user_id = edx_platform.user_id_of(options["learner"])
        if user_id is None:
            raise UsageError(_("there is no such learner"))
    for course_key in options["course"]:
        try:
            edx_platform.org_of(course_key)
        except PlatformUnavailable:
            problem = _("%(key)r is no course run; write course-v1:Org+Course+Run")
            raise UsageError(problem % {"key": course_key}) from None
    return Scope(
        site_id=site_id,
        org=options["org"],
        course_keys=tuple(options["course"]),
        user_id=user_id,
        since=moment(options["since"]) if options["since"] else None,
        until=moment(options["until"]) if options["until"] else None,
    )
