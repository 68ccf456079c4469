"""The default of every setting, applied by the platform's plugin loader at the end of ``lms/envs/common.py``.

Each is a top-level name, so that a key in the LMS's YAML or a line in a Tutor plugin replaces it alone. Two platform
settings are extended. Nothing else is read, since many platform settings are not final at this point.
"""

from __future__ import annotations

from typing import Any


def plugin_settings(settings: Any) -> None:
    """Add the ``PERCIPIO_*`` defaults, and the scope for the statement resource, to the LMS's settings."""
    for name, default in DEFAULTS.items():
        setattr(settings, name, default)
    provider = getattr(settings, "OAUTH2_PROVIDER", None)
    if isinstance(provider, dict):
        scopes = dict(provider.get("SCOPES", {}))
        scopes.setdefault(PULL_SCOPE, "Read the learning statements that were reported to Percipio")
        settings.OAUTH2_PROVIDER = {**provider, "SCOPES": scopes}
    keep_out_of_tracking_log(settings)


def keep_out_of_tracking_log(settings: Any) -> None:
    """Keep parameters of the plugin's pages and of pull clients' requests out of the LMS's tracking log.

    Done while the settings are built and again when the app is ready, since a key in the LMS's YAML replaces the whole
    list. ``config.tracked_addresses`` checks the result. Source: ``should_process_request`` in
    ``common/djangoapps/track/middleware.py`` of edx-platform.
    """
    patterns = getattr(settings, "TRACKING_IGNORE_URL_PATTERNS", [])
    if isinstance(patterns, list | tuple):
        missing = [pattern for pattern in UNTRACKED if pattern not in patterns]
        settings.TRACKING_IGNORE_URL_PATTERNS = [*patterns, *missing]


# The operator's pages carry search terms, and the configuration form a secret; the pull address carries learners'
# identifiers. The admin's login repeats the requested address as ``next``.
UNTRACKED = (r"^/admin/percipio_openedx/", r"^/admin/login/", r"^/percipio/")

PULL_SCOPE = "percipio:read"

DEFAULTS: dict[str, Any] = {
    # .. toggle_name: PERCIPIO_ENABLED
    # .. toggle_implementation: DjangoSetting
    # .. toggle_default: True
    # .. toggle_description: Whether the plugin notices and reports anything. False stops all of it: no row is
    #     written, nothing is sent. A single site can be switched off in its configuration.
    # .. toggle_use_cases: open_edx
    # .. toggle_creation_date: 2026-11-25
    "PERCIPIO_ENABLED": True,
    # .. setting_name: PERCIPIO_REGION
    # .. setting_default: "us"
    # .. setting_description: Percipio's data center: us, eu, development, or custom (then set PERCIPIO_API_URL and
    #     PERCIPIO_TOKEN_URL).
    "PERCIPIO_REGION": "us",
    # .. setting_name: PERCIPIO_API_URL
    # .. setting_default: ""
    # .. setting_description: Address of Percipio's API, without the path of the service. Empty: that of the region.
    "PERCIPIO_API_URL": "",
    # .. setting_name: PERCIPIO_TOKEN_URL
    # .. setting_default: ""
    # .. setting_description: Full address of the OAuth2 token endpoint. Empty: that of the region.
    "PERCIPIO_TOKEN_URL": "",
    # .. setting_name: PERCIPIO_PRIVATE_HOSTS
    # .. setting_default: []
    # .. setting_description: Hosts that may be reached although their address is not public (SSRF protection): names
    #     (exactly as in PERCIPIO_API_URL or PERCIPIO_TOKEN_URL), addresses, or networks such as 10.1.0.0/16. Needed for
    #     a gateway or a sandbox inside your network. Empty: public addresses only, and this machine itself if it is
    #     named localhost, 127.0.0.1 or ::1.
    "PERCIPIO_PRIVATE_HOSTS": [],
    # .. setting_name: PERCIPIO_PARTNER_NAME
    # .. setting_default: ""
    # .. setting_description: The partner name that Skillsoft gave this site; it is part of every address.
    "PERCIPIO_PARTNER_NAME": "",
    # .. setting_name: PERCIPIO_ORGANIZATION_ID
    # .. setting_default: ""
    # .. setting_description: The Percipio organization to report to. Empty: the addresses without an organization.
    "PERCIPIO_ORGANIZATION_ID": "",
    # .. setting_name: PERCIPIO_CLIENT_ID
    # .. setting_default: ""
    # .. setting_description: OAuth2 client id of the service account (permission CONTENT_AGGREGATION).
    "PERCIPIO_CLIENT_ID": "",
    # .. setting_name: PERCIPIO_CLIENT_SECRET
    # .. setting_default: ""
    # .. setting_description: OAuth2 client secret of the service account. Secret: set it by the environment, a
    #     secrets file, or in the admin, where it is encrypted.
    "PERCIPIO_CLIENT_SECRET": "",
    # .. setting_name: PERCIPIO_ENCRYPTION_KEYS
    # .. setting_default: []
    # .. setting_description: Secret texts, the newest first, that encrypt the client secrets stored in the admin and
    #     the cached tokens: 16 random characters or more (openssl rand -base64 32). The first one encrypts; the
    #     others only decrypt what was stored earlier. Empty: SECRET_KEY and SECRET_KEY_FALLBACKS. FERNET_KEYS is not
    #     used, since edx-platform sets it to a public text.
    "PERCIPIO_ENCRYPTION_KEYS": [],
    # .. setting_name: PERCIPIO_API
    # .. setting_default: "statements"
    # .. setting_description: Which API to report to: statements (xAPI) or track.
    "PERCIPIO_API": "statements",
    # .. toggle_name: PERCIPIO_SEND_SKIPPED
    # .. toggle_implementation: DjangoSetting
    # .. toggle_default: False
    # .. toggle_description: Whether a site that has changed from the Track API to the Statements API sends what it
    #     skipped before because Track has no form for it (passed, failed). False: that stays here, unsent.
    # .. toggle_use_cases: opt_in
    # .. toggle_creation_date: 2026-11-28
    "PERCIPIO_SEND_SKIPPED": False,
    # .. setting_name: PERCIPIO_LEARNER_ID
    # .. setting_default: "email"
    # .. setting_description: How a learner is named to Percipio: email, username, external_id, sso_uid, or
    #     sso:<key> for a key of the single-sign-on link's extra data (for instance sso:PercipioUserUUID).
    "PERCIPIO_LEARNER_ID": "email",
    # .. setting_name: PERCIPIO_LEARNER_HOME_PAGE
    # .. setting_default: ""
    # .. setting_description: The homePage of a learner's account where PERCIPIO_LEARNER_ID is not email: for ids that
    #     Percipio gave, the organization's Percipio address. Empty: the site's own address (LMS_ROOT_URL of its
    #     SiteConfiguration, else of the settings).
    "PERCIPIO_LEARNER_HOME_PAGE": "",
    # .. setting_name: PERCIPIO_ORGANIZATION_FROM
    # .. setting_default: ""
    # .. setting_description: Where a learner's own Percipio organization is found: empty (the site's), or sso:<key>
    #     (for instance sso:percipioOrganizationUuid).
    "PERCIPIO_ORGANIZATION_FROM": "",
    # .. setting_name: PERCIPIO_LEARNERS
    # .. setting_default: ""
    # .. setting_description: Whom to report; it has to be chosen, and nothing is reported until it is: all, or
    #     sso:<provider> for only those who came through that single-sign-on provider (a backend name such as tpa-saml,
    #     or a SAML identity provider's slug), or sso:<key>=<value>[,<value>...] for only those whose link has one of
    #     these values under that key of its extra data. Where a site has accounts, each account's own rule counts
    #     instead.
    "PERCIPIO_LEARNERS": "",
    # .. setting_name: PERCIPIO_MODES
    # .. setting_default: []
    # .. setting_description: The enrollment modes that are reported, for instance verified and no-id-professional.
    #     Learners who are enrolled in another mode are held back. A list, or a text with commas; empty, or all: every
    #     mode.
    "PERCIPIO_MODES": [],
    # .. toggle_name: PERCIPIO_SEND_NAMES
    # .. toggle_implementation: DjangoSetting
    # .. toggle_default: True
    # .. toggle_description: Whether a learner's full name travels with the statement beside the id.
    # .. toggle_use_cases: opt_out
    # .. toggle_creation_date: 2026-11-25
    "PERCIPIO_SEND_NAMES": True,
    # .. setting_name: PERCIPIO_CONTENT_ID
    # .. setting_default: "course"
    # .. setting_description: How a course is named to Percipio: course (course:Org+Course, as in Percipio's
    #     catalog), course_run (the course key), url (the course's address in this LMS), or slug (Org-Course in letters,
    #     digits and hyphens only, which fits every form and file of Percipio).
    "PERCIPIO_CONTENT_ID": "course",
    # .. setting_name: PERCIPIO_CATALOG
    # .. setting_default: ""
    # .. setting_description: Which course runs are offered to Percipio's catalog: empty (no catalog), chosen (those
    #     that an operator offers), or all visible (those that this LMS's own catalog shows, but for withdrawn ones).
    "PERCIPIO_CATALOG": "",
    # .. setting_name: PERCIPIO_COURSES
    # .. setting_default: "all"
    # .. setting_description: Of which courses learners are reported: all, or catalog (only those that are offered to
    #     Percipio's catalog).
    "PERCIPIO_COURSES": "all",
    # .. setting_name: PERCIPIO_CATALOG_TYPE
    # .. setting_default: "COURSE"
    # .. setting_description: The type of content that the catalog states for a course, unless its override says
    #     otherwise.
    "PERCIPIO_CATALOG_TYPE": "COURSE",
    # .. setting_name: PERCIPIO_CATALOG_DURATION
    # .. setting_default: 0
    # .. setting_description: Seconds that the catalog states for a course whose effort says nothing that can be read,
    #     at most 3600000. 0: such a course is held back.
    "PERCIPIO_CATALOG_DURATION": 0,
    # .. setting_name: PERCIPIO_CATALOG_LANGUAGE
    # .. setting_default: ""
    # .. setting_description: The language tag (en, pt-BR) that the catalog states for a course whose settings name no
    #     language. Empty: such a course is held back.
    "PERCIPIO_CATALOG_LANGUAGE": "",
    # .. toggle_name: PERCIPIO_CATALOG_PUSH
    # .. toggle_implementation: DjangoSetting
    # .. toggle_default: False
    # .. toggle_description: Whether the offered courses are sent to Percipio's catalog, and kept in step with the LMS.
    #     Needs PERCIPIO_ORGANIZATION_ID and a service account with the permission CONTENT_IMPORT.
    # .. toggle_use_cases: opt_in
    # .. toggle_creation_date: 2026-11-29
    "PERCIPIO_CATALOG_PUSH": False,
    # .. setting_name: PERCIPIO_CATALOG_INTERVAL
    # .. setting_default: 3600
    # .. setting_description: Seconds between two comparisons of the catalog with the LMS, 60 to 86400: a changed course
    #     is sent that much later at most.
    "PERCIPIO_CATALOG_INTERVAL": 3600,
    # .. setting_name: PERCIPIO_CATALOG_PATIENCE
    # .. setting_default: 86400
    # .. setting_description: Seconds that a statement waits at most for Percipio to accept its course's item, where the
    #     catalog is sent, 0 to 2592000. 0: it never waits.
    "PERCIPIO_CATALOG_PATIENCE": 86400,
    # .. setting_name: PERCIPIO_LAUNCH_IDP
    # .. setting_default: ""
    # .. setting_description: The identity provider that learners who come by the launch address log in through: its id
    #     in the LMS (for instance saml-okta, as in tpa_hint). Empty: the login page as it is.
    "PERCIPIO_LAUNCH_IDP": "",
    # .. toggle_name: PERCIPIO_LAUNCH_ENROLLS
    # .. toggle_implementation: DjangoSetting
    # .. toggle_default: True
    # .. toggle_description: Whether the launch address shows a learner who is not enrolled a page with a button that
    #     enrolls, by the LMS's own rules. False: it leads to the course's about page.
    # .. toggle_use_cases: opt_out
    # .. toggle_creation_date: 2026-11-29
    "PERCIPIO_LAUNCH_ENROLLS": True,
    # .. setting_name: PERCIPIO_STARTED_ON
    # .. setting_default: "enrollment"
    # .. setting_description: When a course counts as started: enrollment, or first_activity.
    "PERCIPIO_STARTED_ON": "enrollment",
    # .. setting_name: PERCIPIO_COMPLETED_ON
    # .. setting_default: "course"
    # .. setting_description: When a course counts as completed: course (passed where the course is graded, every unit
    #     done where it is not), passed, progress (every unit done), certificate, or any of the last three.
    "PERCIPIO_COMPLETED_ON": "course",
    # .. setting_name: PERCIPIO_MILESTONES
    # .. setting_default: ["started", "progressed", "passed", "completed"]
    # .. setting_description: The milestones that are reported: any of started, progressed, passed, failed and
    #     completed, as a list or a text with commas; all: these five. A learner fails a graded course when the run has
    #     ended (its end date) and the grade is below the mark.
    "PERCIPIO_MILESTONES": ["started", "progressed", "passed", "completed"],
    # .. setting_name: PERCIPIO_RETAKES
    # .. setting_default: "completions"
    # .. setting_description: What is reported of a learner who was reported as completed in another run of the course
    #     (with the same id in Percipio's catalog): completions (only a later completion, so that Percipio's record
    #     does not go back), everything, or first_only (nothing).
    "PERCIPIO_RETAKES": "completions",
    # .. setting_name: PERCIPIO_UNDONE
    # .. setting_default: "keep"
    # .. setting_description: What to do when the LMS takes a completion back (certificate revoked, regraded below the
    #     pass mark): keep (leave it in Percipio), or retract (send a voiding statement; Statements API only).
    "PERCIPIO_UNDONE": "keep",
    # .. setting_name: PERCIPIO_PROGRESS_STEP
    # .. setting_default: 10
    # .. setting_description: Percent points between two progress reports, 1 to 100.
    "PERCIPIO_PROGRESS_STEP": 10,
    # .. setting_name: PERCIPIO_LOCKED_UNITS
    # .. setting_default: "count"
    # .. setting_description: How units that a learner may not open (content for paid enrollments, for instance)
    #     affect progress: count (as not done, as on the LMS's own progress page: such a learner never reaches 100
    #     percent), or leave_out (only units open to the learner count).
    "PERCIPIO_LOCKED_UNITS": "count",
    # .. setting_name: PERCIPIO_PROGRESS_FROM
    # .. setting_default: "platform"
    # .. setting_description: Who counts what a learner has done: platform (the units, as on the LMS's own progress
    #     page), or aggregator (the blocks, as counted by openedx-completion-aggregator, which must be installed; its
    #     numbers may be late).
    "PERCIPIO_PROGRESS_FROM": "platform",
    # .. setting_name: PERCIPIO_OBSERVE_AFTER
    # .. setting_default: 30
    # .. setting_description: Seconds during which a learner's acts in a course are gathered before they are reported.
    "PERCIPIO_OBSERVE_AFTER": 30,
    # .. setting_name: PERCIPIO_PARALLEL_RUNS
    # .. setting_default: 2
    # .. setting_description: How many of the LMS's Celery workers may work for the plugin at the same time when there
    #     is much to do, 1 to 64. One is enough except for large back-fills and the hours after an outage.
    "PERCIPIO_PARALLEL_RUNS": 2,
    # .. toggle_name: PERCIPIO_SWEEP
    # .. toggle_implementation: DjangoSetting
    # .. toggle_default: True
    # .. toggle_description: Whether workers compare, once a day and with a small part of their time, everything that
    #     was observed with the LMS, and report what no signal told. False: a lost signal is made up for only by the
    #     learner's next act, or by percipio_backfill.
    # .. toggle_use_cases: opt_out
    # .. toggle_creation_date: 2026-11-29
    "PERCIPIO_SWEEP": True,
    # .. setting_name: PERCIPIO_BATCH_SIZE
    # .. setting_default: 50
    # .. setting_description: Statements in one request, 1 to 500. Batches are split if Percipio refuses the size (413).
    "PERCIPIO_BATCH_SIZE": 50,
    # .. setting_name: PERCIPIO_TIMEOUT
    # .. setting_default: 20
    # .. setting_description: Seconds to wait for Percipio: to connect, and between two parts of an answer; an answer
    #     as a whole may take three times as long.
    "PERCIPIO_TIMEOUT": 20,
    # .. setting_name: PERCIPIO_UNKNOWN_LEARNER_WORDS
    # .. setting_default: ["user not found", "unknown user", "user unknown", "no such user", "user not exist", "no
    #     user found", "not find user", "user not known", "user not recognized", "no user with", "no user exists",
    #     "learner not found", "unknown learner", "learner unknown", "no such learner", "learner not exist", "no
    #     learner found", "not find learner", "learner not known", "learner not recognized", "no learner with"]
    # .. setting_description: Phrases by which Percipio's refusal of a statement says that it does not know the learner,
    #     who is then held back until the name changes or an operator tries again. The words of a phrase are found in
    #     their order, in any case, with at most three others between two of them; a message that names a course, an
    #     organization or another thing never counts. Skillsoft has not published what Percipio says: compare the
    #     answers of parked statements. [] switches it off.
    "PERCIPIO_UNKNOWN_LEARNER_WORDS": [
        *("user not found", "unknown user", "user unknown", "no such user", "user not exist", "no user found"),
        *("not find user", "user not known", "user not recognized", "no user with", "no user exists"),
        *("learner not found", "unknown learner", "learner unknown", "no such learner", "learner not exist"),
        *("no learner found", "not find learner", "learner not known", "learner not recognized", "no learner with"),
    ],
    # .. setting_name: PERCIPIO_PULL_RATE
    # .. setting_default: "120/minute"
    # .. setting_description: Rate limit of one pull client at the statement resource: a number, a slash and second,
    #     minute, hour or day. Empty: no limit.
    "PERCIPIO_PULL_RATE": "120/minute",
    # .. setting_name: PERCIPIO_ALERT_EMAILS
    # .. setting_default: []
    # .. setting_description: Email addresses alerted to every problem that keeps reports from arriving or needs a
    #     person: once when it begins and once when it is resolved. Empty: no mail (the log has it all the same).
    "PERCIPIO_ALERT_EMAILS": [],
    # .. setting_name: PERCIPIO_ALERT_AFTER
    # .. setting_default: 3600
    # .. setting_description: Seconds that what is due may wait, or a destination fail, before it is late and
    #     operators are alerted.
    "PERCIPIO_ALERT_AFTER": 3600,
    # .. setting_name: PERCIPIO_RETENTION_DAYS
    # .. setting_default: 0
    # .. setting_description: Days that delivered, skipped and discarded statements stay here; percipio_prune deletes
    #     older ones. 0: forever. The reported state is remembered all the same, so nothing is reported again.
    "PERCIPIO_RETENTION_DAYS": 0,
    # .. setting_name: PERCIPIO_RETENTION_PARKED_DAYS
    # .. setting_default: 0
    # .. setting_description: Days that parked statements, which nobody has fixed yet, stay here. 0: forever.
    "PERCIPIO_RETENTION_PARKED_DAYS": 0,
    # .. setting_name: PERCIPIO_RETENTION_LOG_DAYS
    # .. setting_default: 180
    # .. setting_description: Days that the records of single requests (to Percipio and by pull clients), finished
    #     back-fills and erasures stay here. 0: forever.
    "PERCIPIO_RETENTION_LOG_DAYS": 180,
    # .. setting_name: PERCIPIO_KEEP_EVENT_ROUTING
    # .. setting_default: None
    # .. setting_description: Whether event-routing-backends, which the plugin installs for its transformers, also
    #     routes tracking events to a learning record store other than Percipio. None: if the site uses it, by a router
    #     configuration, a setting of its own, or Aspects. True: always. False: never.
    "PERCIPIO_KEEP_EVENT_ROUTING": None,
    # .. setting_name: PERCIPIO_METRICS_TOKEN
    # .. setting_default: ""
    # .. setting_description: The bearer token with which a scraper may read /percipio/metrics. Secret. Empty: there is
    #     no such page.
    "PERCIPIO_METRICS_TOKEN": "",
}
