"""The door to edx-platform: what a release lacks, or fails at, is ``PlatformUnavailable``. And what this LMS has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connections, transaction
from django.db.models import Q
from django.dispatch import Signal
from edx_django_utils.cache import RequestCache
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.exceptions import PercipioError, PlatformUnavailable

# An IPv6 address stands in brackets.
_HOST = re.compile(r"(?P<name>\[[^\[\]]+\]|[^:\[\]]+)(?::[0-9]*)?")

missing_signals: list[str] = []


@contextmanager
def platform(name: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn anything that the platform raises into ``PlatformUnavailable``; also a decorator.

    The bulkhead around platform reads: exceptions of edx-platform, XBlocks and the course store derive from
    ``Exception`` alone. A worker's time limit passes, as do the exceptions in ``passing``, by which the platform
    answers.
    """
    try:
        yield
    except (PercipioError, SoftTimeLimitExceeded):
        raise
    except ImportError:
        raise PlatformUnavailable(name) from None
    except Exception as error:
        if isinstance(error, passing):
            raise
        # Its message may name people, so only its class is kept.
        raise PlatformUnavailable(name, f"failed with {type(error).__name__}") from error


def parsed(course_key: str) -> CourseKey:
    """Return the platform's own course key, or raise ``PlatformUnavailable`` if the text is none."""
    with platform("course key"):
        try:
            return CourseKey.from_string(course_key)
        except InvalidKeyError:
            raise PlatformUnavailable("course key", "cannot be read") from None


def stored_key(course_key: Any) -> str:
    """Return a course key's text as the LMS's tables hold it: without branch and version (``opaque_keys`` strips them).

    With them, one learner in one course run would be two here.
    """
    if getattr(course_key, "branch", None) or getattr(course_key, "version_guid", None):
        course_key = course_key.for_branch(None).version_agnostic()
    return str(course_key)


def org_of(course_key: str) -> str:
    """Return the organization in a course run's key; raises as ``parsed``."""
    return parsed(course_key).org or ""


def forget_request() -> None:
    """Clear the per-request caches, which the platform clears only after a task; a loop would see old values."""
    RequestCache.clear_all_namespaces()


# --- what this LMS has: the signals of its release, what is switched on, its sites ------------------------------------


def signal(module: str, name: str) -> Signal:
    """Return a signal of the platform, or an unused one if this release lacks it: the LMS must not stop at its path."""
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        missing_signals.append(f"{module}.{name}")
        return Signal()
    return found  # type: ignore[no-any-return]


def release() -> str:
    """Return the LMS's release line (``verawood``); ``''`` where it does not say."""
    try:
        with platform("openedx.core.release"):
            from openedx.core.release import RELEASE_LINE

            return str(RELEASE_LINE)
    except PlatformUnavailable:
        return ""


def is_completion_on() -> bool:
    """Whether the LMS records which blocks learners complete (a switch of edx-completion, off by default)."""
    with platform("completion.waffle.ENABLE_COMPLETION_TRACKING_SWITCH"):
        from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH

        return bool(ENABLE_COMPLETION_TRACKING_SWITCH.is_enabled())


def has_other_lrs() -> bool:
    """Whether event-routing-backends has a router (for another LRS). In a savepoint, since its table may be missing."""
    with platform("event_routing_backends.models.RouterConfiguration"):
        from event_routing_backends.models import RouterConfiguration

        rows = RouterConfiguration.objects.current_set().filter(enabled=True)
        with transaction.atomic(rows.db) if connections[rows.db].in_atomic_block else nullcontext():
            return bool(rows.exists())


def sites_by_org() -> dict[str, int]:
    """Return the site of each organization that any lists; it belongs to the lowest of them.

    Read in Python, since text search misses letters outside ASCII.
    """
    found: dict[str, int] = {}
    for site_id, values in site_values().items():
        named = values.get("course_org_filter") if isinstance(values, Mapping) else None
        for org in named if isinstance(named, list | tuple) else (named,):
            if isinstance(org, str) and org:
                found.setdefault(org, site_id)
    return found


def site_values(site_ids: Iterable[int] | None = None) -> dict[int, Any]:
    """Return what the enabled ``SiteConfiguration`` of each site (None: of all) holds: foreign, of any JSON type.

    One query. The platform's own ``SiteConfiguration.get_value_for_org`` reads the same row for an organization that a
    site claims; its helpers need a request.
    """
    with platform("site_configuration.models.SiteConfiguration"):
        from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

        rows = SiteConfiguration.objects.filter(enabled=True).order_by("site_id")
        if site_ids is not None:
            rows = rows.filter(site_id__in=list(site_ids))
        return {int(site_id): values for site_id, values in rows.values_list("site_id", "site_values")}


@platform("sites.models.Site")
def site_id_of_host(host: str) -> int | None:
    """Return the site of a ``Host`` header, regardless of the port in it or in the site's domain.

    The platform's look-up (edx-django-sites-extensions) compares the whole header, and takes any host with a port for
    the default site.
    """
    # The CMS imports this module, and may lack the app.
    from django.contrib.sites.models import Site

    parts = _HOST.fullmatch(host.lower())
    if parts is None:
        return None
    name = parts["name"].removesuffix(".")
    domains = Q(domain__iexact=host) | Q(domain__iexact=name) | Q(domain__istartswith=f"{name}:")
    found = {domain.lower(): pk for pk, domain in Site.objects.filter(domains).values_list("pk", "domain")}
    for written in (host.lower(), name):
        if written in found:
            return int(found[written])
    # Two sites at two ports of one name are ambiguous.
    return int(found.popitem()[1]) if len(found) == 1 else None
