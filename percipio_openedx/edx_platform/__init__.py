"""The only door to edx-platform: reads of the truth, by course and in bulk.

Every platform import stands inside the function that needs it, so that this package can be imported while the LMS's
settings are still being built. What a release lacks falls back, or is ``PlatformUnavailable``; nothing here writes (but
the external id, which the platform makes on first use) and nothing here decides.
"""

from __future__ import annotations

from percipio_openedx.edx_platform.accounts import (
    EXTERNAL_ID_TYPE,
    external_ids,
    find_learners,
    learners,
    names_of,
    retired_accounts,
    retired_for_good,
    retiring,
    social_links,
    user_id_of,
    users,
)
from percipio_openedx.edx_platform.achievements import activities, activity_times, certificates, grades
from percipio_openedx.edx_platform.api_clients import (
    application_mistakes,
    client_of_signed_token,
    filters_of,
    is_restricted,
    is_service,
    opaque_token,
    signed_token_problem,
)
from percipio_openedx.edx_platform.courses import course, find_courses, is_graded, outline_version
from percipio_openedx.edx_platform.door import forget_request, number_of, org_of, parsed
from percipio_openedx.edx_platform.enrolled import courses_of, enrollment_counts, enrollments, enrollments_after
from percipio_openedx.edx_platform.installation import has_other_lrs, is_completion_on
from percipio_openedx.edx_platform.progress import learner_progress, progress_sources
from percipio_openedx.edx_platform.signals import missing_signals, signal
from percipio_openedx.edx_platform.sites import site_id_of_host, site_id_of_org, sites_of_orgs

__all__ = [
    "EXTERNAL_ID_TYPE",
    "activities",
    "activity_times",
    "application_mistakes",
    "certificates",
    "client_of_signed_token",
    "course",
    "courses_of",
    "enrollment_counts",
    "enrollments",
    "enrollments_after",
    "external_ids",
    "filters_of",
    "find_courses",
    "find_learners",
    "forget_request",
    "grades",
    "has_other_lrs",
    "is_completion_on",
    "is_graded",
    "is_restricted",
    "is_service",
    "learner_progress",
    "learners",
    "missing_signals",
    "names_of",
    "number_of",
    "opaque_token",
    "org_of",
    "outline_version",
    "parsed",
    "progress_sources",
    "retired_accounts",
    "retired_for_good",
    "retiring",
    "signal",
    "signed_token_problem",
    "site_id_of_host",
    "site_id_of_org",
    "sites_of_orgs",
    "social_links",
    "user_id_of",
    "users",
]
