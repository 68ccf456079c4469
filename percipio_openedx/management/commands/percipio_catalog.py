"""``percipio_catalog``: list a site's catalog, send it to Percipio or write it as a file, and import decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from percipio_openedx import config
from percipio_openedx.capture import wake
from percipio_openedx.catalog import push
from percipio_openedx.catalog.compare import catalog
from percipio_openedx.catalog.files import CatalogFile, FileForm, as_csv, catalog_file, header
from percipio_openedx.catalog.items import CatalogItem, Record
from percipio_openedx.config import CatalogRules, Configuration
from percipio_openedx.enums import Offering
from percipio_openedx.management.commands.percipio_courses import content_of, take_over
from percipio_openedx.management.operator import (
    OperatorCommand,
    UsageError,
    add_act,
    interruption,
    place_document,
    site_option,
)
from percipio_openedx.models.catalog import CatalogEntry, EntryState
from percipio_openedx.operations import labels
from percipio_openedx.operations.sites import place_name, site_name


class Command(OperatorCommand):
    help = (
        "Shows, sends and writes the catalog, the courses that a site offers to Percipio. `list` says what is said of "
        "each, or why it is held back. `diff` says what Percipio does not hold as it is offered now, `push` sends it "
        "without waiting for a worker. `export` writes the items as CSV, for upload there, with the columns of a "
        "template that was downloaded there. `import FILE.csv` takes over what is decided about courses, as "
        "percipio_courses does. Only diff and push need credentials."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="list|diff|push|export|import")
        texts = {
            "list": "show the items",
            "diff": "show what Percipio does not hold as it is offered",
            "push": "send that to Percipio now",
            "export": "write the items as CSV",
        }
        for name, text in texts.items():
            act = add_act(acts, name, text)
            act.add_argument("--site", metavar="SITE", help="the site, by id or domain; the LMS's default site if none")
            if name == "push":
                act.add_argument("--dry-run", action="store_true", help="say what would be sent, and send nothing")
                act.add_argument("--refused", action="store_true", help="also what Percipio refused, as it is")
        act.add_argument("--format", choices=tuple(FileForm), required=True, help="which import it is for")
        act.add_argument("--template", metavar="FILE", help="the template from Percipio, whose columns are filled")
        taking = add_act(acts, "import", "take over a file of course overrides")
        taking.add_argument("file", help="the CSV file, or - for standard input")
        taking.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def operate(self, options: Mapping[str, Any]) -> bool:
        if options["act"] == "import":
            return take_over(self, options["file"], dry_run=options["dry_run"])
        rules = catalog_of(options["site"])
        if options["act"] in ("diff", "push"):
            site = sent_catalog_of(rules.site_id)
            for sender in push.without_organization(site):
                text = _("%(account)s: left out, the account has no organization id")
                self.stderr.write(text % {"account": sender.account})
            if options["act"] == "diff" or options["dry_run"]:
                return self._diff(site)
            return self._push(site, refused=options["refused"])
        items = catalog(rules, timezone.now())
        if options["act"] == "list":
            return self._list(items)
        template = header(content_of(options["template"])) if options["template"] else None
        return self._export(items, FileForm(options["format"]), template)

    def _list(self, items: Sequence[tuple[CatalogItem, Record]]) -> bool:
        for item, record in items:
            runs = [one.run.key for one in item.runs]
            lacks = ["  " + _("held back: %(reason)s") % {"reason": labels.of(labels.GAPS, gap)} for gap in record.gaps]
            self.tell(
                {"record": record.document(), "runs": runs, "held": list(record.gaps)},
                [f"{record.content_id}  {record.title}  ({', '.join(runs)})", *lacks],
            )
        held = sum(1 for _item, record in items if record.gaps)
        if not self.as_json:
            text = ngettext("%(count)s item, %(held)s held back", "%(count)s items, %(held)s held back", len(items))
            self.say(text % {"count": len(items), "held": held})
        return not held

    def _diff(self, site: Configuration) -> bool:
        """Show what is to be sent, held back, refused, or withdrawn; whether all that is offered is in Percipio."""
        is_well = True
        for sender, rows in push.differences(site):
            where, place = _where(sender), _place(sender)
            for row in rows:
                is_well = is_well and row.state == EntryState.WITHDRAWN
                why = row.answer if row.state in (EntryState.WAITING, EntryState.REFUSED) else ""
                why = why or " ".join(labels.of(labels.GAPS, gap) for gap in row.gaps)
                text = f"{place}: {row.get_state_display()}: {row.content_id}  {row.title}  {why}"
                names = ("content_id", "title", "state", "sent_at", "status", "answer")
                self.tell({**where, **{name: getattr(row, name) for name in names}}, [text.rstrip()])
            if not self.as_json:
                text = ngettext("%(place)s: %(count)s difference", "%(place)s: %(count)s differences", len(rows))
                self.say(text % {"place": place, "count": len(rows)})
        return is_well

    def _push(self, site: Configuration, *, refused: bool) -> bool:
        """Send what is to be sent, until it is done or interrupted; with ``refused`` also what Percipio refused."""
        offered, done = push.SiteCatalog(site), push.Pushed()
        if refused:
            entries = CatalogEntry.objects.filter(destination__site_id=site.site_id, state=EntryState.REFUSED)
            entries.send_now(timezone.now())
        with interruption() as stop:
            for sender in push.senders(site):
                sent = push.Pushed()
                with tqdm(desc=_place(sender), unit=" items", disable=None, total=len(offered.items)) as bar:
                    push.push(sender, offered, sent, stop.is_set, bar.update, at_once=True)
                done.counts += sent.counts
                counts = {name: sent.counts[name] for name in ("sent", "refused", "later")}
                text = _("%(place)s: %(sent)s sent, %(refused)s refused, %(later)s to be tried again")
                self.tell({**_where(sender), **counts}, [text % {"place": _place(sender), **counts}])
        if done.counts["forward"]:
            wake.on_commit()
        states = Counter(row.state for _sender, rows in push.differences(site) for row in rows)
        del states[EntryState.WITHDRAWN]
        if states and not self.as_json:
            text = _("not in Percipio: %(counts)s; percipio_catalog diff says why")
            counted = (f"{count} {labels.of(labels.ENTRIES, state)}" for state, count in sorted(states.items()))
            self.say(text % {"counts": labels.listed(counted)})
        return not states

    def _export(self, items: Sequence[tuple[CatalogItem, Record]], form: FileForm, template: list[str] | None) -> bool:
        made = catalog_file(items, form, template)
        if self.as_json:
            left_out = [
                {"content_id": item.content_id, "runs": [one.run.key for one in item.runs], "why": list(gaps)}
                for item, gaps in made.left_out
            ]
            rows = [dict(zip(made.head, row, strict=True)) for row in made.rows]
            unfilled, empty = list(made.unfilled), list(made.empty)
            self.emit({"rows": rows, "left_out": left_out, "unfilled": unfilled, "empty": empty})
        else:
            self.stdout.write(as_csv([made.head, *made.rows]), ending="")
            self._complain(made)
        return not made.left_out and not made.unfilled

    def _complain(self, made: CatalogFile) -> None:
        for item, gaps in made.left_out:
            for gap in gaps:
                text = _("left out: %(item)s (%(course)s): %(reason)s")
                reason = labels.of(labels.GAPS, gap)
                self.stderr.write(text % {"item": item.content_id, "course": item.runs[0].run.key, "reason": reason})
        if made.unfilled:
            text = _("the template has no column for what is mandatory: %(columns)s")
            self.stderr.write(text % {"columns": ", ".join(made.unfilled)})
        if made.empty:
            self.stderr.write(_("left empty: %(columns)s") % {"columns": ", ".join(made.empty)})


def catalog_of(site: str | None) -> CatalogRules:
    """Return the rules of a site that has a catalog, with or without credentials."""
    site_id = site_option(site) or config.default_site_id()
    rules = config.catalog_for(site_id)
    if rules is None:
        raise UsageError(_("%(site)s is switched off") % {"site": site_name(site_id)})
    if rules.policy.offering is Offering.NONE:
        raise UsageError(_("%(site)s has no catalog; set PERCIPIO_CATALOG") % {"site": site_name(site_id)})
    return rules


def sent_catalog_of(site_id: int) -> Configuration:
    """Return the configuration of a site whose catalog is sent."""
    site, name = config.for_site(site_id), {"site": site_name(site_id)}
    if site is None:
        raise UsageError(_("%(site)s has no credentials") % name)
    if not push.is_pushed(site):
        raise UsageError(_("%(site)s does not send its catalog; set PERCIPIO_CATALOG_PUSH") % name)
    if not push.senders(site):
        text = _("the catalog of %(site)s needs an organization id; set PERCIPIO_ORGANIZATION_ID")
        raise UsageError(text % name)
    return site


def _where(sender: Configuration) -> dict[str, Any]:
    return {**place_document(*sender.place), "organization": sender.organization}


def _place(sender: Configuration) -> str:
    return f"{place_name(site_name(sender.site_id), sender.account)}, {sender.organization}"
