"""The settings in force: for a course, for a site. The only package that reads Django's settings.

Course key → organisation → the enabled ``SiteConfiguration`` that names it → its site, else ``SITE_ID``. That
site's ``PercipioConfiguration``, else the settings ``PERCIPIO_*``. Decision record 0005 says why so.
"""

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
)
from percipio_openedx.config.lms import (
    cache_backend,
    default_language,
    default_site_id,
    has_weak_keys,
    is_debug,
    is_eager,
    lms_root,
    platform_name,
    token_keys,
    tracking_backends,
)
from percipio_openedx.config.places import (
    REGIONS,
    private_hosts,
)
from percipio_openedx.config.site import (
    FIELDS,
    SERVICE_PATH,
    Configuration,
    build,
    for_site,
    setting_values,
    site_id_for,
    values_of,
)

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
    "has_weak_keys",
    "is_debug",
    "is_eager",
    "is_on",
    "lms_root",
    "metrics_token",
    "observe_after",
    "parallel_runs",
    "platform_name",
    "private_hosts",
    "pull_rate",
    "retention_days",
    "setting_values",
    "site_id_for",
    "token_keys",
    "tracking_backends",
    "values_of",
]
