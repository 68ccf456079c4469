"""The only importer of edx-platform: bulk reads of what the LMS holds, by course.

Platform imports stand inside functions, so that this package can be imported while the LMS's settings are being built.
What a release lacks has a fallback or raises ``PlatformUnavailable``. Nothing here decides, or writes (except the
external id, which the platform creates on first use, and ``enroll``, which a learner asks for).
"""

from percipio_openedx.edx_platform.accounts import (
    about_page,
    course_home,
    enroll,
    enrolled_runs,
    external_ids,
    find_learners,
    learners,
    may_enroll,
    may_see,
    names_of,
    retired_accounts,
    retired_for_good,
    retiring,
    social_links,
    user_id_of,
    users,
)
from percipio_openedx.edx_platform.achievements import (
    PARTS,
    activities,
    activity_times,
    certificates,
    courses_of,
    drawn_enrollments,
    enrollment_counts,
    enrollments,
    enrollments_after,
    grades,
    next_course,
)
from percipio_openedx.edx_platform.api_clients import (
    application_mistakes,
    client_of_signed_token,
    filters_of,
    is_restricted,
    opaque_token,
    signed_token_problem,
)
from percipio_openedx.edx_platform.at_once import (
    CourseState,
    course_progress,
    course_state,
    forget_outlines,
    is_counted,
    is_trusted,
    trust,
)
from percipio_openedx.edx_platform.courses import (
    course,
    course_runs,
    find_courses,
    is_graded,
    outline_collected_at,
    outline_version,
    run_keys,
    runs_like,
    unknown_courses,
)
from percipio_openedx.edx_platform.door import (
    forget_request,
    has_other_lrs,
    is_completion_on,
    missing_signals,
    org_of,
    parsed,
    release,
    signal,
    site_id_of_host,
    site_values,
    sites_by_org,
    stored_key,
)
from percipio_openedx.edx_platform.progress import (
    Aggregated,
    aggregated,
    has_aggregator,
    learner_progress,
    progress_sources,
)
