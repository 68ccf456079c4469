"""``percipio_preview``: show what would be reported of a learner in a course now, and why not more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from percipio_openedx.data import Milestone
from percipio_openedx.management.operator import OperatorCommand, course_run, learner_named, place_document
from percipio_openedx.operations import labels
from percipio_openedx.operations.sites import place_name, site_name
from percipio_openedx.reporting.preview import Preview, preview
from percipio_openedx.statements.content import BuiltStatement


class Command(OperatorCommand):
    help = (
        "Shows the statement and the Track record of every milestone that is due for a learner in a course run, and "
        "the reason for each that is not. Sends nothing and writes nothing. The output names the learner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("learner", help="user id, username or email")
        parser.add_argument("course", help="the course run, as course-v1:Org+Course+Run")
        parser.add_argument("--afresh", action="store_true", help="as if nothing had been reported yet")

    def operate(self, options: Mapping[str, Any]) -> bool:
        user_id = learner_named(options["learner"])
        found = preview(user_id, course_run(options["course"]), afresh=options["afresh"])
        self.tell(_document(found), _shown(found))
        return found.configuration is not None and not found.hold


def _shown(found: Preview) -> Iterator[str]:
    if found.configuration is None:
        text = _("%(site)s reports nothing: there is no configuration, or it is switched off")
        yield text % {"site": site_name(found.site_id)}
        return
    place = place_name(site_name(found.site_id), found.configuration.account)
    course = found.course.name if found.course else ""
    yield ": ".join(part for part in (place, course) if part)
    if found.hold:
        yield _("not reported: %(reason)s") % {"reason": labels.of(labels.HOLDS, found.hold)}
    if found.problem:
        yield labels.of_problem(found.problem)
    for milestone, built in found.statements:
        yield labels.of_milestone(milestone.kind, milestone.value)
        yield json.dumps(json.loads(built.body), indent=2, ensure_ascii=False)
        track = json.dumps(json.loads(built.track), ensure_ascii=False) if built.track else _("has no form for it")
        yield _("Track API: %(record)s") % {"record": track}
    for one in found.unreported:
        why = labels.of_unreported(one, found.configuration.policy.progress_step)
        yield _("not due: %(kind)s: %(why)s") % {"kind": labels.of(labels.KINDS, one.kind), "why": why}
    if not (found.hold or found.statements):
        yield _("nothing new to report")


def _document(found: Preview) -> dict[str, Any]:
    return {
        **place_document(found.site_id, found.configuration.account if found.configuration else ""),
        "configured": found.configuration is not None,
        "hold": found.hold,
        "problem": found.problem,
        "statements": [_statement(milestone, built) for milestone, built in found.statements],
        "not_due": [{"kind": one.kind, "why": one.why, "percent": one.percent} for one in found.unreported],
    }


def _statement(milestone: Milestone, built: BuiltStatement) -> dict[str, Any]:
    return {
        "kind": milestone.kind,
        "value": milestone.value,
        "statement": json.loads(built.body),
        "track": json.loads(built.track) if built.track else None,
    }
