"""The settings in force: for a course, for a site. The only module that reads Django's settings.

Course key → organisation → the enabled ``SiteConfiguration`` that names it → its site, else ``SITE_ID``. That
site's ``PercipioConfiguration``, else the settings ``PERCIPIO_*``. Decision record 0005 says why so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from percipio_openedx import addresses, edx_platform
from percipio_openedx.data import Api, CompletedOn, Policy, StartedOn, Undone
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.secrets import Secret
from percipio_openedx.settings.common import DEFAULTS

SERVICE_PATH = "/content-aggregation/v1"


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where a region's API and token endpoint are."""

    api_url: str
    token_url: str


# Skillsoft's data centres (the token address of "development" is on Skillsoft's page, the others are in use by edX).
REGIONS: dict[str, Hosts] = {
    "us": Hosts("https://api.percipio.com", "https://oauth2-provider.percipio.com/oauth2-provider/token"),
    "eu": Hosts(
        "https://dew1-api.percipio.com", "https://euc1-prod-oauth2-provider.percipio.com/oauth2-provider/token"
    ),
    "development": Hosts(
        "https://api.develop.squads-dev.com", "https://oauth2-provider.develop.squads-dev.com/oauth2-provider/token"
    ),
    "custom": Hosts("", ""),
}

# ``int`` and ``isdigit`` disagree on some digits, and on thousands of them.
WHOLE = re.compile(r"-?[0-9]{1,12}")
RATE = re.compile(r"[1-9][0-9]{0,5}/(?:second|minute|hour|day)")

# What settings files ship with, for people to replace.
EXAMPLE_KEY = re.compile(r"dummy|insecure|change ?me|change before|dev key", re.IGNORECASE)

LEARNER_IDS = ("email", "username", "external_id", "sso_uid")
CONTENT_IDS = ("course", "course_run", "url")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything one site needs to report, checked. Times are in seconds."""

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

    def endpoint(self, resource: str, organization: str = "") -> str:
        """The address of ``statements`` or ``track`` for this partner and, where given, an organization.

        Source: "Endpoints" of Skillsoft's page *Tracking Content and Learning Activity*.
        """
        part = f"/organizations/{_quoted(organization)}" if organization else ""
        return f"{self.api_url}{SERVICE_PATH}/partners/{_quoted(self.partner)}{part}/{resource}"


def is_on() -> bool:
    """Whether the plugin does anything at all (``PERCIPIO_ENABLED``)."""
    return bool(_setting("PERCIPIO_ENABLED", True))


def observe_after() -> int:
    """Seconds during which a learner's acts are gathered before they are looked at."""
    return _whole("PERCIPIO_OBSERVE_AFTER", _setting("PERCIPIO_OBSERVE_AFTER", 30), 0, 86400)


def gathering() -> int:
    """The same for whoever has to go on: the default where the setting is wrong, which the system checks say."""
    try:
        return observe_after()
    except PercipioConfigurationError:
        return int(DEFAULTS["PERCIPIO_OBSERVE_AFTER"])


def pull_rate() -> str:
    """How often one client may ask the statement resource, as ``120/minute``; empty for as often as it likes.

    Raises:
        PercipioConfigurationError: the setting is neither empty nor of that form.
    """
    rate = _setting("PERCIPIO_PULL_RATE", DEFAULTS["PERCIPIO_PULL_RATE"]) or ""
    if rate and not (isinstance(rate, str) and RATE.fullmatch(rate)):
        raise PercipioConfigurationError(
            "PERCIPIO_PULL_RATE", _("is %(value)s; it must be as 120/minute, or empty"), value=repr(rate)
        )
    return str(rate)


def alert_emails() -> tuple[str, ...]:
    """Who is told when something is out of order (``PERCIPIO_ALERT_EMAILS``).

    Raises:
        PercipioConfigurationError: the setting is no list of addresses.
    """
    given = _setting("PERCIPIO_ALERT_EMAILS", DEFAULTS["PERCIPIO_ALERT_EMAILS"]) or ()
    if isinstance(given, str) or not all(isinstance(one, str) and "@" in one for one in given):
        raise PercipioConfigurationError("PERCIPIO_ALERT_EMAILS", _("must be a list of addresses"))
    return tuple(given)


def alert_after() -> int:
    """Seconds that something may wait before operators are told (``PERCIPIO_ALERT_AFTER``).

    Raises:
        PercipioConfigurationError: the setting is no whole number from 60 to 30 days.
    """
    name = "PERCIPIO_ALERT_AFTER"
    return _whole(name, _setting(name, DEFAULTS[name]), 60, 30 * 86400)


def retention_days(what: str = "") -> int:
    """Days that rows are kept, 0 for ever (``PERCIPIO_RETENTION_DAYS``, or with ``what``: ``PARKED`` or ``LOG``).

    Raises:
        PercipioConfigurationError: the setting is no whole number from 0 to 100 years.
    """
    name = f"PERCIPIO_RETENTION_{what}_DAYS" if what else "PERCIPIO_RETENTION_DAYS"
    return _whole(name, _setting(name, DEFAULTS[name]), 0, 36500)


def private_hosts() -> addresses.PrivateHosts:
    """What may be reached although it is not public (``PERCIPIO_PRIVATE_HOSTS``).

    Raises:
        PercipioConfigurationError: the setting is no list of host names, addresses and networks.
    """
    name = "PERCIPIO_PRIVATE_HOSTS"
    given = _setting(name, DEFAULTS[name]) or ()
    if not isinstance(given, list | tuple | set | frozenset):
        raise PercipioConfigurationError(name, _("must be a list of host names, addresses and networks"))
    try:
        return addresses.private_hosts(given)
    except addresses.NoPlace as error:
        problem = _("names %(value)s, which is no host name, address or network")
        raise PercipioConfigurationError(name, problem, value=error.given) from None


def metrics_token() -> Secret:
    """With which a scraper may read the metrics; an empty one for: nobody may."""
    return Secret(str(_setting("PERCIPIO_METRICS_TOKEN", "") or ""))


def token_keys() -> tuple[str | None, str | None]:
    """The public keys and the secret key with which the LMS signs tokens (``JWT_AUTH``), those that it has."""
    jwt_auth = _setting("JWT_AUTH", {})
    issuers = jwt_auth.get("JWT_ISSUERS") or [{}]
    secret_key = issuers[0].get("SECRET_KEY") or jwt_auth.get("JWT_SECRET_KEY")
    return jwt_auth.get("JWT_PUBLIC_SIGNING_JWK_SET") or None, secret_key or None


def is_debug() -> bool:
    """Whether Django runs with ``DEBUG``."""
    return bool(_setting("DEBUG", False))


def has_weak_keys() -> bool:
    """Whether the keys that encrypt client secrets (``FERNET_KEYS``, else ``SECRET_KEY``) are somebody's example."""
    keys = _setting("FERNET_KEYS", None)
    keys = [_setting("SECRET_KEY", "")] if keys is None else keys
    return not keys or any(len(str(key)) < 16 or EXAMPLE_KEY.search(str(key)) for key in keys)


def cache_backend() -> str:
    """The class of the default cache, as a dotted path."""
    return str(_setting("CACHES", {}).get("default", {}).get("BACKEND", ""))


def tracking_backends() -> frozenset[str]:
    """The names of the LMS's event-tracking backends (``EVENT_TRACKING_BACKENDS``)."""
    return frozenset(_setting("EVENT_TRACKING_BACKENDS", None) or ())


def parallel_runs() -> int:
    """How many runs may work at the same time (``PERCIPIO_PARALLEL_RUNS``)."""
    return _whole("PERCIPIO_PARALLEL_RUNS", _setting("PERCIPIO_PARALLEL_RUNS", 2), 1, 64)


def lms_root() -> str:
    """This LMS's address, without a slash at the end (``LMS_ROOT_URL``)."""
    return str(_setting("LMS_ROOT_URL", "") or "").rstrip("/")


def platform_name() -> str:
    """What this LMS calls itself (``PLATFORM_NAME``): the ``context.platform`` of every statement."""
    return str(_setting("PLATFORM_NAME", "") or "Open edX")


def default_language() -> str:
    """The LMS's own language (``LANGUAGE_CODE``)."""
    return str(_setting("LANGUAGE_CODE", "en-us") or "en-us")


def is_eager() -> bool:
    """Whether Celery tasks run inside the caller, as in development: then nothing schedules itself."""
    return bool(_setting("CELERY_ALWAYS_EAGER", False) or _setting("CELERY_TASK_ALWAYS_EAGER", False))


def site_id_for(course_org: str) -> int:
    """The site that an organisation's courses belong to; the default site where none claims it."""
    return edx_platform.site_id_of_org(course_org) or default_site_id()


def default_site_id() -> int:
    """``SITE_ID`` of the settings."""
    return int(_setting("SITE_ID", 1) or 1)


def for_site(site_id: int) -> Configuration | None:
    """The configuration in force for a site, or None where nothing is configured or the site is switched off.

    Raises:
        PercipioConfigurationError: something is configured, but wrongly; the message names the setting.
    """
    if not is_on():
        return None
    try:
        row = PercipioConfiguration.current(site_id)
    except InvalidToken:
        problem = _("cannot be decrypted: FERNET_KEYS or SECRET_KEY has changed; enter the secret again in the admin")
        raise PercipioConfigurationError("PERCIPIO_CLIENT_SECRET", problem) from None
    stored = row if row.pk is not None else None
    if stored is not None and not stored.enabled:
        return None
    values = values_of(stored)
    if not any(values[name] for name in ("partner_name", "client_id", "client_secret")):
        return None
    return build(site_id, values)


def build(site_id: int, values: Mapping[str, Any]) -> Configuration:
    """Check raw values, named as the fields of ``PercipioConfiguration``, and make a configuration of them.

    Raises:
        PercipioConfigurationError: a value is missing or out of range; the message names the setting and the mend.
    """
    for name in ("partner_name", "client_id", "client_secret"):
        if not values[name]:
            raise PercipioConfigurationError(_name(name), _("is empty; Skillsoft gives it with the service account"))
    region = _choice("PERCIPIO_REGION", values["region"], tuple(REGIONS))
    learner_home_page = str(values["learner_home_page"] or "") or lms_root()
    return Configuration(
        site_id=site_id,
        api=_member("PERCIPIO_API", values["api"], Api),
        api_url=_address("PERCIPIO_API_URL", values["api_url"] or REGIONS[region].api_url),
        token_url=_address("PERCIPIO_TOKEN_URL", values["token_url"] or REGIONS[region].token_url),
        partner=str(values["partner_name"]),
        organization=str(values["organization_id"] or ""),
        client_id=str(values["client_id"]),
        client_secret=_secret(values["client_secret"]),
        learner_id=_sso("PERCIPIO_LEARNER_ID", values["learner_id"], LEARNER_IDS),
        learner_home_page=learner_home_page,
        organization_from=_sso("PERCIPIO_ORGANIZATION_FROM", values["organization_from"], ("",)),
        learners=_sso("PERCIPIO_LEARNERS", values["learners"], ("all",)),
        send_names=_flag("PERCIPIO_SEND_NAMES", values["send_names"]),
        content_id=_choice("PERCIPIO_CONTENT_ID", values["content_id"], CONTENT_IDS),
        policy=_policy(values),
        batch_size=_whole("PERCIPIO_BATCH_SIZE", values["batch_size"], 1, 500),
        timeout=float(_whole("PERCIPIO_TIMEOUT", values["timeout"], 1, 120)),
    )


def _policy(values: Mapping[str, Any]) -> Policy:
    undone = _member("PERCIPIO_UNDONE", values["undone"], Undone)
    return Policy(
        started_on=_member("PERCIPIO_STARTED_ON", values["started_on"], StartedOn),
        completed_on=_member("PERCIPIO_COMPLETED_ON", values["completed_on"], CompletedOn),
        progress_step=_whole("PERCIPIO_PROGRESS_STEP", values["progress_step"], 1, 100),
        # The Track API has no way of taking anything back.
        undone=Undone.KEEP if values["api"] == Api.TRACK else undone,
    )


FIELDS = (
    "region",
    "api_url",
    "token_url",
    "partner_name",
    "organization_id",
    "client_id",
    "client_secret",
    "api",
    "learner_id",
    "learner_home_page",
    "organization_from",
    "learners",
    "send_names",
    "content_id",
    "started_on",
    "completed_on",
    "undone",
    "progress_step",
    "batch_size",
    "timeout",
)

# Whose learners go where: taken together from one place, never mixed from the row and the settings.
CREDENTIALS = ("partner_name", "organization_id", "client_id", "client_secret")
ADDRESSES = ("region", "api_url", "token_url")


def setting_values() -> dict[str, Any]:
    """The raw ``PERCIPIO_*`` settings that a site's configuration is made of, by field name; the secret is masked."""
    return _masked({name: _setting(_name(name), DEFAULTS[_name(name)]) for name in FIELDS})


def values_of(row: PercipioConfiguration | None) -> dict[str, Any]:
    """The raw values in force with a site's own row, which need not be saved; the settings' alone without one."""
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
    """The same with the secret put where no report of an error shows it; an empty one stays what it was."""
    if not values["client_secret"]:
        return values
    return {**values, "client_secret": _secret(values["client_secret"])}


def _setting(name: str, default: Any) -> Any:
    return getattr(settings, name, default)


def _name(field_name: str) -> str:
    return f"PERCIPIO_{field_name.upper()}"


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))


Member = TypeVar("Member", bound=StrEnum)


def _member(name: str, value: Any, members: type[Member]) -> Member:
    return members(_choice(name, value, tuple(member.value for member in members)))


def _choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        problem = _("is %(value)s; it must be one of %(allowed)s")
        raise PercipioConfigurationError(name, problem, value=repr(value), allowed=", ".join(allowed))
    return str(value)


def _sso(name: str, value: Any, words: tuple[str, ...]) -> str:
    text = str(value or "")
    if text in words or (text.startswith("sso:") and len(text) > len("sso:")):
        return text
    named = ", ".join(word for word in words if word)
    problem = (
        _("is %(value)s; it must be %(allowed)s or sso:<name>")
        if named
        else _("is %(value)s; it must be empty or sso:<name>")
    )
    raise PercipioConfigurationError(name, problem, value=repr(text), allowed=named)


def _whole(name: str, value: Any, least: int, most: int) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and WHOLE.fullmatch(value.strip())):
        problem = _("is %(value)s; it must be a whole number from %(least)s to %(most)s")
        raise PercipioConfigurationError(name, problem, value=repr(value), least=least, most=most)
    # ``int`` does not take all of what ``strip`` takes for blanks.
    number = int(value.strip() if isinstance(value, str) else value)
    if not least <= number <= most:
        problem = _("is %(value)s; it must be from %(least)s to %(most)s")
        raise PercipioConfigurationError(name, problem, value=number, least=least, most=most)
    return number


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise PercipioConfigurationError(name, _("is %(value)s; it must be True or False"), value=repr(value))


def _address(name: str, value: Any) -> str:
    """An https address; plain http is for a loopback host only (a sandbox on the same machine)."""
    text = str(value or "").rstrip("/")
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        raise PercipioConfigurationError(name, _("is not an address")) from None
    if not host:
        raise PercipioConfigurationError(name, _("is empty or no full address; PERCIPIO_REGION custom needs one"))
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PercipioConfigurationError(name, _("must hold no user name, query or fragment"))
    if parts.scheme != "https" and not (parts.scheme == "http" and addresses.is_loopback(host)):
        raise PercipioConfigurationError(name, _("must begin with https:// (http only for this machine itself)"))
    if not _may_be_named(host):
        problem = _("names %(host)s, which is no public address; if that is meant, add it to PERCIPIO_PRIVATE_HOSTS")
        raise PercipioConfigurationError(name, problem, host=host)
    return text


def _may_be_named(host: str) -> bool:
    """Whether a host stands in an address by right. Names are looked up when a connection is made."""
    address = addresses.literal(host)
    if address is None or addresses.is_public(address) or addresses.is_loopback(host):
        return True
    try:
        return private_hosts().allow(host, address)
    except PercipioConfigurationError:
        # A list that cannot be read allows nothing; the system checks and the doctor name that mistake.
        return False
