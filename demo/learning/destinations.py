"""How the demo's sites report: what an operator would enter in the admin.

The default site reports by the settings ``PERCIPIO_*``, so that the environment can point it elsewhere. The others have
credentials of their own, which never mix with those; the addresses are the settings' for all.
"""

from __future__ import annotations

from django.apps import apps

# By site: the account, and where it reports otherwise than the settings say.
ACCOUNTS: dict[int, dict[str, str]] = {
    2: {"partner_name": "demo-campus", "client_id": "demo-campus-client", "client_secret": "demo-campus-secret"},
    3: {
        "partner_name": "demo-workshop",
        "client_id": "demo-workshop-client",
        "client_secret": "demo-workshop-secret",
        "api": "track",
        "completed_on": "progress",
    },
}


def add_accounts() -> None:
    """Give each site its account, unless an operator has entered something already."""
    configuration = apps.get_model("percipio_openedx", "PercipioConfiguration")
    for site_id, account in ACCOUNTS.items():
        if not configuration.objects.filter(site_id=site_id).exists():
            configuration.objects.create(site_id=site_id, enabled=True, **account)
