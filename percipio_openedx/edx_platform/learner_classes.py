"""What is true of learners in a course run that decides which blocks they have: read in bulk and not interpreted.

Of learners with equal values the platform's transformers do the same; which one follows from which value is the
platform's to say (``outcome``). Sources, all of Ulmo and Verawood: ``courseware.access`` and ``student.roles`` (staff),
``content_type_gating.helpers`` and ``student.role_helpers`` (gating), ``course_groups.cohorts``,
``user_api.partition_schemes``, ``course_blocks.transformers.library_content``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import CharField, ExpressionWrapper, F
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.edx_platform.course_facts import (
    COHORTS,
    EXPERIMENTS,
    TRACKS,
    CourseVersion,
    StructureFacts,
    scheme_of,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class LearnerClass(NamedTuple):
    """What is true of a learner.

    Arguments:
        values: equal ones give equal outlines.
        personal: more that an answer of the platform depends on, and that no two learners share.
        reason: why the platform is asked for this learner; empty if it need not be.
        is_known: whether all that the answer depends on is in here.
    """

    values: tuple[Any, ...]
    personal: tuple[Any, ...] = ()
    reason: str = ""
    is_known: bool = True


def learner_classes(
    key: CourseKey, users: Mapping[int, User], version: CourseVersion, facts: StructureFacts
) -> dict[int, LearnerClass]:
    """Return the class of each learner, in a constant number of queries."""
    roles = _access_roles(key, users)
    others = _authz_users(users)
    forum = _forum_roles(key, users) if version.gated_since is not None else {}
    has_tracks = version.gated_since is not None or facts.has(*TRACKS)
    enrolled = _enrollments(key, users, version) if has_tracks else {}
    has_cohorts = facts.has(COHORTS)
    cohorts = _cohorts(key, users) if has_cohorts else {}
    experiments = [partition for partition in facts.partitions if scheme_of(partition) == EXPERIMENTS]
    tags = _tags(key, users, experiments) if experiments else {}
    draws = _draws(key, users, facts.banks) if facts.banks else {}
    # Somebody who is not enrolled counts as enrolled now.
    is_on = version.gated_since is not None and version.gated_since <= timezone.now()

    def class_of(user: User) -> LearnerClass:
        own = tags.get(user.pk, {})
        reason = facts.reason
        if user.pk in others:
            reason = reason or "roles are held in openedx-authz"
        elif has_cohorts and version.is_cohorted and user.pk not in cohorts:
            reason = reason or "the learner has no cohort yet"
        elif not all(_is_group(partition, own.get(partition.id)) for partition in experiments):
            reason = reason or "the learner has no group of an experiment yet"
        values = (
            (user.is_staff, user.is_active),
            tuple(sorted(roles.get(user.pk, ()))),
            tuple(sorted(forum.get(user.pk, ()))),
            enrolled.get(user.pk, is_on) if has_tracks else None,
            cohorts.get(user.pk),
            tuple(sorted(own.items())),
        )
        draw = tuple(sorted(draws.get(user.pk, ())))
        return LearnerClass(values, draw, reason, is_known=facts.is_known and user.pk not in others)

    return {user_id: class_of(user) for user_id, user in users.items()}


def outcome(key: CourseKey, user: User, facts: StructureFacts) -> tuple[Any, ...]:
    """Return what the platform's transformers will ask about this learner, asked of the platform.

    Writes nothing for a learner whose class has no ``reason``.
    """
    from lms.djangoapps.courseware.access import has_access
    from openedx.features.content_type_gating.models import ContentTypeGatingConfig
    from xmodule.partitions.partitions_service import get_user_partition_groups

    is_staff = bool(has_access(user, "staff", key))
    is_gated = bool(ContentTypeGatingConfig.enabled_for_enrollment(user=user, course_key=key))
    # The transformer asks for the groups of nobody on the staff.
    groups = {} if is_staff else get_user_partition_groups(key, list(facts.partitions), user, "id")
    return is_staff, is_gated, tuple(sorted((partition_id, group.id) for partition_id, group in groups.items()))


def text_of(column: str) -> Any:
    """Return a column of keys as text: parsing one costs more than reading its row."""
    return ExpressionWrapper(F(column), output_field=CharField())


def _access_roles(key: CourseKey, user_ids: Iterable[int]) -> dict[int, list[tuple[str, str, str]]]:
    from common.djangoapps.student.models import CourseAccessRole

    found: dict[int, list[tuple[str, str, str]]] = defaultdict(list)
    rows = CourseAccessRole.objects.filter(user_id__in=list(user_ids)).annotate(course=text_of("course_id"))
    for user_id, role, org, course in rows.values_list("user_id", "role", "org", "course"):
        if not course or course == str(key):
            found[user_id].append((role, org or "", course or ""))
    return found


def _authz_users(users: Mapping[int, User]) -> set[int]:
    """Return those with any assignment in openedx-authz, where ``student.roles`` merges these (after Ulmo)."""
    from common.djangoapps.student import roles

    if not hasattr(roles, "get_authz_compat_course_access_roles_for_user"):
        return set()
    from casbin_adapter.models import CasbinRule
    from openedx_authz.api.data import UserData

    names = {UserData(external_key=user.username).namespaced_key: user_id for user_id, user in users.items()}
    held = {
        str(name).lower() for name in CasbinRule.objects.filter(ptype="g", v0__in=names).values_list("v0", flat=True)
    }
    return {user_id for name, user_id in names.items() if name.lower() in held}


def _forum_roles(key: CourseKey, user_ids: Iterable[int]) -> dict[int, list[str]]:
    from openedx.core.djangoapps.django_comment_common.models import Role

    found: dict[int, list[str]] = defaultdict(list)
    rows = Role.objects.filter(course_id=key, users__in=list(user_ids)).values_list("users", "name")
    for user_id, name in rows:
        found[user_id].append(name)
    return found


def _enrollments(key: CourseKey, user_ids: Iterable[int], version: CourseVersion) -> dict[int, tuple[Any, ...]]:
    from common.djangoapps.student.models import CourseEnrollment, FBEEnrollmentExclusion

    ids, since = list(user_ids), version.gated_since
    excluded = FBEEnrollmentExclusion.objects.filter(enrollment__course_id=key, enrollment__user_id__in=ids)
    out = set(excluded.values_list("enrollment__user_id", flat=True))
    rows = CourseEnrollment.objects.filter(course_id=key, user_id__in=ids).order_by()
    return {
        user_id: (mode, is_active, since is not None and created is not None and created >= since, user_id in out)
        for user_id, mode, is_active, created in rows.values_list("user_id", "mode", "is_active", "created")
    }


def _cohorts(key: CourseKey, user_ids: Iterable[int]) -> dict[int, int]:
    from openedx.core.djangoapps.course_groups.models import CohortMembership

    rows = CohortMembership.objects.filter(course_id=key, user_id__in=list(user_ids))
    return dict(rows.values_list("user_id", "course_user_group_id"))


def _tags(key: CourseKey, user_ids: Iterable[int], partitions: list[Any]) -> dict[int, dict[int, str]]:
    from openedx.core.djangoapps.user_api.models import UserCourseTag

    found: dict[int, dict[int, str]] = defaultdict(dict)
    names = {partition.scheme.key_for_partition(partition): partition.id for partition in partitions}
    rows = UserCourseTag.objects.filter(course_id=key, user_id__in=list(user_ids), key__in=names)
    for user_id, name, value in rows.values_list("user_id", "key", "value"):
        if name in names:
            found[user_id][names[name]] = value
    return found


def _is_group(partition: Any, tag: str | None) -> bool:
    """Whether a tag names a group of the experiment; otherwise the platform draws one, and writes it."""
    try:
        return tag is not None and int(tag) in {group.id for group in partition.groups}
    except ValueError:
        return False


def _draws(key: CourseKey, user_ids: Iterable[int], banks: tuple[str, ...]) -> dict[int, list[tuple[str, str]]]:
    from lms.djangoapps.courseware.models import StudentModule

    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    rows = StudentModule.objects.filter(course_id=key, student_id__in=list(user_ids), module_state_key__in=banks)
    for user_id, bank, modified in rows.annotate(bank=text_of("module_state_key")).values_list(
        "student_id", "bank", "modified"
    ):
        found[user_id].append((bank, modified.isoformat()))
    return found
