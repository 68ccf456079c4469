"""The settings in force: for a course, for a site. The only package that reads Django's settings.

Course key → organisation → the enabled ``SiteConfiguration`` that names it → its site, else ``SITE_ID``. That
site's ``PercipioConfiguration``, else the settings ``PERCIPIO_*``. Decision record 0005 says why so.

Each name is imported with its first use (``first_use``); type checkers read ``__init__.pyi``.
"""

from __future__ import annotations

from percipio_openedx import first_use

__getattr__ = first_use.of(
    __name__,
    {
        "installation": (
            "alert_after",
            "alert_emails",
            "gathering",
            "is_on",
            "metrics_token",
            "observe_after",
            "parallel_runs",
            "pull_rate",
            "retention_days",
            "unknown_settings",
        ),
        "lms": (
            "cache_backend",
            "default_language",
            "default_site_id",
            "is_debug",
            "is_eager",
            "lms_root",
            "platform_name",
            "retired_names",
            "token_keys",
            "tracked_addresses",
        ),
        "places": ("REGIONS", "private_hosts"),
        "routing": (
            "keep_event_routing",
            "routing_is_asked_for_by",
            "routing_is_forbidden",
            "take_out_of_tracking",
        ),
        "values": ("is_identifier",),
        "site": (
            "FIELDS",
            "SERVICE_PATH",
            "Configuration",
            "build",
            "for_site",
            "in_force",
            "setting_values",
            "site_id_for",
            "values_of",
        ),
    },
)
