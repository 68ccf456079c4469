"""``percipio_backfill``: report what happened before the plugin was installed, or while it was off."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from percipio_openedx.capture import wake
from percipio_openedx.management.commands.percipio_run import counted
from percipio_openedx.management.operator import (
    OperatorCommand,
    UsageError,
    course_named,
    course_runs,
    interruption,
    learner_named,
    moment,
    site_option,
)
from percipio_openedx.operations import labels
from percipio_openedx.operations.backfill import Backfill, Forecast, begin, enrollments_in, forecast, unfinished
from percipio_openedx.operations.scope import Scope

SAMPLE = 1000


class Command(OperatorCommand):
    help = (
        "Observes learners who were enrolled before, and queues what Percipio has not received. Nothing is reported "
        "twice. It can be stopped at any time (Ctrl-C, SIGTERM); called again with the same arguments it goes on where "
        "it stopped. With --dry-run it counts, and examines a sample without reporting."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", metavar="SITE", help="only this site's courses (id or domain)")
        parser.add_argument("--organization", "--org", dest="org", default="", help="only this organization's courses")
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
        if options["rate"] is not None and not options["rate"] > 0:
            raise UsageError(_("--rate must be larger than 0"))
        if options["sample"] < 0:
            raise UsageError(_("--sample must not be negative"))
        scope = Scope(
            site_id=site_option(options["site"]),
            org=options["org"],
            course_keys=course_runs(options["course"]),
            user_id=learner_named(options["learner"]) if options["learner"] else None,
            since=moment(options["since"]),
            until=moment(options["until"]),
        )
        with interruption() as stop:
            return (self._forecast if options["dry_run"] else self._backfill)(scope, options, stop)

    def _forecast(self, scope: Scope, options: Mapping[str, Any], stop: threading.Event) -> bool:
        with tqdm(desc="examined", unit=" learners", disable=None) as bar:
            found = forecast(scope, options["sample"] or sys.maxsize, stop, bar.update)
        self.tell({**found.plain(), "interrupted": stop.is_set()}, _forecast(found))
        return not stop.is_set()

    def _backfill(self, scope: Scope, options: Mapping[str, Any], stop: threading.Event) -> bool:
        before = None if options["restart"] else unfinished(scope)
        if before is not None and not self.as_json:
            text = ngettext(
                "The back-fill goes on where it stopped: %(count)s learner in a course was observed before.",
                "The back-fill goes on where it stopped: %(count)s learners in courses were observed before.",
                before.observed,
            )
            self.say(text % {"count": before.observed})
        run = before or begin(scope, enrollments=enrollments_in(scope))
        with tqdm(desc="observed", unit=" learners", disable=None, total=run.enrollments) as bar:
            bar.update(run.enrollments_done)

            def walked(count: int) -> None:
                bar.update(count)
                if work.part.statements:
                    # It delivers meanwhile; called at most once in a window.
                    wake.on_commit()

            work = Backfill(scope, run, stop, rate=options["rate"], on_walked=walked)
            is_finished = work.work()
        counts = {name: getattr(run, name) for name in ("observed", "statements", "held", "failed_courses")}
        failed = {"failed": work.failed} if work.failed else {}
        document = {"run": run.pk, "finished": is_finished, **counts, **failed, "courses": work.unread}
        self.tell(document, _summed_up(work, counts, is_finished=is_finished))
        return is_finished and not run.failed_courses


def _forecast(found: Forecast) -> Iterator[str]:
    text = _("Enrollments at sites that report: %(enrollments)s. Course runs: %(courses)s.")
    yield text % {"enrollments": found.enrollments, "courses": found.courses}
    kinds = labels.listed(
        f"{count} {labels.of(labels.KINDS, kind)}" for kind, count in sorted(found.statements.items())
    )
    text = ngettext(
        "Of %(count)s enrollment examined, this would be reported: %(kinds)s",
        "Of %(count)s enrollments examined, this would be reported: %(kinds)s",
        found.examined,
    )
    yield text % {"count": found.examined, "kinds": kinds or _("nothing")}
    for reason, count in sorted(found.held.items()):
        yield _("held back: %(count)s. %(reason)s") % {"count": count, "reason": labels.of(labels.HOLDS, reason)}
    for course_key, problem in sorted(found.failed_courses.items()):
        text = _("could not be observed (%(problem)s): %(course)s")
        yield text % {"course": course_named(course_key), "problem": problem}


def _summed_up(work: Backfill, counts: Mapping[str, int], *, is_finished: bool) -> Iterator[str]:
    text = _("The back-fill was interrupted; called again with the same arguments it goes on.")
    if work.is_taken:
        text = _("The back-fill was stopped, or is carried out elsewhere now.")
    if is_finished:
        text = _("The back-fill is finished.")
    yield text
    yield counted(counts)
    if work.failed:
        text = ngettext(
            "of %(count)s learner something could not be found out; a worker tries again (see percipio_doctor)",
            "of %(count)s learners something could not be found out; a worker tries again (see percipio_doctor)",
            work.failed,
        )
        yield text % {"count": work.failed}
    for course_key in work.unread:
        yield _("could not be observed (see the log): %(course)s") % {"course": course_named(course_key)}
