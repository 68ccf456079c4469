"""How the demo's sites report: what an operator would enter in the admin.

The default site reports by the settings ``PERCIPIO_*``, so that the environment can point it elsewhere. The second one
has an account for each of two customers, in two regions of Percipio. The third one has credentials of its own, which
never mix with those of the settings.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings

from demo.learning.people import CUSTOMERS, ORGANIZATION_KEY, organization_of

# The site whose courses employees of both customers take.
CAMPUS = 2
# How the demo calls its regions of Percipio: that of all else, and the one that the last customer is in.
REGION, OTHER_REGION = "us", "eu"
# By site: the credentials, and where it reports otherwise than the settings say.
CONFIGURATIONS: dict[int, dict[str, str]] = {
    3: {
        "partner_name": "demo-workshop",
        "organization_id": "org-workshop",
        "client_id": "demo-workshop-client",
        "client_secret": "demo-workshop-secret",
        "api": "track",
        "completed_on": "progress",
    },
}


def partner_of(customer: str) -> str:
    """Under which name Percipio knows a customer."""
    return f"demo-{customer}"


def region_of(customer: str) -> str:
    """In which region a customer's account is."""
    return OTHER_REGION if customer == CUSTOMERS[-1] else REGION


def account_of(customer: str) -> dict[str, Any]:
    """What an operator enters for a customer's account, but for the addresses."""
    partner = partner_of(customer)
    return {
        "enabled": True,
        "position": CUSTOMERS.index(customer),
        "partner_name": partner,
        "organization_id": f"org-{customer}",
        "client_id": f"{partner}-client",
        "client_secret": f"{partner}-secret",
        "learners": f"sso:{ORGANIZATION_KEY}={organization_of(customer)}",
    }


def add_accounts() -> None:
    """Give each site its account or accounts, unless an operator has entered something already.

    The addresses follow the settings at each start: a sandbox may listen on another port than the last time.
    """
    configuration = apps.get_model("percipio_openedx", "PercipioConfiguration")
    for site_id, values in CONFIGURATIONS.items():
        if not configuration.objects.filter(site_id=site_id).exists():
            configuration.objects.create(site_id=site_id, enabled=True, **values)
    for customer in CUSTOMERS:
        _add_account(customer)


def _add_account(customer: str) -> None:
    account = apps.get_model("percipio_openedx", "Account")
    row = account.newest(CAMPUS, customer) or account(site_id=CAMPUS, name=customer, **account_of(customer))
    there = addresses_of(customer)
    if {name: getattr(row, name) for name in there} != there:
        for name, value in there.items():
            setattr(row, name, value)
        row.save()


def addresses_of(customer: str) -> dict[str, str]:
    """The addresses of a customer's region; where there is no other region, all are in the one of the settings."""
    other = settings.DEMO_OTHER_REGION_URL if region_of(customer) == OTHER_REGION else ""
    return {
        "region": "custom" if other else settings.PERCIPIO_REGION,
        "api_url": other or settings.PERCIPIO_API_URL,
        "token_url": f"{other}/oauth2-provider/token" if other else settings.PERCIPIO_TOKEN_URL,
    }
