"""What the LMS says of itself in its own settings."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.urls import NoReverseMatch, get_script_prefix, reverse

from percipio_openedx.config.values import setting
from percipio_openedx.data import NameFormat, RetiredNames


def lms_root() -> str:
    """This LMS's address, without a slash at the end (``LMS_ROOT_URL``)."""
    return str(setting("LMS_ROOT_URL", "") or "").rstrip("/")


def platform_name() -> str:
    """What this LMS calls itself (``PLATFORM_NAME``): the ``context.platform`` of every statement."""
    return str(setting("PLATFORM_NAME", "") or "Open edX")


def default_language() -> str:
    """The LMS's own language (``LANGUAGE_CODE``)."""
    return str(setting("LANGUAGE_CODE", "en-us") or "en-us")


def default_site_id() -> int:
    """``SITE_ID`` of the settings."""
    return int(setting("SITE_ID", 1) or 1)


def retired_names() -> RetiredNames:
    """Return how the LMS renames retired accounts (``RETIRED_EMAIL_PREFIX``, ``RETIRED_EMAIL_DOMAIN``,
    ``RETIRED_USERNAME_PREFIX``, and the two ``RETIRED_…_FMT`` that edx-platform derives from them).

    Its own defaults are among them, for accounts that were retired before a site chose others. A form without a prefix
    is left out: it would fit accounts that are in use.
    """
    prefix, domain = (
        setting("RETIRED_EMAIL_PREFIX", "retired__user_"),
        setting("RETIRED_EMAIL_DOMAIN", "retired.invalid"),
    )
    emails = ("retired__user_{}", "retired__user@{}", f"{prefix}{{}}@{domain}", setting("RETIRED_EMAIL_FMT", ""))
    username = setting("RETIRED_USERNAME_PREFIX", "retired__user_")
    usernames = ("retired__user_{}", f"{username}{{}}", setting("RETIRED_USERNAME_FMT", ""))
    return RetiredNames(emails=_name_formats(emails), usernames=_name_formats(usernames))


def _name_formats(formats: Iterable[object]) -> tuple[NameFormat, ...]:
    parts = [text.lower().partition("{}") for text in formats if isinstance(text, str)]
    # In order, each once.
    return tuple(dict.fromkeys(NameFormat(prefix, suffix) for prefix, hashed, suffix in parts if prefix and hashed))


def is_eager() -> bool:
    """Whether Celery tasks run inside the caller, as in development: then nothing schedules itself."""
    return bool(setting("CELERY_ALWAYS_EAGER", False) or setting("CELERY_TASK_ALWAYS_EAGER", False))


def is_debug() -> bool:
    """Whether Django runs with ``DEBUG``."""
    return bool(setting("DEBUG", False))


def cache_backend() -> str:
    """The class of the default cache, as a dotted path."""
    return str(setting("CACHES", {}).get("default", {}).get("BACKEND", ""))


def tracked_addresses() -> list[str]:
    """Return those of the plugin's addresses whose parameters the LMS writes into its tracking log.

    Source: ``common/djangoapps/track/middleware.py`` of edx-platform. It leaves a request out where one of
    ``TRACKING_IGNORE_URL_PATTERNS`` matches the path from its beginning, and writes no parameters where that fails.
    """
    found = []
    for name, arguments in (("admin:app_list", ["percipio_openedx"]), ("percipio:statements", [])):
        try:
            path = reverse(name, args=arguments)
        except NoReverseMatch:
            # An LMS without Django's admin.
            continue
        path = "/" + path.removeprefix(get_script_prefix())
        if not _is_untracked(path):
            found.append(path)
    return found


def _is_untracked(path: str) -> bool:
    try:
        return any(re.match(pattern, path) for pattern in setting("TRACKING_IGNORE_URL_PATTERNS", []))
    except (TypeError, re.error):
        return True


def token_keys() -> tuple[str | None, str | None]:
    """The public keys and the secret key with which the LMS signs tokens (``JWT_AUTH``), those that it has."""
    jwt_auth = setting("JWT_AUTH", {})
    issuers = jwt_auth.get("JWT_ISSUERS") or [{}]
    secret_key = issuers[0].get("SECRET_KEY") or jwt_auth.get("JWT_SECRET_KEY")
    return jwt_auth.get("JWT_PUBLIC_SIGNING_JWK_SET") or None, secret_key or None
