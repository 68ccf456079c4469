"""The checked settings in force for one site: its own row, else the settings ``PERCIPIO_*``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _

from percipio_openedx import edx_platform
from percipio_openedx.config.installation import default_site_id, is_on, lms_root, platform_name
from percipio_openedx.config.values import address, choice, flag, identifier, member, setting, sso_or, whole
from percipio_openedx.data import Policy
from percipio_openedx.enums import Api, CompletedOn, LockedUnits, StartedOn, Undone
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.secret import Secret, unreadable
from percipio_openedx.settings.common import DEFAULTS

if TYPE_CHECKING:
    from percipio_openedx.models.configuration import PercipioConfiguration

SERVICE_PATH = "/content-aggregation/v1"

LEARNER_IDS = ("email", "username", "external_id", "sso_uid")
CONTENT_IDS = ("course", "course_run", "url", "slug")

# Taken together from one place, never mixed from row and settings: they decide whose learners go where.
ADDRESSES = ("region", "api_url", "token_url")
CREDENTIALS = ("partner_name", "organization_id", "client_id", "client_secret")
# What a site's row may set; a literal, since the documentation reads it.
FIELDS = (
    "region",
    "api_url",
    "token_url",
    "partner_name",
    "organization_id",
    "client_id",
    "client_secret",
    "api",
    "send_skipped",
    "learner_id",
    "learner_home_page",
    "organization_from",
    "learners",
    "send_names",
    "content_id",
    "launch_idp",
    "launch_enrolls",
    "started_on",
    "completed_on",
    "undone",
    "progress_step",
    "locked_units",
    "batch_size",
    "timeout",
)

# Fields that shape a statement, or decide whose it is and where it goes.
SHAPING = (
    *("site_id", "api", "partner", "organization", "client_id", "learner_id", "learner_home_page"),
    *("organization_from", "learners", "send_names", "content_id", "own_credentials"),
)


# Skillsoft's data centers: addresses of the API and of the token endpoint. (The token address of "development" is on
# Skillsoft's page, the others are in use by edX.)
REGIONS: dict[str, tuple[str, str]] = {
    "us": ("https://api.percipio.com", "https://oauth2-provider.percipio.com/oauth2-provider/token"),
    "eu": ("https://dew1-api.percipio.com", "https://euc1-prod-oauth2-provider.percipio.com/oauth2-provider/token"),
    "development": (
        "https://api.develop.squads-dev.com",
        "https://oauth2-provider.develop.squads-dev.com/oauth2-provider/token",
    ),
    "custom": ("", ""),
}


@dataclass(frozen=True, slots=True)
class Launch:
    """What the launch address needs of a site's settings: no credentials, since the address works before there are any.

    ``idp`` is the identity provider's id in the LMS (``saml-okta``), ``''`` for the login page's own choice; ``root``
    is the address that content ids by the rule ``url`` begin with.
    """

    content_id: str
    idp: str
    enrolls: bool
    root: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """All checked settings of a site, times in seconds; ``own_credentials`` says that they are not the settings'."""

    site_id: int
    api: Api
    api_url: str
    token_url: str
    partner: str
    organization: str
    client_id: str
    client_secret: Secret = field(repr=False)
    learner_id: str = "email"
    learner_home_page: str = ""
    organization_from: str = ""
    learners: str = "all"
    send_names: bool = True
    content_id: str = "course"
    policy: Policy = field(default_factory=Policy)
    batch_size: int = 50
    timeout: float = 20.0
    send_skipped: bool = False
    own_credentials: bool = False

    @property
    def fingerprint(self) -> str:
        """Return a short, stable hash of everything that shapes statements."""
        shape = [str(getattr(self, name)) for name in SHAPING]
        text = json.dumps([*shape, lms_root(), platform_name()])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def endpoint(self, resource: str, organization: str = "") -> str:
        """Return an API address ("Endpoints" of Skillsoft's page *Tracking Content and Learning Activity*)."""
        part = f"/organizations/{quote(organization, safe='')}" if organization else ""
        return f"{self.api_url}{SERVICE_PATH}/partners/{quote(self.partner, safe='')}{part}/{resource}"


def site_id_for(course_org: str) -> int:
    """Return the site that an organization's courses belong to; the default site if none claims it."""
    return edx_platform.site_id_of_org(course_org) or default_site_id()


def for_site(site_id: int) -> Configuration | None:
    """Return a site's configuration, None if missing or off; ``PercipioConfigurationError`` names a wrong setting."""
    # The CMS imports this package for event routing, and lacks our models.
    from percipio_openedx.models.configuration import PercipioConfiguration

    return in_force(site_id, PercipioConfiguration.newest(site_id)) if is_on() else None


def in_force(site_id: int, stored: PercipioConfiguration | None) -> Configuration | None:
    """Return the same as ``for_site``, given the site's newest row."""
    if not is_on() or (stored is not None and not stored.enabled):
        return None
    values = values_of(stored)
    if not any(values[name] for name in ("partner_name", "client_id", "client_secret")):
        return None
    return replace(build(site_id, values), own_credentials=stored is not None and bool(stored.client_id))


def launch_for(site_id: int) -> Launch | None:
    """Return what a site's launch address needs, None if the site is off; raises as ``for_site``."""
    from percipio_openedx.models.configuration import PercipioConfiguration

    stored = PercipioConfiguration.newest(site_id)
    return _launch(values_of(stored)) if is_on() and (stored is None or stored.enabled) else None


def _launch(values: Mapping[str, Any]) -> Launch:
    return Launch(
        content_id=choice("PERCIPIO_CONTENT_ID", values["content_id"], CONTENT_IDS),
        idp=identifier("PERCIPIO_LAUNCH_IDP", values["launch_idp"]),
        enrolls=flag("PERCIPIO_LAUNCH_ENROLLS", values["launch_enrolls"]),
        root=lms_root(),
    )


def build(site_id: int, values: Mapping[str, Any]) -> Configuration:
    """Check raw values by field; a ``PercipioConfigurationError`` names the setting and the fix."""
    for name in ("partner_name", "client_id", "client_secret"):
        if not values[name]:
            raise PercipioConfigurationError(_name(name), _("is empty; Skillsoft gives it with the service account"))
    client_secret = _secret(values["client_secret"])
    if not client_secret.is_readable:
        raise unreadable()
    _launch(values)
    api_url, token_url = REGIONS[choice("PERCIPIO_REGION", values["region"], tuple(REGIONS))]
    return Configuration(
        site_id=site_id,
        api=member("PERCIPIO_API", values["api"], Api),
        api_url=address("PERCIPIO_API_URL", values["api_url"] or api_url),
        token_url=address("PERCIPIO_TOKEN_URL", values["token_url"] or token_url),
        partner=identifier("PERCIPIO_PARTNER_NAME", values["partner_name"]),
        organization=identifier("PERCIPIO_ORGANIZATION_ID", values["organization_id"]),
        client_id=str(values["client_id"]),
        client_secret=client_secret,
        learner_id=sso_or("PERCIPIO_LEARNER_ID", values["learner_id"], LEARNER_IDS),
        learner_home_page=str(values["learner_home_page"] or "") or lms_root(),
        organization_from=sso_or("PERCIPIO_ORGANIZATION_FROM", values["organization_from"], ("",)),
        learners=sso_or("PERCIPIO_LEARNERS", values["learners"], ("all",)),
        send_names=flag("PERCIPIO_SEND_NAMES", values["send_names"]),
        send_skipped=flag("PERCIPIO_SEND_SKIPPED", values["send_skipped"]),
        content_id=choice("PERCIPIO_CONTENT_ID", values["content_id"], CONTENT_IDS),
        policy=_policy(values),
        batch_size=whole("PERCIPIO_BATCH_SIZE", values["batch_size"], 1, 500),
        timeout=float(whole("PERCIPIO_TIMEOUT", values["timeout"], 1, 120)),
    )


def _policy(values: Mapping[str, Any]) -> Policy:
    undone = member("PERCIPIO_UNDONE", values["undone"], Undone)
    return Policy(
        started_on=member("PERCIPIO_STARTED_ON", values["started_on"], StartedOn),
        completed_on=member("PERCIPIO_COMPLETED_ON", values["completed_on"], CompletedOn),
        progress_step=whole("PERCIPIO_PROGRESS_STEP", values["progress_step"], 1, 100),
        # The Track API cannot retract anything.
        undone=Undone.KEEP if values["api"] == Api.TRACK else undone,
        locked_units=member("PERCIPIO_LOCKED_UNITS", values["locked_units"], LockedUnits),
    )


def setting_values() -> dict[str, Any]:
    """Return the raw ``PERCIPIO_*`` settings of a site's configuration by field; the secret is masked."""
    return _masked({name: setting(_name(name), DEFAULTS[_name(name)]) for name in FIELDS})


def values_of(row: PercipioConfiguration | None) -> dict[str, Any]:
    """Return the raw values in force with a site's row (saved or not), or those of the settings without one.

    A stored secret that cannot be decrypted is an ``UnreadableSecret``, which ``build`` refuses.
    """
    values = setting_values()
    if row is None:
        return values
    own = _masked({name: getattr(row, name) for name in FIELDS})
    if own["client_id"]:
        values.update(dict.fromkeys(CREDENTIALS, ""))
    if any(own[name] for name in ADDRESSES):
        values.update({"region": "custom", "api_url": "", "token_url": ""})
    values.update({name: value for name, value in own.items() if value not in (None, "")})
    return values


def _masked(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the secret hidden from error reports; an empty one is empty text."""
    secret = values["client_secret"]
    return {**values, "client_secret": _secret(secret) if secret else ""}


def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))


def _name(field_name: str) -> str:
    return f"PERCIPIO_{field_name.upper()}"
