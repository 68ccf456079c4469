"""The settings in force, for a course and for a site. The only package that reads Django's settings.

Course key → organization → the enabled ``SiteConfiguration`` that names it → its site, else ``SITE_ID``. That site's
``PercipioConfiguration``, else the settings ``PERCIPIO_*``. Source: decision record 0005.
"""

from __future__ import annotations

from percipio_openedx.config.installation import (
    alert_after,
    alert_emails,
    gathering,
    is_on,
    metrics_token,
    observe_after,
    parallel_runs,
    pull_rate,
    retention_days,
    unknown_settings,
)
from percipio_openedx.config.lms import (
    cache_backend,
    default_language,
    default_site_id,
    is_debug,
    is_eager,
    lms_root,
    platform_name,
    retired_names,
    token_keys,
    tracked_addresses,
)
from percipio_openedx.config.places import (
    REGIONS,
    private_hosts,
)
from percipio_openedx.config.routing import (
    keep_event_routing,
    routing_is_asked_for_by,
    routing_is_forbidden,
    take_out_of_tracking,
)
from percipio_openedx.config.site import (
    FIELDS,
    SERVICE_PATH,
    Configuration,
    build,
    for_site,
    in_force,
    setting_values,
    site_id_for,
    values_of,
)
from percipio_openedx.config.values import is_identifier

__all__ = [
    "FIELDS",
    "REGIONS",
    "SERVICE_PATH",
    "Configuration",
    "alert_after",
    "alert_emails",
    "build",
    "cache_backend",
    "default_language",
    "default_site_id",
    "for_site",
    "gathering",
    "in_force",
    "is_debug",
    "is_eager",
    "is_identifier",
    "is_on",
    "keep_event_routing",
    "lms_root",
    "metrics_token",
    "observe_after",
    "parallel_runs",
    "platform_name",
    "private_hosts",
    "pull_rate",
    "retention_days",
    "retired_names",
    "routing_is_asked_for_by",
    "routing_is_forbidden",
    "setting_values",
    "site_id_for",
    "take_out_of_tracking",
    "token_keys",
    "tracked_addresses",
    "unknown_settings",
    "values_of",
]
