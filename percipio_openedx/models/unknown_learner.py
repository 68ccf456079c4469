"""Learners whom Percipio refused as unknown, and what happens when one of them no longer is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from django.db import models, router, transaction
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.destination import Destination, PullClient
from percipio_openedx.models.learner_course import EVERY_COURSE, LearnerCourse, Notice, Reason
from percipio_openedx.models.statement import State, Statement


class UnknownLearnerQuerySet(models.QuerySet["UnknownLearner"]):
    """Learn that a learner is unknown, and end that again. The caller retries after a deadlock."""

    def learn(self, destination: Destination, statements: Iterable[int], now: datetime) -> None:
        """Note the learners of refused statements, by primary key, and set aside what waits there under their names.

        It is rebuilt before it is sent, which waits until the learner is no longer unknown. What anybody may have
        leaves as it is (decision record 0017).
        """
        rows = Statement.objects.filter(pk__in=list(statements)).order_by("pk")
        names = dict(rows.values_list("learner_course__user_id", "actor_key"))
        known = {"since": now, "last_refused_at": now}
        self.bulk_create(
            [
                UnknownLearner(destination=destination, user_id=user_id, actor_key=names[user_id], **known)
                for user_id in sorted(names)
            ],
            ignore_conflicts=True,
        )
        for user_id, actor_key in names.items():
            self.filter(destination=destination, user_id=user_id).update(actor_key=actor_key, last_refused_at=now)
        waiting = _of(destination.pk, names).filter(settled_at__isnull=True, in_doubt=False)
        waiting = waiting.filter(actor_key__in=set(names.values()))
        pks = list(waiting.values_list("pk", flat=True))
        Statement.objects.filter(pk__in=pks).outdate(now)

    def of(self, statements: Sequence[Statement]) -> set[int]:
        """Return which of these (with their learner's course) name a learner unknown at their destination."""
        user_ids = {row.learner_course.user_id for row in statements}
        known = set(self.filter(user_id__in=user_ids).values_list("destination_id", "user_id", "actor_key"))
        named = ((row.pk, (row.destination_id, row.learner_course.user_id, row.actor_key)) for row in statements)
        return {pk for pk, name in named if name in known}

    def forget(self, now: datetime) -> int:
        """End these holds: what was set aside is due, and what happened meanwhile is observed. Return their number."""
        with transaction.atomic(using=router.db_for_write(self.model)):
            found = list(self.select_for_update().order_by("pk").values_list("pk", "destination_id", "user_id"))
            for _pk, destination_id, user_id in found:
                outdated = _of(destination_id, [user_id]).filter(state=State.OUTDATED)
                Statement.objects.filter(pk__in=list(outdated.values_list("pk", flat=True))).bring_forward(now)
            user_ids = sorted({user_id for _pk, _destination, user_id in found})
            notice = {"course_key": EVERY_COURSE, "reason": Reason.KNOWN_AGAIN, "noticed_at": now}
            Notice.objects.bulk_create(Notice(user_id=user_id, **notice) for user_id in user_ids)
            UnknownLearner.objects.filter(pk__in=[pk for pk, *_rest in found]).delete()
        return len(found)

    def release(self, now: datetime, *, as_it_is: bool = False) -> int:
        """Do as ``forget``, and requeue what was parked since; return the number of statements.

        Arguments:
            as_it_is: also what can only be sent as it is, since anybody may have it: by an operator's decision.
        """
        count = 0
        with transaction.atomic(using=router.db_for_write(self.model)):
            for destination_id, user_id, since in self.order_by("pk").values_list("destination_id", "user_id", "since"):
                parked = _of(destination_id, [user_id]).filter(state=State.PARKED, settled_at__gte=since)
                if not as_it_is:
                    parked = parked.filter(in_doubt=False).exclude(destination_id__in=PullClient.destinations())
                count += Statement.objects.filter(pk__in=list(parked.values_list("pk", flat=True))).requeue(now)
            self.forget(now)
        return count


def _of(destination_id: int, user_ids: Iterable[int]) -> models.QuerySet[Statement]:
    """Select the statements of these learners at a destination, by the index on learners' courses."""
    courses = list(LearnerCourse.objects.filter(user_id__in=list(user_ids)).values_list("pk", flat=True))
    return Statement.objects.filter(learner_course_id__in=courses, destination_id=destination_id)


class UnknownLearner(models.Model):
    """A learner whom Percipio does not know at one destination, as far as its refusals say.

    Nothing new is reported of the learner there while ``actor_key`` (a hash) is what the learner is called by:
    ``since`` is the first refusal, ``last_refused_at`` the last one.

    .. pii: The LMS's own user id, and a hash of what Percipio does not know the learner by.
    .. pii_types: id
    .. pii_retirement: local_api
    """

    id = models.BigAutoField(primary_key=True)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="unknown_learners")
    user_id = models.PositiveBigIntegerField()
    actor_key = models.CharField(max_length=64)
    since = models.DateTimeField()
    last_refused_at = models.DateTimeField()

    objects = UnknownLearnerQuerySet.as_manager()

    class Meta:
        verbose_name = _("learner unknown to Percipio")
        verbose_name_plural = _("learners unknown to Percipio")
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["destination", "user_id"], name="percipio_ul_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_id"], name="percipio_ul_user"),
        ]

    def __str__(self) -> str:
        # Stands in the admin's log, where it outlives the learner.
        return f"unknown learner {self.pk}"
