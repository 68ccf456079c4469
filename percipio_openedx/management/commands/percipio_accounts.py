"""``percipio_accounts``: list the accounts of each site, and have learners reported again to theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx.capture import wake
from percipio_openedx.config import AccountInForce
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.management.operator import (
    OperatorCommand,
    UsageError,
    course_runs,
    interruption,
    learner_named,
    place_document,
    site_option,
)
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement
from percipio_openedx.operations import requeue
from percipio_openedx.operations.sites import InForce, configurations, place_name, site_name


class Command(OperatorCommand):
    help = (
        "Lists the accounts of each site in the order in which they are asked: whose learners each has, and how much "
        "waits for it. --report-anew has everything reported again of learners who belong to another account than the "
        "one that they were reported to: to be limited by --learner, --course or --account."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", metavar="SITE", help="only of this site (id or domain)")
        parser.add_argument("--report-anew", action="store_true", help="report everything again, to the account now")
        parser.add_argument("--learner", metavar="WHO", help="only this learner (user id, username or email)")
        parser.add_argument("--course", action="append", default=[], metavar="KEY", help="only this run; repeatable")
        parser.add_argument("--account", metavar="NAME", help="only learners of this account at the last observation")

    def operate(self, options: Mapping[str, Any]) -> bool:
        site_id = site_option(options["site"])
        is_bounded = bool(options["learner"] or options["course"] or options["account"] is not None)
        if options["report_anew"] and not is_bounded:
            raise UsageError(_("say of whom: --learner, --course or --account"))
        if options["report_anew"]:
            return self._report_anew(site_id, options)
        if is_bounded:
            raise UsageError(_("--learner, --course and --account need --report-anew"))
        chosen = {pk: one for pk, one in configurations().items() if site_id in (None, pk)}
        are_well = [self._show_site(pk, one) for pk, one in chosen.items()]
        return all(are_well)

    def _show_site(self, site_id: int, one: InForce) -> bool:
        """Show the accounts of a site, or why it has none; return whether nothing is wrong there."""
        site = site_name(site_id)
        if isinstance(one, PercipioConfigurationError):
            text = _("%(site)s: left out, its configuration is wrong: %(error)s")
            self.stderr.write(text % {"site": site, "error": one.message})
            return False
        if one is not None and one.accounts:
            are_well = [self._show(site_id, account) for account in one.accounts]
            return all(are_well)
        if not self.as_json:
            text = _("%(site)s has no accounts: it reports with its own credentials")
            if one is None:
                text = _("%(site)s reports nothing: there is no configuration, or it is switched off")
            self.say(text % {"site": site})
        return True

    def _show(self, site_id: int, account: AccountInForce) -> bool:
        there = Destination.objects.filter(site_id=site_id, account=account.name)
        waiting = Statement.objects.open().filter(destination__in=list(there)).count()
        mistake = account.in_force.message if isinstance(account.in_force, PercipioConfigurationError) else ""
        text = ngettext("%(count)s statement waits", "%(count)s statements wait", waiting) % {"count": waiting}
        state = _("switched off") if account.in_force is None else mistake or _("switched on")
        more = {"enabled": account.in_force is not None, "mistake": mistake, "waiting": waiting}
        place = place_document(site_id, account.name)
        self.tell(
            {**place, "learners": account.rule, **more},
            [f"{place_name(place['site_name'], account.name)}: {account.rule or '?'}; {state}; {text}"],
        )
        return not mistake

    def _report_anew(self, site_id: int | None, options: Mapping[str, Any]) -> bool:
        rows = LearnerCourse.objects.all()
        if options["learner"]:
            rows = rows.filter(user_id=learner_named(options["learner"]))
        if options["course"]:
            rows = rows.filter(course_key__in=course_runs(options["course"]))
        if options["account"] is not None:
            rows = rows.filter(account=options["account"])
        if site_id is not None:
            rows = rows.filter(site_id=site_id)
        with interruption() as stop:
            found = requeue.report_anew(rows, stop.is_set)
        if found.done:
            wake.on_commit()
        text = ngettext(
            "%(count)s learner in a course is reported again.",
            "%(count)s learners in courses are reported again.",
            found.done,
        )
        said = [text % {"count": found.done}]
        for reason, count in sorted(found.refused.items()):
            text = ngettext(
                "%(count)s learner in a course is not: %(reason)s.",
                "%(count)s learners in courses are not: %(reason)s.",
                count,
            )
            said.append(text % {"count": count, "reason": requeue.Refusal(reason).label})
        self.tell({"reported_again": found.done, "refused": dict(found.refused)}, said)
        return not found.refused and not stop.is_set()
