"""``percipio_erasures``: what Skillsoft has to be asked to erase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx.enums import Api
from percipio_openedx.management.operator import OperatorCommand, UsageError
from percipio_openedx.models.operations import ErasureRequest
from percipio_openedx.operations import erasures
from percipio_openedx.operations.sites import site_name


class Command(OperatorCommand):
    """List, and tick off."""

    help = (
        "Lists, for each learner who was erased here after something of theirs had been sent, the registrations "
        "(context.registration) whose statements Skillsoft has to erase. They are pseudonyms: they name nobody, but "
        "whoever has the LMS's user ids can tell whose they are. --done ID ticks one off. "
        "Exit code 1 while there is any to ask for."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        """``--done`` and ``--all``."""
        parser.add_argument(
            "--done", type=int, action="append", default=[], metavar="ID", help="Skillsoft did this one; repeatable"
        )
        parser.add_argument("--all", action="store_true", help="list those that are done, too")

    def operate(self, options: Mapping[str, Any]) -> bool:
        """Tick off, then list."""
        _tick_off(options["done"])
        rows = ErasureRequest.objects.order_by("pk") if options["all"] else erasures.still_open()
        for row in rows.iterator():
            if options["as_json"]:
                self.emit(_document(row))
            else:
                self._show(row)
        return not erasures.still_open().exists()

    def _show(self, row: ErasureRequest) -> None:
        state = _("done %(day)s") % {"day": f"{row.done_at:%Y-%m-%d}"} if row.done_at else _("to be asked for")
        text = ngettext(
            "%(id)s: %(state)s; erased here %(day)s; %(site)s, organization %(organization)s; %(statements)s statement",
            "%(id)s: %(state)s; erased here %(day)s; %(site)s, organization %(organization)s; "
            "%(statements)s statements",
            row.statements,
        )
        values = {"id": row.pk, "state": state, "day": f"{row.erased_at:%Y-%m-%d}", "site": site_name(row.site_id)}
        self.say(text % {**values, "organization": row.organization or "-", "statements": row.statements})
        for registration in row.registrations.split():
            self.say("  " + _("registration %(id)s") % {"id": registration})
        if row.api == Api.TRACK:
            text = _(
                "Some may have gone by the Track API, which carries no registration: name the learner’s id to "
                "Skillsoft, from the LMS’s own retirement status, before the LMS cleans it up."
            )
            self.say(f"  {text}")


def _tick_off(pks: Sequence[int]) -> None:
    unknown = erasures.unknown(pks)
    if unknown:
        raise UsageError(_("there is no erasure %(id)s; nothing was ticked off") % {"id": unknown[0]})
    erasures.tick_off(pks, timezone.now())


def _document(row: ErasureRequest) -> dict[str, Any]:
    return {
        "id": row.pk,
        "site": row.site_id,
        "organization": row.organization,
        "api": row.api,
        "registrations": row.registrations.split(),
        "statements": row.statements,
        "erased_at": row.erased_at.isoformat(),
        "done_at": row.done_at.isoformat() if row.done_at else None,
    }
