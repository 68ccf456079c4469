"""``percipio_retry``: send again what was refused, given up, or has to go once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from percipio_openedx.capture import wake
from percipio_openedx.management.operator import Interruption, OperatorCommand, UsageError
from percipio_openedx.models.statement import State
from percipio_openedx.operations.again import Choice, requeue, try_now
from percipio_openedx.operations.sites import site_named
from percipio_openedx.reporting import failures


class Command(OperatorCommand):
    """Queue statements again, each under its own id."""

    help = (
        "Queues parked (--parked) or discarded (--discarded) statements, or single ones (--uuid, whatever became of "
        "them), to be sent again under their own ids: what Percipio refused is built anew from what the LMS says now, "
        "what it may have goes as it is. --now also tries at once what is paused or failing: destinations, courses and "
        "learners that the LMS could not read, and statements that could not be built anew."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        """Which statements."""
        parser.add_argument("--parked", action="store_true", help="those that Percipio refused")
        parser.add_argument("--discarded", action="store_true", help="those that were discarded")
        parser.add_argument("--uuid", action="append", default=[], metavar="ID", help="this statement; repeatable")
        parser.add_argument("--site", metavar="SITE", help="only of this site (id or domain)")
        parser.add_argument("--organization", metavar="ID", help="only of this Percipio organization ('' for none)")
        parser.add_argument("--status", type=int, metavar="HTTP", help="only those last answered with this status")
        parser.add_argument("--now", action="store_true", help="try waiting destinations at once")
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def operate(self, options: Mapping[str, Any]) -> bool:
        """Count or queue."""
        choice = _choice(options)
        if not (choice.states or choice.uuids or options["now"]):
            raise UsageError(_("say which: --parked, --discarded, --uuid ID, or --now"))
        count = choice.rows().count() if choice.states or choice.uuids else 0
        if choice.uuids and count < len(choice.uuids):
            text = _("%(count)s of the ids are unknown, or on their way already")
            self.stderr.write(text % {"count": len(choice.uuids) - count})
        if options["dry_run"]:
            self._sum_up({"chosen": count, "queued": 0, "destinations": 0}, as_json=options["as_json"])
            return True
        tried = try_now(choice.site_id) if options["now"] else ()
        # Of every site: a course that waits is read again, which is all that happens to it.
        observed = failures.try_now() if options["now"] else 0
        with Interruption() as interruption, tqdm(total=count, unit=" statements", disable=None) as bar:
            queued = requeue(choice, interruption.is_asked, bar.update) if count else 0
        if queued or tried or observed:
            wake.on_commit()
        done = {"chosen": count, "queued": queued, "destinations": len(tried)}
        self._sum_up(done, as_json=options["as_json"])
        return queued >= count and count >= len(choice.uuids)

    def _sum_up(self, done: dict[str, int], *, as_json: bool) -> None:
        if as_json:
            self.emit(done)
        else:
            self.say(_("%(chosen)s chosen, %(queued)s queued to be sent again") % done)
            text = ngettext(
                "%(destinations)s waiting destination is tried at once",
                "%(destinations)s waiting destinations are tried at once",
                done["destinations"],
            )
            self.say(text % done)


def _choice(options: Mapping[str, Any]) -> Choice:
    site_id = None
    if options["site"]:
        site_id = site_named(options["site"])
        if site_id is None:
            raise UsageError(_("there is no site %(site)r") % {"site": options["site"]})
    try:
        uuids = tuple({UUID(text) for text in options["uuid"]})
    except ValueError:
        raise UsageError(_("an id of a statement is a UUID")) from None
    if uuids and (options["parked"] or options["discarded"]):
        raise UsageError(_("--uuid names single statements; leave --parked and --discarded away"))
    chosen = {State.PARKED: options["parked"], State.DISCARDED: options["discarded"]}
    return Choice(
        states=tuple(state for state, wanted in chosen.items() if wanted),
        uuids=uuids,
        site_id=site_id,
        organization=options["organization"],
        status=options["status"],
    )
