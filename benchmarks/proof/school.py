"""Makes the harness's LMS ready: tables, sites, accounts, courses. ``python -m benchmarks.proof.school`` does it."""

from __future__ import annotations

import os
from typing import Any

import django

from benchmarks.proof.catalog import organization_of

# A site besides those of the demo, with one account, whose learners are those of any identity provider.
HARBOR = 4
WORKSHOP = 3


def main() -> None:
    """Make everything that a class needs, with whatever version of the plugin this process finds."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.proof.settings")
    django.setup()
    from django.apps import apps
    from django.conf import settings
    from django.core.management import call_command

    from benchmarks.proof.courses import PLANS
    from demo.learning.management.commands.setup_demo import add_site
    from demo.learning.publishing import publish

    call_command("setup_demo")
    add_site(HARBOR, "harbor.demo.local", "Demo Harbor", ["HarborX"])
    for site_id, name in accounts():
        save_account(site_id, name)
    if settings.PERCIPIO_ORGANIZATION_ID:
        apps.get_model("percipio_openedx", "PercipioConfiguration").objects.create(
            site_id=WORKSHOP, enabled=True, **workshop()
        )
    for plan in PLANS:
        publish(plan)


def accounts() -> dict[tuple[int, str], dict[str, Any]]:
    """What an operator entered for each account, by site and name."""
    from django.conf import settings

    from demo.learning.destinations import CAMPUS, account_of, addresses_of
    from demo.learning.people import CUSTOMERS

    harbor = {
        **{"region": "custom", "api_url": settings.PERCIPIO_API_URL, "token_url": settings.PERCIPIO_TOKEN_URL},
        **{"partner_name": "demo-harbor", "client_id": "demo-harbor-client", "client_secret": "demo-harbor-secret"},
        **{"enabled": True, "learners": "sso:tpa-saml"},
    }
    own = {(CAMPUS, name): {**account_of(name), **addresses_of(name)} for name in CUSTOMERS}
    every = {**own, (HARBOR, "harbor"): harbor}
    return {key: {**values, **_organization(values["partner_name"])} for key, values in every.items()}


def workshop() -> dict[str, Any]:
    """What an operator entered for the site that reports by the Track API."""
    from demo.learning.destinations import CONFIGURATIONS

    values = CONFIGURATIONS[WORKSHOP]
    return {**values, **_organization(values["partner_name"])}


def _organization(partner: str) -> dict[str, str]:
    """The organization that an account reports to, where the catalog is sent, which needs one."""
    from django.conf import settings

    return {"organization_id": organization_of(partner)} if settings.PERCIPIO_ORGANIZATION_ID else {}


def save_account(site_id: int, name: str, **changes: Any) -> None:
    """A new version of an account, as it was entered but for these changes."""
    from django.apps import apps

    values = {**accounts()[site_id, name], **changes}
    apps.get_model("percipio_openedx", "Account").objects.create(site_id=site_id, name=name, **values)


if __name__ == "__main__":
    main()
