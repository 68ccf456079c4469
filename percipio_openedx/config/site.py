"""The checked settings of one site, from its own row, else the settings ``PERCIPIO_*``; or of one of its accounts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _

from percipio_openedx import edx_platform
from percipio_openedx.config.installation import default_site_id, site_values_of
from percipio_openedx.config.values import (
    address,
    choice,
    flag,
    identifier,
    learner_rule,
    member,
    setting,
    several,
    sso_or,
    whole,
)
from percipio_openedx.data import LONGEST_COURSE, CatalogPolicy, Policy
from percipio_openedx.encryption import Secret, unreadable
from percipio_openedx.enums import (
    Api,
    CompletedOn,
    Kind,
    LockedUnits,
    Offering,
    ProgressSource,
    ReportedCourses,
    Retakes,
    StartedOn,
    Undone,
)
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.settings.common import DEFAULTS
from percipio_openedx.statements.content import language_tag

if TYPE_CHECKING:
    from percipio_openedx.models.configuration import PercipioConfiguration

SERVICE_PATH = "/content-aggregation/v1"

LEARNER_IDS = ("email", "username", "external_id", "sso_uid")
CONTENT_IDS = ("course", "course_run", "url", "slug")
# Stands for every mode or milestone, so that a site's row can say so where the setting names some.
ALL = "all"
MILESTONES = tuple(kind for kind in Kind if kind is not Kind.RETRACTED)

# Taken together from one place, never mixed from row and settings: they decide whose learners go where.
ADDRESSES = ("region", "api_url", "token_url")
CREDENTIALS = ("partner_name", "organization_id", "client_id", "client_secret")
# What a site's row may set; a literal, since the documentation reads it.
# fmt: off
FIELDS = (
    "region", "api_url", "token_url", "partner_name", "organization_id", "client_id", "client_secret", "api",
    "send_skipped", "learner_id", "learner_home_page", "organization_from", "learners", "modes", "send_names",
    "content_id", "catalog", "courses", "catalog_type", "catalog_duration", "catalog_language", "catalog_push",
    "catalog_interval", "catalog_patience", "launch_idp", "launch_enrolls", "milestones", "started_on", "completed_on",
    "retakes", "undone", "progress_step", "locked_units", "progress_from", "batch_size", "timeout",
)
# fmt: on
# What an account's row sets: where and with which credentials from there alone, the others if they are not empty.
ACCOUNT_FIELDS = (*ADDRESSES, *CREDENTIALS, "api", "learner_id", "learner_home_page", "organization_from", "learners")
# Fields that shape a statement, or decide whose it is and where it goes.
SHAPING = (
    *("site_id", "api", "partner", "organization", "client_id", "learner_id", "learner_home_page"),
    *("organization_from", "learners", "modes", "send_names", "content_id", "own_credentials", "lms_root", "platform"),
    *("account", "rules_before"),
)

LONGEST_TYPE = 64
# Seconds: a day between two comparisons of the catalog, a month for a statement that waits for an item of it.
LONGEST_INTERVAL = 86_400
LONGEST_PATIENCE = 2_592_000

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
    """All checked settings of a site, or of one of its accounts; times in seconds.

    ``own_credentials`` says that they are not the settings'. Where the site has ``accounts``, its own credentials are
    empty: nothing is sent with it, and whose learner somebody is decides between the accounts' own configurations.
    These have the name of their ``account``, and the rules of those asked before (``rules_before``). ``modes`` are the
    enrollment modes to report, empty for all. ``platform`` and ``lms_root`` are the site's own name and root address,
    ``unusable`` the keys of its ``SiteConfiguration`` whose values are not used (``site_values_of``).
    """

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
    learners: str = ALL
    modes: tuple[str, ...] = ()
    send_names: bool = True
    content_id: str = "course"
    policy: Policy = field(default_factory=Policy)
    catalog: CatalogPolicy = field(default_factory=CatalogPolicy)
    batch_size: int = 50
    timeout: float = 20.0
    send_skipped: bool = False
    own_credentials: bool = False
    lms_root: str = ""
    platform: str = ""
    unusable: tuple[str, ...] = ()
    account: str = ""
    rules_before: tuple[str, ...] = ()
    accounts: tuple[AccountInForce, ...] = ()

    @property
    def senders(self) -> tuple[Configuration, ...]:
        """Return the configurations that statements are sent with: its own, or those of the usable accounts."""
        if not self.accounts:
            return (self,)
        return tuple(one.in_force for one in self.accounts if isinstance(one.in_force, Configuration))

    def sender(self, account: str) -> Configuration | None:
        """Return what to send an account's statements with, or raise the mistake in it.

        None if the account is switched off or deleted, and without a name if the site has accounts: nothing made for
        one place leaves through another.
        """
        if not self.accounts:
            return None if account else self
        return next((one.usable() for one in self.accounts if one.name == account), None)

    @property
    def fingerprint(self) -> str:
        """Return a short, stable hash of everything that shapes statements."""
        shape = [str(getattr(self, name)) for name in SHAPING]
        if self.catalog.courses is ReportedCourses.CATALOG:
            shape.append(self.catalog.offering)
        return hashlib.sha256(json.dumps(shape).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def place(self) -> tuple[int, str]:
        """Return the site and the account: to whom learners' data go (``models.destination.Place``)."""
        return self.site_id, self.account

    def endpoint(self, resource: str, organization: str = "") -> str:
        """Return an API address ("Endpoints" of Skillsoft's page *Tracking Content and Learning Activity*)."""
        part = f"/organizations/{quote(organization, safe='')}" if organization else ""
        return f"{self.api_url}{SERVICE_PATH}/partners/{quote(self.partner, safe='')}{part}/{resource}"


@dataclass(frozen=True, slots=True)
class AccountInForce:
    """One account of a site: the rule for whose learners it is, and its configuration.

    ``in_force`` is None if it is switched off, or the mistake in it: its learners are held back, and fall to no other.
    An empty ``rule`` is a mistaken one, which cannot tell whose learner anybody is.
    """

    name: str
    rule: str
    in_force: Configuration | PercipioConfigurationError | None

    def usable(self) -> Configuration | None:
        """Return its configuration, None if it is switched off, or raise the mistake in it."""
        if isinstance(self.in_force, PercipioConfigurationError):
            raise self.in_force
        return self.in_force


def site_id_for(course_org: str) -> int:
    """Return the site that an organization's courses belong to; the default site if none claims it."""
    return edx_platform.sites_by_org().get(course_org, default_site_id())


def launch_rules(values: Mapping[str, Any], root: str) -> Launch:
    """Check what the launch address needs of a site's raw values; ``root`` is the site's own address."""
    return Launch(
        content_id=choice("PERCIPIO_CONTENT_ID", values["content_id"], CONTENT_IDS),
        idp=identifier("PERCIPIO_LAUNCH_IDP", values["launch_idp"]),
        enrolls=flag("PERCIPIO_LAUNCH_ENROLLS", values["launch_enrolls"]),
        root=root,
    )


def build(site_id: int, values: Mapping[str, Any], given: Any = None) -> Configuration:
    """Check raw values by field; a ``PercipioConfigurationError`` names the setting and the fix.

    ``given`` is what the site's ``SiteConfiguration`` holds, None without one.
    """
    for name in ("partner_name", "client_id", "client_secret"):
        if not values[name]:
            raise PercipioConfigurationError(_name(name), _("is empty; Skillsoft gives it with the service account"))
    client_secret = _secret(values["client_secret"])
    if not client_secret.is_readable:
        raise unreadable()
    own = site_values_of(given)
    launch_rules(values, own.lms_root)
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
        learner_home_page=str(values["learner_home_page"] or "") or own.lms_root,
        organization_from=sso_or("PERCIPIO_ORGANIZATION_FROM", values["organization_from"], ("",)),
        learners=_learners(values["learners"]),
        modes=_modes(values["modes"]),
        send_names=flag("PERCIPIO_SEND_NAMES", values["send_names"]),
        send_skipped=flag("PERCIPIO_SEND_SKIPPED", values["send_skipped"]),
        content_id=choice("PERCIPIO_CONTENT_ID", values["content_id"], CONTENT_IDS),
        policy=_policy(values),
        catalog=catalog_policy(values),
        batch_size=whole("PERCIPIO_BATCH_SIZE", values["batch_size"], 1, 500),
        timeout=float(whole("PERCIPIO_TIMEOUT", values["timeout"], 1, 120)),
        lms_root=own.lms_root,
        platform=own.platform,
        unusable=own.unusable,
    )


def _learners(value: Any) -> str:
    """Check whose learners are reported; nobody's until somebody has said so."""
    if value in (None, ""):
        problem = _(
            "is empty: choose whose data goes to Percipio, and nothing is reported until then. Write all (every "
            "learner), sso:<provider> or sso:<key>=<value> (only those whom single sign-on marks)"
        )
        raise PercipioConfigurationError("PERCIPIO_LEARNERS", problem)
    return learner_rule("PERCIPIO_LEARNERS", value)


def _modes(value: Any) -> tuple[str, ...]:
    modes = several("PERCIPIO_MODES", value)
    return () if ALL in modes else modes


def _milestones(value: Any) -> frozenset[Kind]:
    chosen = several("PERCIPIO_MILESTONES", value)
    if not chosen:
        problem = _("names no milestone; to report nothing, switch the site off")
        raise PercipioConfigurationError("PERCIPIO_MILESTONES", problem)
    named = [choice("PERCIPIO_MILESTONES", one, (*MILESTONES, ALL)) for one in chosen]
    return frozenset(MILESTONES) if ALL in named else frozenset(map(Kind, named))


def _progress_from(value: Any) -> ProgressSource:
    source = member("PERCIPIO_PROGRESS_FROM", value, ProgressSource)
    if source is ProgressSource.AGGREGATOR and not edx_platform.has_aggregator():
        problem = _("is aggregator, but the LMS has no app completion_aggregator; install it, or choose platform")
        raise PercipioConfigurationError("PERCIPIO_PROGRESS_FROM", problem)
    return source


def _policy(values: Mapping[str, Any]) -> Policy:
    undone = member("PERCIPIO_UNDONE", values["undone"], Undone)
    return Policy(
        started_on=member("PERCIPIO_STARTED_ON", values["started_on"], StartedOn),
        completed_on=member("PERCIPIO_COMPLETED_ON", values["completed_on"], CompletedOn),
        progress_step=whole("PERCIPIO_PROGRESS_STEP", values["progress_step"], 1, 100),
        # The Track API cannot retract anything.
        undone=Undone.KEEP if values["api"] == Api.TRACK else undone,
        locked_units=member("PERCIPIO_LOCKED_UNITS", values["locked_units"], LockedUnits),
        progress_from=_progress_from(values["progress_from"]),
        milestones=_milestones(values["milestones"]),
        retakes=member("PERCIPIO_RETAKES", values["retakes"], Retakes),
    )


def catalog_policy(values: Mapping[str, Any]) -> CatalogPolicy:
    offering = member("PERCIPIO_CATALOG", values["catalog"], Offering)
    courses = member("PERCIPIO_COURSES", values["courses"], ReportedCourses)
    if courses is ReportedCourses.CATALOG and offering is Offering.NONE:
        # Else no learner of any course would be reported.
        problem = _("is catalog, but there is no catalog; set PERCIPIO_CATALOG as well")
        raise PercipioConfigurationError("PERCIPIO_COURSES", problem)
    language = str(values["catalog_language"] or "")
    if language and language_tag(language) is None:
        problem = _("is %(value)s; it must be a language tag, such as en or pt-BR")
        raise PercipioConfigurationError("PERCIPIO_CATALOG_LANGUAGE", problem, value=repr(language))
    kind = str(values["catalog_type"] or "")
    if not kind or not kind.isprintable() or len(kind) > LONGEST_TYPE:
        problem = _("must be one of Percipio's types of content, such as COURSE")
        raise PercipioConfigurationError("PERCIPIO_CATALOG_TYPE", problem)
    return CatalogPolicy(
        offering=offering,
        courses=courses,
        type=kind,
        duration=whole("PERCIPIO_CATALOG_DURATION", values["catalog_duration"], 0, LONGEST_COURSE),
        language=language_tag(language) or "",
        push=flag("PERCIPIO_CATALOG_PUSH", values["catalog_push"]),
        interval=whole("PERCIPIO_CATALOG_INTERVAL", values["catalog_interval"], 60, LONGEST_INTERVAL),
        patience=whole("PERCIPIO_CATALOG_PATIENCE", values["catalog_patience"], 0, LONGEST_PATIENCE),
    )


def setting_values() -> dict[str, Any]:
    """Return the raw ``PERCIPIO_*`` settings of a site's configuration by field; the secret is masked."""
    return masked({name: setting(_name(name), DEFAULTS[_name(name)]) for name in FIELDS})


def values_of(row: PercipioConfiguration | None) -> dict[str, Any]:
    """Return the raw values in force with a site's row (saved or not), or those of the settings without one.

    A stored secret that cannot be decrypted is unreadable, and ``build`` refuses it.
    """
    values = setting_values()
    if row is None:
        return values
    own = masked({name: getattr(row, name) for name in FIELDS})
    if own["client_id"]:
        values.update(dict.fromkeys(CREDENTIALS, ""))
    if any(own[name] for name in ADDRESSES):
        values.update({"region": "custom", "api_url": "", "token_url": ""})
    values.update({name: value for name, value in own.items() if value not in (None, "")})
    return values


def masked(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the secret hidden from error reports; an empty one is empty text."""
    secret = values["client_secret"]
    return {**values, "client_secret": _secret(secret) if secret else ""}


def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))


def _name(field_name: str) -> str:
    return f"PERCIPIO_{field_name.upper()}"
