"""``percipio_retry``: requeue refused, discarded or delivered statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.core.management.base import CommandParser
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from percipio_openedx.capture import wake
from percipio_openedx.management.operator import OperatorCommand, UsageError, interruption, site_option
from percipio_openedx.models.statement import OPEN_STATES, State, Statement, StatementQuerySet
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.operations.requeue import move, requeue, try_again, try_now
from percipio_openedx.reporting import failures

Rows = TypeVar("Rows", bound=QuerySet[Any])


class Command(OperatorCommand):
    help = (
        "Queues parked (--parked) or discarded (--discarded) statements, or single ones (--uuid, whatever became of "
        "them), to be sent again under their own ids: what Percipio refused is rebuilt from what the LMS says now, "
        "what it may have goes as it is. --unknown tries the learners again whom Percipio did not know, in all of "
        "their courses. --move has those, and what waits, built anew for the accounts that their "
        "learners belong to now, unless anybody may have them. --now also tries at once what is paused or failing: "
        "destinations, courses and learners that the LMS could not read, and statements that could not be rebuilt."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--parked", action="store_true", help="those that Percipio refused")
        parser.add_argument("--discarded", action="store_true", help="those that were discarded")
        parser.add_argument("--move", action="store_true", help="to the account that the learner belongs to now")
        parser.add_argument("--unknown", action="store_true", help="the learners whom Percipio did not know")
        parser.add_argument("--uuid", action="append", default=[], metavar="ID", help="this statement; repeatable")
        parser.add_argument("--site", metavar="SITE", help="only of this site (id or domain)")
        parser.add_argument("--account", metavar="NAME", help="only what was made for this account ('' for none)")
        parser.add_argument("--organization", metavar="ID", help="only of this Percipio organization ('' for none)")
        parser.add_argument("--status", type=int, metavar="HTTP", help="only those last answered with this status")
        parser.add_argument("--now", action="store_true", help="try waiting destinations at once")
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def operate(self, options: Mapping[str, Any]) -> bool:
        site_id = site_option(options["site"])
        rows, named = _chosen(options, site_id)
        unknown = UnknownLearner.objects.all() if options["unknown"] else UnknownLearner.objects.none()
        learners = _of_place(unknown, options, site_id)
        count = rows.count()
        if count < named:
            text = ngettext(
                "%(count)s of the ids is unknown, or on its way already",
                "%(count)s of the ids are unknown, or on their way already",
                named - count,
            )
            self.stderr.write(text % {"count": named - count})
        if options["dry_run"]:
            none = dict.fromkeys(("queued", "destinations", "observations"), 0)
            done = {"chosen": count, **none, "learners": learners.count()}
            self.tell({**done, "dry_run": True}, _summed_up(done, options))
            return count >= named
        tried = try_now(site_id) if options["now"] else ()
        # For every site: a waiting course is only read again.
        observed = failures.try_now() if options["now"] else 0
        with interruption() as stop, tqdm(total=count, unit=" statements", disable=None) as bar:
            act = move if options["move"] else requeue
            queued = act(rows, stop.is_set, bar.update) if count else 0
            found, refused = try_again(learners, stop.is_set)
        if queued or tried or observed or found:
            wake.on_commit()
        done = {"chosen": count, "queued": queued + refused, "destinations": len(tried)}
        done |= {"observations": observed, "learners": found}
        self.tell({**done, "dry_run": False}, _summed_up(done, options))
        return queued >= count >= named and not stop.is_set()


def _summed_up(done: Mapping[str, int], options: Mapping[str, Any]) -> Iterator[str]:
    learners = ngettext(
        "%(learners)s learner whom Percipio did not know",
        "%(learners)s learners whom Percipio did not know",
        done["learners"],
    )
    if options["dry_run"]:
        text = ngettext(
            "%(chosen)s statement would be requeued.", "%(chosen)s statements would be requeued.", done["chosen"]
        )
        yield text % done
        if options["unknown"]:
            yield _("%(who)s would be tried again.") % {"who": learners % done}
        return
    if done["chosen"] or done["queued"] or not (options["unknown"] or options["now"]):
        text = ngettext(
            "%(chosen)s statement chosen, %(queued)s requeued.",
            "%(chosen)s statements chosen, %(queued)s requeued.",
            done["chosen"],
        )
        yield text % done
    if options["unknown"]:
        yield _("Tried again: %(who)s.") % {"who": learners % done}
    if options["now"]:
        text = ngettext(
            "%(destinations)s waiting destination is tried at once.",
            "%(destinations)s waiting destinations are tried at once.",
            done["destinations"],
        )
        yield text % done
        text = ngettext(
            "%(observations)s observation that failed is tried at once.",
            "%(observations)s observations that failed are tried at once.",
            done["observations"],
        )
        yield text % done


def _of_place(rows: Rows, options: Mapping[str, Any], site_id: int | None) -> Rows:
    """Return the rows of the destinations that are asked for."""
    wanted = {"site_id": site_id, "account": options["account"], "organization": options["organization"]}
    return rows.filter(**{f"destination__{name}": value for name, value in wanted.items() if value is not None})


def _chosen(options: Mapping[str, Any], site_id: int | None) -> tuple[StatementQuerySet, int]:
    """Return the settled statements selected, and how many were named by id."""
    try:
        uuids = {UUID(text) for text in options["uuid"]}
    except ValueError:
        raise UsageError(_("an id of a statement is a UUID")) from None
    wanted = {State.PARKED: options["parked"], State.DISCARDED: options["discarded"]}
    states = [state for state, is_wanted in wanted.items() if is_wanted]
    if uuids and states:
        raise UsageError(_("--uuid names single statements; leave --parked and --discarded away"))
    if not (uuids or states or any(options[name] for name in ("now", "move", "unknown"))):
        raise UsageError(_("say which: --parked, --discarded, --unknown, --uuid ID, --move, or --now"))
    rows = Statement.objects.can_move() if options["move"] else Statement.objects.exclude(state__in=OPEN_STATES)
    if options["move"]:
        states += [State.OUTDATED, State.WAITING]
    rows = rows.filter(uuid__in=uuids) if uuids else rows.filter(state__in=states)
    rows = _of_place(rows, options, site_id)
    if options["status"] is not None:
        rows = rows.filter(status=options["status"])
    return rows, len(uuids)
