"""``percipio_export``: write completions as files for Percipio's *External Learning* import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from percipio_openedx import config
from percipio_openedx.catalog.completions import (
    KNOWN,
    MANDATORY,
    NO_TIME,
    ODD_ID,
    Completion,
    LeftOut,
    completions,
    enrolled_courses,
    learner_column,
    row_of,
)
from percipio_openedx.catalog.sheets import columns, filled, header, in_parts
from percipio_openedx.config import Configuration
from percipio_openedx.management.commands.percipio_courses import content_of
from percipio_openedx.management.operator import OperatorCommand, UsageError, interruption, site_option
from percipio_openedx.operations import labels


class Command(OperatorCommand):
    help = (
        "Writes what learners completed as CSV files for Percipio's External Learning import, for the weeks without "
        "credentials: of the learners whom the site reports alone, named as its configuration names them, each file of "
        "at most 500 KB. Stores and sends nothing. The files hold personal data. Exit code 1 if something is left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="completions")
        act = acts.add_parser("completions", help="write the completions")
        act.add_argument("folder", help="where the files are written; none of them may be there already")
        act.add_argument("--site", metavar="SITE", help="the site, by id or domain; the LMS's default site if none")
        act.add_argument("--account", metavar="NAME", help="of a site with accounts: whose learners")
        act.add_argument("--template", metavar="FILE", help="the template from Percipio, whose columns are filled")
        # Lists in Percipio, which every organization sets up for itself.
        act.add_argument("--category-type", required=True, metavar="TEXT", help="as in Percipio's list")
        act.add_argument("--asset-type", required=True, metavar="TEXT", help="as in Percipio's list")
        act.add_argument("--status", required=True, metavar="TEXT", help="as in Percipio's list, for what is completed")
        act.add_argument("--source", metavar="TEXT", help="the source's name; the LMS's name if none")
        act.add_argument("--date-format", default="%Y-%m-%d", metavar="FORMAT", help="of dates in UTC (%%Y-%%m-%%d)")

    def operate(self, options: Mapping[str, Any]) -> bool:
        site = config.without_credentials(site_option(options["site"]) or config.default_site_id())
        if site is None:
            raise UsageError(_("this site is switched off"))
        configuration = _account(site, options["account"] or "")
        try:
            is_date = datetime.now(UTC).strftime(options["date_format"]).isprintable()
        except ValueError:
            is_date = False
        if not is_date:
            raise UsageError(_("%(format)r is no format of dates") % {"format": options["date_format"]})
        learner = learner_column(configuration)
        head = header(content_of(options["template"])) if options["template"] else [learner, *MANDATORY]
        places = columns(head, KNOWN)
        if missing := [name for name in (learner, *MANDATORY) if name not in places]:
            text = _("the template has no column for what is mandatory: %(columns)s")
            raise UsageError(text % {"columns": ", ".join(missing)})
        if empty := [name for place, name in enumerate(head) if place not in places.values()]:
            self.stderr.write(_("left empty: %(columns)s") % {"columns": ", ".join(empty)})
        found, left_out = self._found(site, configuration.account)
        lists = {
            "Category Type": options["category_type"],
            "Asset Type": options["asset_type"],
            "Status": options["status"],
            "Source Name": options["source"] or config.platform_name(),
        }
        files = []
        for number, (organization, some) in enumerate(sorted(found.items()), 1):
            rows = [row_of(one, configuration, lists, options["date_format"]) for one in some]
            parts = in_parts(head, (filled(len(head), places, row) for row in rows))
            name = "completions" if set(found) == {configuration.organization} else f"completions-organization-{number}"
            names = [_write(Path(options["folder"]) / f"{name}-{part}.csv", text) for part, text in enumerate(parts, 1)]
            files.append({"organization": organization, "completions": len(some), "files": names})
        self._report(files, left_out)
        return not left_out.failed_courses and not {NO_TIME, ODD_ID} & set(left_out.held)

    def _found(self, site: Configuration, account: str) -> tuple[dict[str, list[Completion]], LeftOut]:
        """Return an account's completions by the learners' Percipio organization: a file is imported by one of them."""
        found: dict[str, list[Completion]] = {}
        left_out, counts = LeftOut(), enrolled_courses(site)
        with interruption() as stop, tqdm(total=len(counts), unit=" courses", disable=None) as bar:
            for course_key in counts:
                for some in completions(site, course_key, left_out, account):
                    if stop.is_set():
                        raise SystemExit(1)
                    for one in some:
                        found.setdefault(one.identity.organization, []).append(one)
                bar.update()
        return found, left_out

    def _report(self, files: list[dict[str, Any]], left_out: LeftOut) -> None:
        if self.as_json:
            self.emit({"files": files, "held": dict(left_out.held), "failed_courses": left_out.failed_courses})
            return
        if not files:
            self.say(_("nobody has completed a course"))
        for one in files:
            count = one["completions"]
            text = ngettext("%(count)s completion in %(files)s", "%(count)s completions in %(files)s", count)
            self.say(text % {"count": count, "files": ", ".join(one["files"])})
            if one["organization"]:
                self.say("  " + _("for the organization %(organization)s") % {"organization": one["organization"]})
        own = {
            NO_TIME: _("Neither the time on task nor the course's duration is known. Give the course a duration."),
            ODD_ID: _("The learner's id begins like a formula, and would not arrive as it is."),
        }
        for reason, count in sorted(left_out.held.items()):
            text = own.get(reason) or labels.of(labels.HOLDS, reason)
            self.say(_("left out: %(count)s: %(reason)s") % {"count": count, "reason": text})
        for course_key, reason in left_out.failed_courses.items():
            self.say(_("left out: %(course)s: %(reason)s") % {"course": course_key, "reason": reason})


def _account(site: Configuration, name: str) -> Configuration:
    """Return the configuration of a site's account, or the site's own if it has none."""
    if (found := site.sender(name)) is not None:
        return found
    names = ", ".join(one.name for one in site.accounts)
    if not names:
        raise UsageError(_("this site has no accounts"))
    raise UsageError(_("say whose learners, --account with one that is switched on: %(names)s") % {"names": names})


def _write(path: Path, text: str) -> str:
    """Write a file that its owner alone may read, and return its name; ``UsageError`` if there is one already."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return str(path)
