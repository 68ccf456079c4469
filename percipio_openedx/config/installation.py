"""Settings of the whole LMS: ``PERCIPIO_*`` settings that no site overrides, and the LMS's own.

Each function that reads a ``PERCIPIO_*`` setting raises ``PercipioConfigurationError`` if it is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.translation import gettext_lazy as _

from percipio_openedx import encryption
from percipio_openedx.config.values import names, setting, whole
from percipio_openedx.data import NameFormat, RetiredNames
from percipio_openedx.encryption import Secret
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.redaction import redacted
from percipio_openedx.settings.common import DEFAULTS

PREFIX = "PERCIPIO_"
RATE = re.compile(r"[1-9][0-9]{0,5}/(?:second|minute|hour|day)")


def is_on() -> bool:
    """Whether the plugin does anything at all."""
    return bool(setting("PERCIPIO_ENABLED", True))


def _whole(name: str, least: int, most: int) -> int:
    return whole(name, setting(name, DEFAULTS[name]), least, most)


def observe_after() -> int:
    """Return the seconds during which a learner's acts are gathered before an observation."""
    return _whole("PERCIPIO_OBSERVE_AFTER", 0, 86400)


def gathering() -> int:
    """Return ``observe_after()``, or its default if the setting is wrong, which the system checks report."""
    try:
        return observe_after()
    except PercipioConfigurationError:
        return int(DEFAULTS["PERCIPIO_OBSERVE_AFTER"])


def parallel_runs() -> int:
    return _whole("PERCIPIO_PARALLEL_RUNS", 1, 64)


def alert_after() -> int:
    """Return the seconds that something may wait before operators are alerted."""
    return _whole("PERCIPIO_ALERT_AFTER", 60, 30 * 86400)


def retention_days(what: str = "") -> int:
    """Return the days that rows are kept, 0 for forever; ``what`` is empty, ``PARKED`` or ``LOG``."""
    return _whole(f"PERCIPIO_RETENTION_{what}_DAYS" if what else "PERCIPIO_RETENTION_DAYS", 0, 36500)


def sweeps() -> bool:
    """Whether workers compare with the LMS by themselves what no notice told."""
    return bool(setting("PERCIPIO_SWEEP", DEFAULTS["PERCIPIO_SWEEP"]))


def pull_rate() -> str:
    """Return the rate limit of one pull client, as ``120/minute``; empty for no limit."""
    rate = setting("PERCIPIO_PULL_RATE", DEFAULTS["PERCIPIO_PULL_RATE"]) or ""
    if rate and not (isinstance(rate, str) and RATE.fullmatch(rate)):
        raise PercipioConfigurationError(
            "PERCIPIO_PULL_RATE", _("is %(value)s; it must be as 120/minute, or empty"), value=repr(rate)
        )
    return str(rate)


def alert_emails() -> tuple[str, ...]:
    """Return who is mailed about problems."""
    given = setting("PERCIPIO_ALERT_EMAILS", DEFAULTS["PERCIPIO_ALERT_EMAILS"]) or ()
    is_list = isinstance(given, list | tuple | set | frozenset)
    if not is_list or not all(isinstance(one, str) and "@" in one for one in given):
        raise PercipioConfigurationError("PERCIPIO_ALERT_EMAILS", _("must be a list of addresses"))
    return tuple(given)


def unknown_learner_words() -> tuple[str, ...]:
    """Return the phrases that say that Percipio does not know a learner; the default ones if the setting is wrong.

    The system checks and the doctor report that (``checked_learner_words``).
    """
    try:
        return checked_learner_words()
    except PercipioConfigurationError:
        return tuple(DEFAULTS["PERCIPIO_UNKNOWN_LEARNER_WORDS"])


def checked_learner_words() -> tuple[str, ...]:
    """Return the same, or raise ``PercipioConfigurationError``."""
    name = "PERCIPIO_UNKNOWN_LEARNER_WORDS"
    given = setting(name, DEFAULTS[name]) or ()
    is_list = isinstance(given, list | tuple | set | frozenset)
    if not is_list or not all(isinstance(one, str) and one.strip() for one in given):
        raise PercipioConfigurationError(name, _("must be a list of phrases"))
    return tuple(given)


def metrics_token() -> Secret:
    """Return the token of the metrics page; empty if nobody may read it."""
    return Secret(str(setting("PERCIPIO_METRICS_TOKEN", "") or ""))


def unknown_settings() -> dict[str, str]:
    """Return every ``PERCIPIO_*`` setting that nothing reads, with the one probably meant, or ``""``."""
    known = {name.removeprefix(PREFIX): name for name in DEFAULTS}
    found = {}
    for name in sorted(set(names(PREFIX)) - set(DEFAULTS)):
        # Compared without the common prefix.
        nearest = get_close_matches(name.removeprefix(PREFIX), known, 1)
        found[name] = known[nearest[0]] if nearest else ""
    return found


def lms_root() -> str:
    """Return this LMS's address, without a trailing slash."""
    return str(setting("LMS_ROOT_URL", "") or "").rstrip("/")


def platform_name() -> str:
    """Return the LMS's own name: the ``context.platform`` of every statement."""
    return str(setting("PLATFORM_NAME", "") or "Open edX")


def default_language() -> str:
    return str(setting("LANGUAGE_CODE", "en-us") or "en-us")


def default_site_id() -> int:
    return int(setting("SITE_ID", 1) or 1)


def is_eager() -> bool:
    """Whether Celery tasks run inside the caller, as in development: then nothing schedules itself."""
    return bool(setting("CELERY_ALWAYS_EAGER", False) or setting("CELERY_TASK_ALWAYS_EAGER", False))


def is_debug() -> bool:
    return bool(setting("DEBUG", False))


def cache_backend() -> str:
    """Return the class of the default cache, as a dotted path."""
    return str(setting("CACHES", {}).get("default", {}).get("BACKEND", ""))


def retired_names() -> RetiredNames:
    """Return how the LMS renames retired accounts (``RETIRED_EMAIL_*``, ``RETIRED_USERNAME_*``).

    Includes the platform's defaults, for accounts retired before a site chose others. A form without a prefix is left
    out: it would match accounts in use.
    """
    email, username = (setting(f"RETIRED_{name}_PREFIX", "retired__user_") for name in ("EMAIL", "USERNAME"))
    domain = setting("RETIRED_EMAIL_DOMAIN", "retired.invalid")
    emails = ("retired__user_{}", "retired__user@{}", f"{email}{{}}@{domain}", setting("RETIRED_EMAIL_FMT", ""))
    usernames = ("retired__user_{}", f"{username}{{}}", setting("RETIRED_USERNAME_FMT", ""))
    return RetiredNames(emails=_name_formats(emails), usernames=_name_formats(usernames))


def _name_formats(formats: Iterable[object]) -> tuple[NameFormat, ...]:
    parts = [text.lower().partition("{}") for text in formats if isinstance(text, str)]
    # Without duplicates, in order.
    return tuple(dict.fromkeys(NameFormat(prefix, suffix) for prefix, hashed, suffix in parts if prefix and hashed))


def tracked_addresses() -> list[str]:
    """Return the plugin's addresses whose parameters the LMS writes into its tracking log.

    It skips a request if one of ``TRACKING_IGNORE_URL_PATTERNS`` matches the path from its beginning, and writes no
    parameters if that fails. Source: ``common/djangoapps/track/middleware.py`` of edx-platform.
    """
    found = []
    for name, arguments in (("admin:app_list", ["percipio_openedx"]), ("percipio:statements", [])):
        try:
            path = "/" + reverse(name, args=arguments).removeprefix(get_script_prefix())
        except NoReverseMatch:
            # An LMS without Django's admin.
            continue
        try:
            if not any(re.match(pattern, path) for pattern in setting("TRACKING_IGNORE_URL_PATTERNS", [])):
                found.append(path)
        except (TypeError, re.error):
            continue
    return found


def token_keys() -> tuple[str | None, str | None]:
    """Return the public keys and the secret key that sign the LMS's tokens (``JWT_AUTH``), None if missing."""
    jwt_auth = setting("JWT_AUTH", {})
    issuers = jwt_auth.get("JWT_ISSUERS") or [{}]
    secret_key = issuers[0].get("SECRET_KEY") or jwt_auth.get("JWT_SECRET_KEY")
    return jwt_auth.get("JWT_PUBLIC_SIGNING_JWK_SET") or None, secret_key or None


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
