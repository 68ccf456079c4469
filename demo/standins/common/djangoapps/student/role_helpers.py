"""Who is exempt from gating. Source: `common/djangoapps/student/role_helpers.py` of edx-platform, 2026."""

from __future__ import annotations

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.django_comment_common.models import (
    FORUM_ROLE_ADMINISTRATOR,
    FORUM_ROLE_COMMUNITY_TA,
    FORUM_ROLE_GROUP_MODERATOR,
    FORUM_ROLE_MODERATOR,
    Role,
)
from openedx.core.lib.cache_utils import request_cached

from .roles import (
    CourseBetaTesterRole,
    CourseInstructorRole,
    CourseStaffRole,
    GlobalStaff,
    OrgInstructorRole,
    OrgStaffRole,
)


@request_cached()
def has_staff_roles(user: User, course_key: CourseKey) -> bool:
    """Whether the user is of the staff, a beta tester, or looks after the forum."""
    roles = [role(course_key) for role in (CourseStaffRole, CourseInstructorRole, CourseBetaTesterRole)]
    roles += [role(course_key.org) for role in (OrgStaffRole, OrgInstructorRole)]
    forum = [FORUM_ROLE_COMMUNITY_TA, FORUM_ROLE_GROUP_MODERATOR, FORUM_ROLE_MODERATOR, FORUM_ROLE_ADMINISTRATOR]
    return any(role.has_user(user) for role in (*roles, GlobalStaff())) or Role.user_has_role_for_course(
        user, course_key, forum
    )
