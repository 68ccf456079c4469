"""``percipio_erasures``: list and mark the erasure requests for Skillsoft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx.enums import Api
from percipio_openedx.management.operator import OperatorCommand, UsageError, place_document
from percipio_openedx.models.operations import ErasureRequest
from percipio_openedx.operations.retention import open_erasures, tick_off
from percipio_openedx.operations.sites import place_name


class Command(OperatorCommand):
    help = (
        "Lists, for each learner who was erased here after something of theirs had been sent, the registrations "
        "(context.registration) whose statements Skillsoft has to erase. They are pseudonyms: they name nobody, but "
        "whoever has the LMS's user ids can tell whose they are. --done ID ticks one off."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--done", type=int, action="append", default=[], metavar="ID", help="Skillsoft did this one; repeatable"
        )
        parser.add_argument("--all", action="store_true", help="list those that are done, too")

    def operate(self, options: Mapping[str, Any]) -> bool:
        known = ErasureRequest.objects.in_bulk(options["done"])
        unknown = sorted(set(options["done"]) - set(known))
        if unknown:
            raise UsageError(_("there is no erasure request %(id)s; nothing was ticked off") % {"id": unknown[0]})
        done = tick_off(options["done"])
        if done and not self.as_json:
            text = ngettext(
                "%(count)s erasure request is ticked off.", "%(count)s erasure requests are ticked off.", len(done)
            )
            self.say(text % {"count": len(done)})
        rows = ErasureRequest.objects.order_by("pk") if options["all"] else open_erasures()
        for row in rows.iterator():
            self._show(row)
        is_well = not open_erasures().exists()
        if is_well and not self.as_json:
            self.say(_("No erasure request is open."))
        return is_well

    def _show(self, row: ErasureRequest) -> None:
        registrations = row.registrations.split()
        document = {
            "id": row.pk,
            **place_document(row.site_id, row.account),
            "organization": row.organization,
            "api": row.api,
            "statements": row.statements,
            "registrations": registrations,
            "erased_at": row.erased_at,
            "done_at": row.done_at,
        }
        state = _("done %(day)s") % {"day": f"{row.done_at:%Y-%m-%d}"} if row.done_at else _("to be asked for")
        text = ngettext(
            "%(id)s: %(state)s; erased here %(day)s; %(site)s, organization %(organization)s; %(statements)s statement",
            "%(id)s: %(state)s; erased here %(day)s; %(site)s, organization %(organization)s; "
            "%(statements)s statements",
            row.statements,
        )
        values = {"state": state, "day": f"{row.erased_at:%Y-%m-%d}", "organization": row.organization or "-"}
        said = [text % {**document, **values, "site": place_name(document["site_name"], row.account)}]
        said += ["  " + _("registration %(id)s") % {"id": registration} for registration in registrations]
        if row.api == Api.TRACK:
            text = _(
                "Some may have gone by the Track API, which carries no registration: name the learner’s id to "
                "Skillsoft, from the LMS’s own retirement status, before the LMS cleans it up."
            )
            said.append(f"  {text}")
        self.tell(document, said)
