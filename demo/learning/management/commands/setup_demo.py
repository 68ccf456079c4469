"""Makes the demo LMS ready: tables, sites, courses and a login."""

from __future__ import annotations

from typing import Any

from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from openedx.core.djangoapps.site_configuration.models import SiteConfiguration
from waffle.models import Switch

from demo.learning.accounts import ADMIN_USERNAME, add_admin
from demo.learning.catalog import CATALOGUE, plans
from demo.learning.destinations import add_accounts
from demo.learning.publishing import publish

# Domain, name and organizations of the sites, the default one first; the last reports by the Track API.
SITES = (
    (1, "academy.demo.local", "Demo Academy", ["AcademyX"]),
    (2, "campus.demo.local", "Demo Campus", ["CampusX"]),
    (3, "workshop.demo.local", "Demo Workshop", ["WorkshopX"]),
)


class Command(BaseCommand):
    """Can be run again: what is there stays."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """How many courses there are at least."""
        parser.add_argument("--courses", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, then add what is missing."""
        call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)
        Switch.objects.update_or_create(name=ENABLE_COMPLETION_TRACKING_SWITCH.name, defaults={"active": True})
        for site in SITES:
            add_site(*site)
        courses = plans(max(options["courses"], len(CATALOGUE)))
        for plan in courses:
            publish(plan)
        add_accounts()
        add_admin()
        self.stdout.write(f"Demo LMS ready: {len(SITES)} sites, {len(courses)} courses, login {ADMIN_USERNAME}.")


def add_site(pk: int, domain: str, name: str, orgs: list[str]) -> None:
    """A site with its configuration, as an operator would enter it."""
    site, _created = Site.objects.update_or_create(pk=pk, defaults={"domain": domain, "name": name})
    values = {"course_org_filter": orgs, "PLATFORM_NAME": name, "LMS_ROOT_URL": f"https://{domain}"}
    found = SiteConfiguration.objects.filter(site=site).first()
    if found is None:
        SiteConfiguration.objects.create(site=site, enabled=True, site_values=values)
