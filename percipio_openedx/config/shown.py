"""Settings as whoever helps may see them (``percipio_doctor --support``): no secret, no person, no inner address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from percipio_openedx import encryption
from percipio_openedx.config.installation import PREFIX
from percipio_openedx.config.values import setting
from percipio_openedx.redaction import redacted
from percipio_openedx.secret import Secret
from percipio_openedx.settings.common import DEFAULTS

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
