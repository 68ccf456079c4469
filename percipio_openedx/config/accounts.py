"""Which configuration is in force for a site and for each of its accounts, and what may be shown of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from percipio_openedx import edx_platform, encryption
from percipio_openedx.config.installation import is_on, site_root
from percipio_openedx.config.site import (
    ACCOUNT_FIELDS,
    ADDRESSES,
    CONTENT_IDS,
    CREDENTIALS,
    AccountInForce,
    Configuration,
    Launch,
    build,
    catalog_policy,
    launch_rules,
    masked,
    values_of,
)
from percipio_openedx.config.values import PREFIX, choice, learner_rule, setting
from percipio_openedx.data import CatalogPolicy
from percipio_openedx.encryption import Secret
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.redaction import redacted
from percipio_openedx.settings.common import DEFAULTS

if TYPE_CHECKING:
    from percipio_openedx.models.configuration import Account, PercipioConfiguration

# What a site with accounts is checked with in place of its own credentials, which are used for nobody.
_NO_ACCOUNT: dict[str, Any] = {
    **{"region": "us", "api_url": "", "token_url": "", "organization_id": "", "learners": "all"},
    **{"partner_name": "-", "client_id": "-", "client_secret": Secret("-")},
}


def for_site(site_id: int) -> Configuration | None:
    """Return a site's configuration, None if missing or off.

    Raises:
        PercipioConfigurationError: names a wrong setting.
        PlatformUnavailable: the site's own name and address could not be read.
    """
    # The CMS imports this package for event routing, and lacks our models.
    from percipio_openedx.models.configuration import Account, PercipioConfiguration

    if not is_on():
        return None
    given = edx_platform.site_values([site_id]).get(site_id)
    return in_force(site_id, PercipioConfiguration.newest(site_id), given, Account.in_order([site_id]))


def for_account(site_id: int, account: str) -> Configuration | None:
    """Return what an account's statements are sent with; ``Configuration.sender`` says when that is None."""
    found = for_site(site_id)
    return None if found is None else found.sender(account)


def in_force(
    site_id: int, stored: PercipioConfiguration | None, given: Any = None, accounts: Sequence[Account] = ()
) -> Configuration | None:
    """Return the same as ``for_site``, given the site's newest row and those of its accounts, in order.

    ``given`` is what the site's ``SiteConfiguration`` holds, None without one.
    """
    if not is_on() or (stored is not None and not stored.enabled):
        return None
    values = values_of(stored)
    if accounts:
        return _with_accounts(site_id, values, given, accounts)
    if not any(values[name] for name in ("partner_name", "client_id", "client_secret")):
        return None
    own_credentials = stored is not None and bool(stored.client_id)
    return replace(build(site_id, values, given), own_credentials=own_credentials)


def _with_accounts(site_id: int, values: Mapping[str, Any], given: Any, rows: Sequence[Account]) -> Configuration:
    site = build(site_id, {**values, **_NO_ACCOUNT}, given)
    none: dict[str, Any] = {
        **dict.fromkeys(("partner", "client_id", "api_url", "token_url"), ""),
        "client_secret": Secret(""),
    }
    found: list[AccountInForce] = []
    for row in rows:
        found.append(_account(site, values, given, row, tuple(one.rule for one in found)))
    return replace(site, accounts=tuple(found), **none)


def _account(
    site: Configuration, values: Mapping[str, Any], given: Any, row: Account, before: tuple[str, ...]
) -> AccountInForce:
    """Return an account in force; a mistake in it is its own, and stops no other account."""
    rule = ""
    try:
        rule = learner_rule("PERCIPIO_LEARNERS", row.learners)
        built = build(site.site_id, account_values(values, row), given) if row.enabled else None
    except PercipioConfigurationError as error:
        return AccountInForce(row.name, rule, error.of_account(row.name))
    if built is not None:
        built = replace(built, account=row.name, own_credentials=True, rules_before=before)
    return AccountInForce(row.name, rule, built)


def account_values(values: Mapping[str, Any], row: Account) -> dict[str, Any]:
    """Return the raw values of an account's row (saved or not), given those in force for its site."""
    own = masked({name: getattr(row, name) for name in ACCOUNT_FIELDS})
    if not own["region"] and (own["api_url"] or own["token_url"]):
        own["region"] = "custom"
    alone = {name: own[name] or "" for name in (*ADDRESSES, *CREDENTIALS, "learners")}
    return {**values, **{name: value for name, value in own.items() if value}, **alone}


@dataclass(frozen=True, slots=True)
class CatalogRules:
    """What the catalog needs of a site's settings: no credentials, and no choice of learners.

    ``content_id`` is the rule of content ids, ``root`` the address that the items' addresses begin with.
    """

    site_id: int
    content_id: str
    policy: CatalogPolicy
    root: str


def _values(site_id: int) -> dict[str, Any] | None:
    """Return the raw values in force for a site, None if the site, or the whole plugin, is switched off."""
    from percipio_openedx.models.configuration import PercipioConfiguration

    stored = PercipioConfiguration.newest(site_id) if is_on() else None
    return None if not is_on() or (stored is not None and not stored.enabled) else values_of(stored)


def catalog_for(site_id: int) -> CatalogRules | None:
    """Return what a site's catalog needs, None if the site, or the whole plugin, is off; raises as ``for_site``."""
    values = _values(site_id)
    if values is None:
        return None
    content_id = choice("PERCIPIO_CONTENT_ID", values["content_id"], CONTENT_IDS)
    return CatalogRules(site_id, content_id, catalog_policy(values), site_root(site_id))


def launch_for(site_id: int) -> Launch | None:
    """Return what a site's launch address needs, None if the site is off; raises as ``for_site``."""
    values = _values(site_id)
    return None if values is None else launch_rules(values, site_root(site_id))


def without_credentials(site_id: int) -> Configuration | None:
    """Return a site's configuration for what leaves as a file; None if the site, or the whole plugin, is switched off.

    The site's own credentials are none: nothing can be sent with it. Raises as ``for_site``.
    """
    from percipio_openedx.models.configuration import Account

    values = _values(site_id)
    if values is None:
        return None
    given, accounts = edx_platform.site_values([site_id]).get(site_id), Account.in_order([site_id])
    if accounts:
        return _with_accounts(site_id, values, given, accounts)
    none = {"partner_name": values["partner_name"] or "-", "client_id": "-", "client_secret": "-"}
    return build(site_id, {**values, **none}, given)


# --- settings as whoever helps may see them (``percipio_doctor --support``): no secret, no person, no inner address ---

# By field: whether it is set is all that is said.
SECRETS = frozenset({"client_id", "client_secret", "encryption_keys", "metrics_token"})
# Operators' addresses and hosts inside the network: only how many there are.
COUNTED = frozenset({"alert_emails", "private_hosts"})
URLS = frozenset({"api_url", "token_url", "learner_home_page"})


def shown_settings() -> dict[str, Any]:
    return {name: shown(name.removeprefix(PREFIX).lower(), setting(name, DEFAULTS[name])) for name in DEFAULTS}


def shown(field: str, value: Any) -> Any:
    """Return a setting, or a column of a site or account, as it may be shown; ``field`` is its name as a column."""
    if field in SECRETS:
        return "set" if value else "unset"
    if field in COUNTED:
        return len(value) if isinstance(value, list | tuple | set | frozenset) else int(bool(value))
    if value is None or isinstance(value, bool | int | float):
        return value
    if field in URLS:
        return without_login(str(value))
    if field == "learners":
        return redacted(shown_rule(str(value)))
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(str(one)) for one in value]
    return redacted(str(value))


def shown_rule(rule: str) -> str:
    """Return a rule for whose learners are reported without its values, each of which may name a learner."""
    key, equals, values = rule.partition("=")
    return f"{key}=({len(values.split(','))})" if equals else rule


def without_login(url: str) -> str:
    """Return an address without login and parameters; of what is none, only that it is set."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        # A password with one of "/?#" in it ends there: its beginning is no port, or another "@" follows.
        is_odd = parts.port == 0 or "@" in parts.path + parts.query + parts.fragment
    except ValueError:
        return "set"
    if not host or is_odd:
        return "set" if url else ""
    return f"{parts.scheme}://{host}{parts.path}"


def secret_texts(rows: Iterable[Mapping[str, Any]] = ()) -> Iterator[str]:
    """Yield every secret in force, of the settings and of these columns of sites and accounts, to be masked."""
    for one in (*encryption.keys(), *(setting(PREFIX + field.upper(), "") for field in SECRETS)):
        several = one if isinstance(one, list | tuple | set | frozenset) else (one,)
        # Of a wrong type it is no secret that works; it may be one that was typed wrongly.
        yield from (str(each) for each in several if each is not None)
    for row in rows:
        yield str(row["client_id"])
        secret = row["client_secret"]
        if isinstance(secret, Secret) and secret.is_readable:
            yield secret.reveal()
