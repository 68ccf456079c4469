"""Settings of the whole LMS: ``PERCIPIO_*`` settings that no site overrides, and the LMS's own.

Each function that reads a ``PERCIPIO_*`` setting raises ``PercipioConfigurationError`` if it is wrong. At the end, what
a site says of itself instead of the LMS, in its ``SiteConfiguration``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NamedTuple

from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.translation import gettext_lazy as _

from percipio_openedx import edx_platform
from percipio_openedx.config import addresses
from percipio_openedx.config.values import PREFIX, names, setting, several_texts, whole
from percipio_openedx.data import NameFormat, RetiredNames
from percipio_openedx.encryption import Secret
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.settings.common import DEFAULTS

RATE = re.compile(r"[1-9][0-9]{0,5}/(?:second|minute|hour|day)")
# Of a site's own name and address.
LONGEST_NAME, LONGEST_ROOT = 200, 255


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
    return several_texts("PERCIPIO_ALERT_EMAILS", lambda one: "@" in one, _("must be a list of addresses"))


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
    return several_texts("PERCIPIO_UNKNOWN_LEARNER_WORDS", str.strip, _("must be a list of phrases"))


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
        # An LMS without Django's admin, or a setting that is no list of patterns.
        with suppress(NoReverseMatch, TypeError, re.error):
            path = "/" + reverse(name, args=arguments).removeprefix(get_script_prefix())
            if not any(re.match(pattern, path) for pattern in setting("TRACKING_IGNORE_URL_PATTERNS", [])):
                found.append(path)
    return found


def token_keys() -> tuple[str | None, str | None]:
    """Return the public keys and the secret key that sign the LMS's tokens (``JWT_AUTH``), None if missing."""
    jwt_auth = setting("JWT_AUTH", {})
    issuers = jwt_auth.get("JWT_ISSUERS") or [{}]
    secret_key = issuers[0].get("SECRET_KEY") or jwt_auth.get("JWT_SECRET_KEY")
    return jwt_auth.get("JWT_PUBLIC_SIGNING_JWK_SET") or None, secret_key or None


# --- a site's own name and address ------------------------------------------------------------------------------------


class SiteValues(NamedTuple):
    """The ``context.platform`` and the root address of a site's statements, and the keys whose values are not used."""

    platform: str
    lms_root: str
    unusable: tuple[str, ...] = ()


def site_values_of(given: Any) -> SiteValues:
    """Check what a ``SiteConfiguration`` holds, None without one: any JSON, typed by an operator.

    A key that is missing, null or empty is no mistake; a value that cannot stand in a statement is not used, and the
    doctor says so.

    The keys are those of the platform's ``get_value_for_org`` and ``get_value`` (``site_configuration/models.py``).
    """
    found = given if isinstance(given, Mapping) else {}
    named = _usable(found.get("PLATFORM_NAME"), LONGEST_NAME, str.isprintable)
    root = _usable(found.get("LMS_ROOT_URL"), LONGEST_ROOT, _is_root)
    own = {"PLATFORM_NAME": named, "LMS_ROOT_URL": root}
    unusable = tuple(key for key, value in own.items() if value is None)
    return SiteValues(named or platform_name(), (root or lms_root()).rstrip("/"), unusable)


def site_root(site_id: int) -> str:
    """Return a site's own root address, without a trailing slash; raises ``PlatformUnavailable``."""
    return site_values_of(edx_platform.site_values([site_id]).get(site_id)).lms_root


def site_platform(site_id: int) -> str:
    """Return a site's own name; raises ``PlatformUnavailable``."""
    return site_values_of(edx_platform.site_values([site_id]).get(site_id)).platform


def _usable(given: Any, longest: int, is_right: Callable[[str], bool]) -> str | None:
    """Return a text, ``''`` if there is none, None if it is unusable."""
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > longest:
        return None
    text = given.strip()
    return text if not text or is_right(text) else None


def _is_root(text: str) -> bool:
    """Whether a text is one address in one form, since ids and links are made of it: no user name, query or fragment.

    The platform itself runs on plain http in development.
    """
    try:
        addresses.read_url(text.rstrip("/"))
    except addresses.NoUrl:
        return False
    return not set(text) & set("?#@")
