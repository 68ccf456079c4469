"""Whether the settings of the LMS (or the CMS) ask event-routing-backends to route events."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from django.utils.translation import gettext_lazy as _

from percipio_openedx.config.values import setting
from percipio_openedx.exceptions import PercipioConfigurationError

KEEP = "PERCIPIO_KEEP_EVENT_ROUTING"
# Open edX Aspects reads what event-routing-backends logs, even without a router.
_ASPECTS = "platform_plugin_aspects"
# Loggers to which event-routing-backends writes statements.
_LOGGERS = ("xapi_tracking", "caliper_tracking")
# Settings to which other plugins add the names of their events; event-routing-backends computes its own from these.
_ADDED_TO = frozenset(
    {
        "EVENT_BUS_TRACKING_LOGS",
        "EVENT_TRACKING_BACKENDS_ALLOWED_CALIPER_EVENTS",
        "EVENT_TRACKING_BACKENDS_ALLOWED_XAPI_EVENTS",
    }
)


def keep_event_routing() -> bool | None:
    """Return the operator's decision, None to find out; raise ``PercipioConfigurationError`` if it is neither."""
    value = setting(KEEP, None)
    if value is None or isinstance(value, bool):
        return value
    raise PercipioConfigurationError(KEEP, _("is %(value)s; it must be True, False or None"), value=repr(value))


def routing_is_asked_for_by() -> str:
    """Return the setting, app or logger that asks for routing, else ``""``; the database may hold a router besides."""
    keep = _decided()
    if keep is not None:
        return KEEP if keep else ""
    if any(str(app).startswith(_ASPECTS) for app in setting("INSTALLED_APPS", ())):
        return _ASPECTS
    logging = setting("LOGGING", None) or {}
    configured = logging.get("loggers", {}) if isinstance(logging, Mapping) else {}
    return next((name for name in _LOGGERS if name in configured), "") or _changed_setting()


def routing_is_forbidden() -> bool:
    """Whether the operator wants no event routed in any case."""
    return _decided() is False


def _decided() -> bool | None:
    try:
        return keep_event_routing()
    except PercipioConfigurationError:
        return None  # the system checks and the doctor name the mistake


def _changed_setting() -> str:
    """Return a setting of event-routing-backends that the site has changed, in its YAML file or later."""
    from event_routing_backends.settings.common import plugin_settings

    untouched: Any = SimpleNamespace(LMS_ROOT_URL="")
    plugin_settings(untouched)
    defaults: dict[str, Any] = {name: value for name, value in vars(untouched).items() if name.isupper()}
    del defaults["LMS_ROOT_URL"]
    backends, tokens = defaults.pop("EVENT_TRACKING_BACKENDS"), setting("ENV_TOKENS", None) or {}
    for name, default in defaults.items():
        if name in tokens or (name not in _ADDED_TO and setting(name, default) != default):
            return name
    ours, given = setting("EVENT_TRACKING_BACKENDS", None) or {}, tokens.get("EVENT_TRACKING_BACKENDS") or {}
    is_changed = any(_form(ours[name]) != _form(made) for name, made in backends.items() if name in ours)
    return "EVENT_TRACKING_BACKENDS" if is_changed or backends.keys() & given else ""


def _form(node: Any) -> Any:
    """Return a backend without what differs between LMSs anyway: event names and its address."""
    if isinstance(node, Mapping):
        return {key: _form(value) for key, value in node.items() if key not in ("whitelist", "sensor_id")}
    return [_form(each) for each in node] if isinstance(node, list | tuple) else node


def take_out_of_tracking(name: str) -> None:
    (setting("EVENT_TRACKING_BACKENDS", None) or {}).pop(name, None)
