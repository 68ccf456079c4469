"""The only door to edx-platform: reads of the truth, by course and in bulk.

Every platform import stands inside the function that needs it, so that this package can be imported while the LMS's
settings are still being built. What a release lacks falls back, or is ``PlatformUnavailable``; nothing here writes (but
the external id, which the platform makes on first use) and nothing here decides.

Each name is imported with its first use (``first_use``); type checkers read ``__init__.pyi``.
"""

from __future__ import annotations

from percipio_openedx import first_use

__getattr__ = first_use.of(
    __name__,
    {
        "achievements": ("activities", "activity_times", "certificates", "grades"),
        "api_clients": (
            "application_mistakes",
            "client_of_signed_token",
            "filters_of",
            "is_restricted",
            "is_service",
            "opaque_token",
            "signed_token_problem",
        ),
        "courses": ("course", "find_courses", "is_graded", "outline_version"),
        "door": ("forget_request", "number_of", "org_of", "parsed"),
        "enrolled": ("courses_of", "enrollment_counts", "enrollments", "enrollments_after"),
        "installation": ("has_other_lrs", "is_completion_on"),
        "accounts": (
            "EXTERNAL_ID_TYPE",
            "external_ids",
            "find_learners",
            "learners",
            "names_of",
            "retired_accounts",
            "retired_for_good",
            "retiring",
            "social_links",
            "user_id_of",
            "users",
        ),
        "shares": ("completed_share", "share_sources"),
        "signals": ("missing_signals", "signal"),
        "sites": ("site_id_of_host", "site_id_of_org", "sites_of_orgs"),
    },
)
