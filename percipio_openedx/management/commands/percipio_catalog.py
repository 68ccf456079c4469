"""``percipio_catalog``: list a site's catalog, write it as a file for Percipio, and import what is decided about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.catalog import offered
from percipio_openedx.catalog.files import CatalogFile, FileForm, catalog_file
from percipio_openedx.catalog.items import CatalogItem
from percipio_openedx.catalog.offered import DescribedItem
from percipio_openedx.catalog.sheets import as_csv, header
from percipio_openedx.config import CatalogRules
from percipio_openedx.enums import CatalogGap, Offering
from percipio_openedx.management.commands.percipio_courses import content_of, take_over
from percipio_openedx.management.operator import OperatorCommand, UsageError, site_option
from percipio_openedx.operations import labels


class Command(OperatorCommand):
    help = (
        "Shows and writes the catalog, the courses that a site offers to Percipio. `list` says what is said of each, "
        "or why it is held back. `export` writes them as CSV, for upload there, with the columns of a template that "
        "was downloaded there. `import FILE.csv` takes over what is decided about courses, as percipio_courses does. "
        "Needs no credentials. Exit code 1 if an item is held back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="list|export|import")
        for name, text in (("list", "show the items"), ("export", "write them as CSV")):
            act = acts.add_parser(name, help=text)
            act.add_argument("--site", metavar="SITE", help="the site, by id or domain; the LMS's default site if none")
        act.add_argument("--format", choices=tuple(FileForm), required=True, help="which import it is for")
        act.add_argument("--template", metavar="FILE", help="the template from Percipio, whose columns are filled")
        taking = acts.add_parser("import", help="take over a file of course overrides")
        taking.add_argument("file", help="the CSV file, or - for standard input")
        taking.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def operate(self, options: Mapping[str, Any]) -> bool:
        if options["act"] == "import":
            return take_over(self, options["file"], dry_run=options["dry_run"])
        rules = catalog_of(options["site"])
        items = offered.catalog(rules, timezone.now())
        if options["act"] == "list":
            return self._list(items)
        template = header(content_of(options["template"])) if options["template"] else None
        return self._export(items, FileForm(options["format"]), template)

    def _list(self, items: Sequence[DescribedItem]) -> bool:
        for one in items:
            record, runs = one.record, [each.run.key for each in one.item.runs]
            if self.as_json:
                self.emit({"record": record.document(), "runs": runs, "held": list(record.gaps)})
                continue
            self.say(f"{record.content_id}  {record.title}  ({', '.join(runs)})")
            for gap in record.gaps:
                self.say("  " + _("held back: %(reason)s") % {"reason": labels.of(labels.GAPS, gap)})
        held = sum(1 for one in items if one.record.gaps)
        if not self.as_json:
            text = ngettext("%(count)s item, %(held)s held back", "%(count)s items, %(held)s held back", len(items))
            self.say(text % {"count": len(items), "held": held})
        return not held

    def _export(self, items: Sequence[DescribedItem], form: FileForm, template: list[str] | None) -> bool:
        made = catalog_file(((one.item, one.record) for one in items), form, template)
        if self.as_json:
            self.emit(_document(made))
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
    """Return the rules of a site that has a catalog, with or without credentials.

    Raises:
        UsageError: the site does not exist, is switched off, or has no catalog.
        PercipioConfigurationError: a setting is wrong.
    """
    site_id = site_option(site) or config.default_site_id()
    rules = config.catalog_for(site_id)
    if rules is None:
        raise UsageError(_("this site is switched off"))
    if rules.policy.offering is Offering.NONE:
        raise UsageError(_("this site has no catalog; set PERCIPIO_CATALOG"))
    return rules


def _document(made: CatalogFile) -> dict[str, Any]:
    return {
        "rows": [dict(zip(made.head, row, strict=True)) for row in made.rows],
        "left_out": [_left_out(item, gaps) for item, gaps in made.left_out],
        "unfilled": list(made.unfilled),
        "empty": list(made.empty),
    }


def _left_out(item: CatalogItem, gaps: Sequence[CatalogGap]) -> dict[str, Any]:
    return {"content_id": item.content_id, "runs": [one.run.key for one in item.runs], "why": list(gaps)}
