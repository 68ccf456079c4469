"""Random courses, learners and changes, of everything that the progress of a learner depends on."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseAccessRole, CourseEnrollment, FBEEnrollmentExclusion
from completion.models import BlockCompletion
from django.contrib.auth import get_user_model
from django.utils import timezone
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache
from openedx.core.djangoapps.course_groups.cohorts import add_cohort, add_user_to_cohort
from openedx.core.djangoapps.course_groups.models import (
    CohortMembership,
    CourseCohortsSettings,
    CourseUserGroup,
    CourseUserGroupPartitionGroup,
)
from openedx.core.djangoapps.django_comment_common.models import Role
from openedx.core.djangoapps.user_api.models import UserCourseTag
from openedx.features.content_type_gating.models import ContentTypeGatingConfig

from demo.learning.faults import outline_lags
from demo.learning.models import StoredBlock, StoredCourse

KEY = CourseKey.from_string("course-v1:RandomX+R1+2026")
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
COHORT, EXPERIMENT, TRACK, GATE = 100, 101, 50, 51
GROUPS = (1, 2, 3)
LEAVES = ("html", "problem", "video", "discussion", "openassessment", "conditional")
TAG = f"xblock.partition_service.partition_{EXPERIMENT}"


def partition(number: int, scheme: str) -> dict[str, Any]:
    """A partition as a course keeps it."""
    groups = [{"id": group, "name": f"group {group}"} for group in GROUPS]
    return {"id": number, "name": f"{scheme} {number}", "scheme": scheme, "groups": groups}


class World:
    """A course with learners; everything follows from the seed."""

    def __init__(self, seed: int, learners: int = 10, banks: bool = False) -> None:
        self.draw = random.Random(seed)
        self.banks = banks
        self.number = 0
        partitions = [partition(COHORT, "cohort"), partition(EXPERIMENT, "random")]
        self.course = StoredCourse.objects.create(
            course_key=KEY, display_name="R", version="0" * 24, edited_on=timezone.now(), user_partitions=partitions
        )
        self.of_course()
        with outline_lags():
            for _ in range(self.draw.randint(2, 3)):
                self.section()
        self.users = [self.learner(number) for number in range(learners)]
        self.collect()

    def odds(self, share: float) -> bool:
        return self.draw.random() < share

    def collect(self) -> None:
        """Publish."""
        update_course_in_cache(KEY)

    def of_course(self) -> None:
        """Tracks, cohorts, gating."""
        for slug, share in (("audit", 0.95), ("verified", 0.95), ("honor", 0.5)):
            if self.odds(share):
                ends = self.draw.choice([None, None, timezone.now() - timedelta(days=1)])
                values = {"mode_display_name": slug, "_expiration_datetime": ends}
                CourseMode.objects.update_or_create(course_id=KEY, mode_slug=slug, defaults=values)
        CourseCohortsSettings.objects.update_or_create(course_id=KEY, defaults={"is_cohorted": self.odds(0.7)})
        for number in GROUPS:
            cohort = CourseUserGroup.objects.filter(course_id=KEY, name=f"c{number}").first()
            cohort = cohort or add_cohort(KEY, f"c{number}", self.draw.choice(["random", "manual"]))
            if self.odds(0.8):
                link = {"partition_id": self.draw.choice([COHORT, COHORT, 99]), "group_id": self.draw.choice([1, 2, 7])}
                CourseUserGroupPartitionGroup.objects.update_or_create(course_user_group=cohort, defaults=link)
        if self.odds(0.8):
            values = {"enabled": self.odds(0.9), "enabled_as_of": SINCE, "studio_override_enabled": self.odds(0.3)}
            ContentTypeGatingConfig.objects.update_or_create(course=KEY, defaults=values)

    def block(self, parent: StoredBlock | None, kind: str, **settings: Any) -> StoredBlock:
        """A block under another."""
        self.number += 1
        access = {}
        for one, groups, share in ((COHORT, GROUPS, 0.15), (TRACK, (1, 2), 0.08), (GATE, (1, 2), 0.05)):
            if self.odds(share):
                access[str(one)] = self.draw.sample(groups, self.draw.randint(0, 2))
        if self.odds(0.04):
            settings["completion_mode"] = self.draw.choice(["completable", "aggregator", "excluded"])
        return StoredBlock.objects.create(
            course=self.course,
            parent=parent,
            usage_key=KEY.make_usage_key(kind, f"b{self.number}"),
            block_type=kind,
            position=self.number,
            staff_only=self.odds(0.05),
            gated=self.odds(0.4) if kind == "problem" else self.odds(0.02),
            settings={"group_access": access, **settings},
        )

    def section(self) -> None:
        chapter = self.block(None, "chapter")
        for _ in range(self.draw.choice([0, 1, 1, 2])):
            sequential = self.block(chapter, "sequential")
            for _ in range(self.draw.randint(1, 4)):
                self.unit(sequential)

    def unit(self, sequential: StoredBlock) -> None:
        if self.odds(0.1):
            self.block(sequential, self.draw.choice(LEAVES))
            return
        unit = self.block(sequential, "vertical")
        for _ in range(self.draw.choice([0, 1, 1, 2, 3])):
            kind = self.draw.choice((*LEAVES, "vertical", "split_test", *(("library_content",) if self.banks else ())))
            if kind == "split_test":
                self.experiment(unit)
                continue
            block = self.block(unit, kind, **({"max_count": 1} if kind == "library_content" else {}))
            if kind in ("vertical", "conditional", "library_content"):
                for _ in range(self.draw.randint(0, 2)):
                    self.block(block, self.draw.choice(LEAVES[:4]))

    def experiment(self, unit: StoredBlock) -> None:
        of_group = {str(group): f"b{self.number + 1 + group}" for group in GROUPS}
        split = self.block(unit, "split_test", user_partition_id=EXPERIMENT, group_id_to_child=of_group)
        for _ in GROUPS:
            self.block(split, self.draw.choice(LEAVES[:3]))

    def learner(self, number: int) -> Any:
        """Somebody, with whatever may decide."""
        user = get_user_model().objects.create(
            username=f"u{number}", is_staff=self.odds(0.06), is_active=self.odds(0.9)
        )
        self.enroll(user)
        self.roles(user)
        self.groups(user)
        self.complete(user)
        return user

    def enroll(self, user: Any) -> None:
        if self.odds(0.1):
            return
        mode, active = self.draw.choice(["audit", "audit", "audit", "verified", "honor"]), self.odds(0.9)
        row, _ = CourseEnrollment.objects.update_or_create(
            user=user, course_id=KEY, defaults={"mode": mode, "is_active": active}
        )
        days = timedelta(days=self.draw.choice([-10, 10, 10]))
        CourseEnrollment.objects.filter(pk=row.pk).update(created=SINCE + days)
        if self.odds(0.1):
            FBEEnrollmentExclusion.objects.get_or_create(enrollment=row)

    def roles(self, user: Any) -> None:
        if self.odds(0.25):
            role = self.draw.choice(["staff", "limited_staff", "instructor", "beta_testers", "data_researcher"])
            course: Any = self.draw.choice([KEY, KEY, CourseKeyField.Empty, CourseKey.from_string("course-v1:A+B+C")])
            org = self.draw.choice([KEY.org, KEY.org, "OtherX"])
            CourseAccessRole.objects.get_or_create(user=user, org=org, course_id=course, role=role)
        if self.odds(0.15):
            name = self.draw.choice(["Moderator", "Student", "Community TA"])
            Role.objects.get_or_create(name=name, course_id=KEY)[0].users.add(user)

    def groups(self, user: Any) -> None:
        if self.odds(0.85):
            add_user_to_cohort(self.draw.choice(list(CourseUserGroup.objects.filter(course_id=KEY))), user)
        if self.odds(0.95):
            value = self.draw.choice(["1", "2", "3"] * 4 + ["9", "none"])
            UserCourseTag.objects.update_or_create(user=user, course_id=KEY, key=TAG, defaults={"value": value})

    def complete(self, user: Any, share: float | None = None) -> None:
        """Rows for some of the blocks, of any kind, and for one that is gone."""
        share = self.draw.choice([0.0, 0.3, 0.8, 1.0]) if share is None else share
        keys = [key for key in StoredBlock.objects.values_list("usage_key", flat=True) if self.odds(share)]
        keys = [key for key in keys if key.block_type not in ("chapter", "course")]
        keys += [KEY.make_usage_key("html", "gone")] if self.odds(0.2) else []
        for key in keys:
            aggregates = key.block_type in ("vertical", "sequential", "split_test", "conditional", "discussion")
            if aggregates and not self.odds(0.1):
                continue
            value = self.draw.choice([1.0, 1.0, 1.0, 1.0, 0.999, 0.5, 0.0])
            BlockCompletion.objects.update_or_create(
                user=user, context_key=KEY, block_key=key, defaults={"completion": value, "block_type": key.block_type}
            )

    def change(self) -> None:
        """One thing that happens."""
        changes: list[Callable[[], object]] = [
            self.of_course,
            lambda: self.enroll(self.draw.choice(self.users)),
            lambda: self.roles(self.draw.choice(self.users)),
            lambda: self.groups(self.draw.choice(self.users)),
            lambda: self.complete(self.draw.choice(self.users)),
            lambda: CourseAccessRole.objects.all().delete(),
            lambda: CohortMembership.objects.filter(user=self.draw.choice(self.users)).delete(),
            self.publish,
        ]
        self.draw.choice(changes)()

    def publish(self) -> None:
        """Another version of the course."""
        with outline_lags():
            block = self.draw.choice(list(StoredBlock.objects.filter(course=self.course)))
            if self.odds(0.3):
                block.delete()
            else:
                StoredBlock.objects.filter(pk=block.pk).update(staff_only=self.odds(0.5), gated=self.odds(0.5))
            self.section()
        self.collect()
