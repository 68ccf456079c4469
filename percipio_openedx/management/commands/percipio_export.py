"""``percipio_export``: write completions as files for Percipio's *External Learning* import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
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
from percipio_openedx.catalog.files import columns, filled, header, in_parts
from percipio_openedx.config import Configuration
from percipio_openedx.management.commands.percipio_courses import content_of
from percipio_openedx.management.exit_codes import ExitCode
from percipio_openedx.management.operator import (
    OperatorCommand,
    UsageError,
    add_act,
    course_named,
    interruption,
    site_option,
    write_private,
)
from percipio_openedx.operations import labels
from percipio_openedx.operations.sites import site_name


class Command(OperatorCommand):
    help = (
        "Writes what learners completed as CSV files for Percipio's External Learning import, for the weeks without "
        "credentials: of the learners whom the site reports alone, named as its configuration names them, each file of "
        "at most 500 KB. Stores and sends nothing. The files hold personal data."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="completions")
        act = add_act(acts, "completions", "write the completions")
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
        site_id = site_option(options["site"]) or config.default_site_id()
        site = config.without_credentials(site_id)
        if site is None:
            raise UsageError(_("%(site)s is switched off") % {"site": site_name(site_id)})
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
        files, texts = [], dict[Path, str]()
        for number, (organization, some) in enumerate(sorted(found.items()), 1):
            rows = [row_of(one, configuration, lists, options["date_format"]) for one in some]
            parts = in_parts(head, (filled(len(head), places, row) for row in rows))
            name = "completions" if set(found) == {configuration.organization} else f"completions-organization-{number}"
            written = {Path(options["folder"]) / f"{name}-{part}.csv": text for part, text in enumerate(parts, 1)}
            files.append(
                {"organization": organization, "completions": len(some), "files": [str(one) for one in written]}
            )
            texts |= written
        write_private(texts)
        document = {"files": files, "held": dict(left_out.held), "failed_courses": left_out.failed_courses}
        self.tell(document, _summed_up(files, left_out))
        return not left_out.failed_courses and not {NO_TIME, ODD_ID} & set(left_out.held)

    def _found(self, site: Configuration, account: str) -> tuple[dict[str, list[Completion]], LeftOut]:
        """Return an account's completions by the learners' Percipio organization: a file is imported by one of them."""
        found: dict[str, list[Completion]] = {}
        left_out, counts = LeftOut(), enrolled_courses(site)
        with interruption() as stop, tqdm(total=len(counts), unit=" courses", disable=None) as bar:
            for course_key in counts:
                for some in completions(site, course_key, left_out, account):
                    if stop.is_set():
                        raise CommandError(_("interrupted; nothing was written"), returncode=ExitCode.PROBLEM)
                    for one in some:
                        found.setdefault(one.identity.organization, []).append(one)
                bar.update()
        return found, left_out


def _summed_up(files: list[dict[str, Any]], left_out: LeftOut) -> Iterator[str]:
    if not files:
        yield _("nobody has completed a course")
    for one in files:
        count = one["completions"]
        text = ngettext("%(count)s completion in %(files)s", "%(count)s completions in %(files)s", count)
        yield text % {"count": count, "files": ", ".join(one["files"])}
        if one["organization"]:
            yield "  " + _("for the organization %(organization)s") % {"organization": one["organization"]}
    own = {
        NO_TIME: _("Neither the time on task nor the course's duration is known. Give the course a duration."),
        ODD_ID: _("The learner's id begins like a formula, and would not arrive as it is."),
    }
    for reason, count in sorted(left_out.held.items()):
        text = own.get(reason) or labels.of(labels.HOLDS, reason)
        said = ngettext(
            "left out: %(count)s learner in a course: %(reason)s",
            "left out: %(count)s learners in courses: %(reason)s",
            count,
        )
        yield said % {"count": count, "reason": text}
    for course_key, reason in left_out.failed_courses.items():
        text = _("left out: %(course)s: %(reason)s")
        yield text % {"course": course_named(course_key), "reason": reason}


def _account(site: Configuration, name: str) -> Configuration:
    """Return the configuration of a site's account, or the site's own if it has none."""
    if (found := site.sender(name)) is not None:
        return found
    names = ", ".join(one.name for one in site.accounts)
    if not names:
        raise UsageError(_("%(site)s has no accounts") % {"site": site_name(site.site_id)})
    raise UsageError(_("say whose learners, --account with one that is switched on: %(names)s") % {"names": names})
