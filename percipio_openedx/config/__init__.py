"""The settings in force for a course or a site. Only this package reads Django's settings.

Course key → organization → the enabled ``SiteConfiguration`` that names it → its site, else ``SITE_ID``. That site's
``PercipioConfiguration``, else the settings ``PERCIPIO_*`` (decision record 0005). The site's own name and address come
from its ``SiteConfiguration``, else from the LMS's settings (``installation``).
"""

from percipio_openedx.config.accounts import (
    CatalogRules,
    account_values,
    catalog_for,
    for_account,
    for_site,
    in_force,
    launch_for,
    secret_texts,
    shown,
    shown_rule,
    shown_settings,
    without_credentials,
    without_login,
)
from percipio_openedx.config.installation import (
    alert_after,
    alert_emails,
    cache_backend,
    checked_learner_words,
    default_language,
    default_site_id,
    gathering,
    is_debug,
    is_eager,
    is_on,
    lms_root,
    metrics_token,
    observe_after,
    parallel_runs,
    platform_name,
    pull_rate,
    retention_days,
    retired_names,
    site_platform,
    site_root,
    sweeps,
    token_keys,
    tracked_addresses,
    unknown_learner_words,
    unknown_settings,
)
from percipio_openedx.config.routing import (
    keep_event_routing,
    routing_is_asked_for_by,
    routing_is_forbidden,
    take_out_of_tracking,
)
from percipio_openedx.config.site import (
    ACCOUNT_FIELDS,
    FIELDS,
    SERVICE_PATH,
    AccountInForce,
    Configuration,
    Launch,
    build,
    setting_values,
    site_id_for,
    values_of,
)
from percipio_openedx.config.values import is_identifier, private_hosts
