"""``percipio_reconcile``: does Percipio have what we believe it has?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from tqdm import tqdm

from percipio_openedx.capture import wake
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.management.operator import OperatorCommand, UsageError, moment
from percipio_openedx.operations import words
from percipio_openedx.operations.reconcile import Difference, Reconciliation, Tally, can_read
from percipio_openedx.operations.sites import configurations, site_name, site_named

WORDS = {
    Difference.MISSING: gettext_lazy("missing there"),
    Difference.UNKNOWN: gettext_lazy("unknown here"),
    Difference.DIFFERENT: gettext_lazy("different there"),
    Difference.FORGOTTEN: gettext_lazy("there, and pruned here"),
    Difference.ERASED: gettext_lazy("erased here, still there"),
}


class Command(OperatorCommand):
    """Compare, print the differences, and with --fix queue what is missing."""

    help = (
        "Reads the statements back from Percipio page by page and compares them with those delivered: prints what is "
        "missing there, unknown here, or different. Exit code 1 if there is any. With --json each difference is one "
        "line, the last line is the sum."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        """``--since``, ``--site``, ``--fix``, ``--grace``."""
        parser.add_argument("--since", metavar="TIME", help="only what was delivered since (2026-01-31, UTC)")
        parser.add_argument("--site", metavar="SITE", help="one site, by id or domain; all that report by default")
        parser.add_argument("--fix", action="store_true", help="queue what is missing, to be sent again")
        parser.add_argument(
            "--grace", type=int, default=300, metavar="SECONDS", help="miss nothing delivered just now (300)"
        )

    def operate(self, options: Mapping[str, Any]) -> bool:
        """Site by site."""
        found = _asked(options["site"])
        wrong = {site_id: one for site_id, one in found.items() if isinstance(one, PercipioConfigurationError)}
        for site_id, error in wrong.items():
            text = _("%(site)s: left out, its configuration is wrong: %(error)s")
            self.stderr.write(text % {"site": site_name(site_id), "error": error.words})
        chosen = self._readable(found)
        tallies = [self._reconcile(site_id, configuration, options) for site_id, configuration in chosen.items()]
        if any(tally.queued for tally in tallies):
            wake.on_commit()
        return not wrong and all(tally.is_well for tally in tallies)

    def _readable(self, found: Mapping[int, object]) -> dict[int, Configuration]:
        chosen = {site_id: one for site_id, one in found.items() if isinstance(one, Configuration)}
        if not chosen:
            raise UsageError(_("no site is configured, or none rightly; see percipio_doctor"))
        for site_id in [site_id for site_id, one in chosen.items() if not can_read(one)]:
            text = _("%(site)s: left out, for the Track API has nothing to read back")
            self.stderr.write(text % {"site": site_name(site_id)})
            del chosen[site_id]
        return chosen

    def _reconcile(self, site_id: int, configuration: Configuration, options: Mapping[str, Any]) -> Tally:
        with (
            tqdm(desc=f"site {site_id}: read", unit=" statements", disable=None) as reading,
            tqdm(desc=f"site {site_id}: checked", unit=" statements", disable=None) as checking,
        ):
            work = Reconciliation(
                configuration,
                since=moment(options["since"]) if options["since"] else None,
                grace=timedelta(seconds=max(0, options["grace"])),
                fix=options["fix"],
                on_read=reading.update,
                on_checked=checking.update,
            )
            reading.total = checking.total = work.believed()
            for found in work.run():
                if options["as_json"]:
                    self.emit({"site": site_id, **asdict(found)})
                elif found.difference is not Difference.FORGOTTEN:
                    self.say(
                        f"{WORDS[found.difference]}: {found.uuid} {words.of(words.KINDS, found.kind)} {found.detail}"
                    )
        self._sum_up(site_id, work.tally, as_json=options["as_json"])
        return work.tally

    def _sum_up(self, site_id: int, tally: Tally, *, as_json: bool) -> None:
        if as_json:
            self.emit({"site": site_id, **asdict(tally), "well": tally.is_well})
            return
        counts = ", ".join(f"{tally.counts[kind]} {text}" for kind, text in WORDS.items())
        text = _("%(site)s: %(read)s read there, %(checked)s delivered here: %(counts)s")
        self.say(text % {"site": site_name(site_id), "read": tally.read, "checked": tally.checked, "counts": counts})
        if tally.queued:
            text = _("%(site)s: %(count)s queued to be sent again")
            self.say(text % {"site": site_name(site_id), "count": tally.queued})
        elif tally.counts[Difference.MISSING]:
            self.say(_("run again with --fix to send what is missing again"))


def _asked(text: str | None) -> dict[int, Configuration | PercipioConfigurationError | None]:
    """The site that was asked for, or all that may report."""
    found = configurations()
    if text is None:
        return found
    site_id = site_named(text)
    if site_id is None:
        raise UsageError(_("there is no site %(site)r") % {"site": text})
    return {site_id: found.get(site_id)}
