"""``percipio_reconcile``: compare what Percipio has with what we believe it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from percipio_openedx.capture import wake
from percipio_openedx.config import Configuration
from percipio_openedx.enums import Api
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.management.operator import OperatorCommand, UsageError, moment, place_document, site_option
from percipio_openedx.models.destination import Place
from percipio_openedx.operations import labels
from percipio_openedx.operations.reconcile import Difference, Reconciliation, Tally
from percipio_openedx.operations.sites import configurations, mistakes_of, place_name, site_name


class Command(OperatorCommand):
    help = (
        "Reads the statements back from Percipio page by page and compares them with those delivered: prints what is "
        "missing there, unknown here, or different. With --json each difference is one line, and the last line of each "
        "site or account is the sum."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", metavar="TIME", help="only what was delivered since (2026-01-31, UTC)")
        parser.add_argument("--site", metavar="SITE", help="one site, by id or domain; all that report by default")
        parser.add_argument("--account", metavar="NAME", help="only this account")
        parser.add_argument("--fix", action="store_true", help="queue what is missing, to be sent again")
        parser.add_argument(
            "--grace", type=int, default=300, metavar="SECONDS", help="miss nothing delivered just now (300)"
        )

    def operate(self, options: Mapping[str, Any]) -> bool:
        found = configurations()
        site_id = site_option(options["site"])
        if site_id is not None:
            found = {site_id: found.get(site_id)}
        wrong: dict[Place, PercipioConfigurationError] = {}
        chosen: list[Configuration] = []
        for pk, one in found.items():
            if isinstance(one, PercipioConfigurationError):
                wrong[pk, ""] = one
            elif one is not None:
                wrong |= {(pk, name): error for name, error in mistakes_of(one).items()}
                chosen += one.senders
        if options["account"] is not None:
            wrong = {place: error for place, error in wrong.items() if place[1] == options["account"]}
            chosen = [one for one in chosen if one.account == options["account"]]
        for place, error in wrong.items():
            text = _("%(site)s: left out, its configuration is wrong: %(error)s")
            self.stderr.write(text % {"site": _name(place), "error": error.message})
        if not chosen:
            raise UsageError(_("no site is configured, or none rightly; see percipio_doctor"))
        tallies = []
        for configuration in chosen:
            if configuration.api is Api.TRACK:
                text = _("%(site)s: left out, for the Track API has nothing to read back")
                self.stderr.write(text % {"site": _name(configuration.place)})
            else:
                tallies.append(self._reconcile(configuration, options))
        if any(tally.queued for tally in tallies):
            wake.on_commit()
        return not wrong and all(tally.is_well for tally in tallies)

    def _reconcile(self, configuration: Configuration, options: Mapping[str, Any]) -> Tally:
        place = place_document(*configuration.place)
        which = place_name(place["site_name"], place["account"])
        with (
            tqdm(desc=f"{which}: read", unit=" statements", disable=None) as reading,
            tqdm(desc=f"{which}: checked", unit=" statements", disable=None) as checking,
        ):
            work = Reconciliation(
                configuration,
                since=moment(options["since"]),
                grace=timedelta(seconds=max(0, options["grace"])),
                fix=options["fix"],
                on_read=reading.update,
                on_checked=checking.update,
            )
            reading.total = checking.total = work.believed()
            for found in work.run():
                kind = labels.of(labels.KINDS, found.kind)
                # The row's number says nothing to people, and what was pruned here is no difference to them.
                detail = "" if found.difference is Difference.MISSING else found.detail
                text = f"{found.difference.label}: {found.uuid} {kind} {detail}".rstrip()
                said = [] if found.difference is Difference.FORGOTTEN else [text]
                self.tell({**place, **asdict(found)}, said)
        tally = work.tally
        self.tell({**place, **asdict(tally), "well": tally.is_well}, _summed_up(which, tally))
        return tally


def _summed_up(site: str, tally: Tally) -> Iterator[str]:
    counts = labels.listed(f"{tally.counts[kind]} {kind.label}" for kind in Difference)
    text = _("%(site)s: %(read)s read there, %(checked)s delivered here: %(counts)s")
    yield text % {"site": site, "read": tally.read, "checked": tally.checked, "counts": counts}
    if tally.queued:
        text = ngettext(
            "%(site)s: %(count)s statement requeued", "%(site)s: %(count)s statements requeued", tally.queued
        )
        yield text % {"site": site, "count": tally.queued}
    elif tally.counts[Difference.MISSING]:
        yield _("run again with --fix to send what is missing again")


def _name(place: Place) -> str:
    site_id, account = place
    return place_name(site_name(site_id), account)
