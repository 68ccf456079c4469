"""The due notices of one course run, or of every course of some learners: taken up, and deleted."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from django.utils import timezone

from percipio_openedx.bulkheads import Boundary, apart, bulkhead, is_outage, reason_of
from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.notice import EVERY_COURSE, Notice, Reason
from percipio_openedx.reporting import failures, retirement

logger = logging.getLogger(__name__)

# Learners of one course looked at under one claim, and notices deleted at once.
AT_ONCE = 200


@dataclass(slots=True)
class Group:
    """The due notices of one course run: the learners, and the rows to delete when they were looked at.

    ``again`` are learners who failed before, and are due without a notice.
    """

    notices: dict[int, list[int]] = field(default_factory=dict)
    newest: dict[int, Notice] = field(default_factory=dict)
    retiring: set[int] = field(default_factory=set)
    again: frozenset[int] = frozenset()

    def add(self, notice: Notice) -> None:
        self.notices.setdefault(notice.user_id, []).append(notice.pk)
        self.newest[notice.user_id] = notice
        if notice.reason == Reason.RETIREMENT:
            self.retiring.add(notice.user_id)

    @property
    def user_ids(self) -> list[int]:
        return sorted({*self.notices, *self.again})


def still_due(course_key: str, group: Group, user_ids: Sequence[int]) -> list[int]:
    """Those whose notices are there yet: a run beside this one, which has read the same page, was not quicker."""
    pks = [pk for user_id in user_ids for pk in group.notices.get(user_id, ())]
    there = set(Notice.objects.filter(pk__in=pks).values_list("pk", flat=True)) if pks else set()
    again = failures.still_due(course_key, group.again.intersection(user_ids), timezone.now()) if group.again else ()
    return [user_id for user_id in user_ids if user_id in again or not there.isdisjoint(group.notices.get(user_id, ()))]


def every_course(group: Group, failing: Collection[str]) -> bool:
    """Learners who retire are erased, those who became nameable are noticed anew in the courses where they wait.

    The bulkhead around a learner of whom everything is meant: nobody waits for somebody else's erasure.

    Arguments:
        group: their notices.
        failing: the keys of ``ObservationFailure`` rows; the empty one if anything failed here before.

    Returns:
        Whether the database was fit for it; if not, nothing is anybody's fault, and the notices stay.
    """
    is_fit = True
    nameable = [user_id for user_id in group.notices if user_id not in group.retiring]
    acts = [(_erase, [user_id]) for user_id in sorted(group.retiring)] + [(_notice_anew, nameable)]
    done: set[int] = set()
    broken: dict[int, str] = {}
    for act, user_ids in acts:
        with bulkhead(Boundary.LEARNER) as contained:
            _, alone = apart(Boundary.LEARNER, user_ids, partial(act, group))
            broken.update((user_id, reason_of(error)) for user_id, error in alone.items())
            done.update(set(user_ids) - set(alone))
        if contained.error is not None and is_outage(contained.error):
            is_fit = False
            logger.warning("learners not looked at count=%s problem=%s", len(user_ids), contained.reason)
        elif contained.error is not None:
            broken.update(dict.fromkeys(user_ids, contained.reason))
    if EVERY_COURSE in failing:
        failures.known(EVERY_COURSE, done).settle(done, {})
    failures.note(EVERY_COURSE, broken)
    return is_fit


def _erase(group: Group, user_ids: Sequence[int]) -> None:
    for user_id in user_ids:
        retirement.erase(user_id)
    delete(group, user_ids)


def _notice_anew(group: Group, user_ids: Sequence[int]) -> None:
    held = LearnerCourse.objects.filter(user_id__in=user_ids).exclude(hold_reason="")
    Notice.objects.bulk_create(
        Notice(
            user_id=user_id,
            course_key=course_key,
            reason=group.newest[user_id].reason,
            noticed_at=group.newest[user_id].noticed_at,
        )
        for user_id, course_key in held.values_list("user_id", "course_key")
    )
    delete(group, user_ids)


def delete(group: Group, user_ids: Iterable[int]) -> None:
    """Each DELETE by primary key, alone and short: a lock on what is gone would hold up new rows after it."""
    for pks in batches([pk for user_id in user_ids for pk in group.notices.get(user_id, ())]):
        _delete_notices(pks)


@persistently
def _delete_notices(pks: Sequence[int]) -> None:
    with without_gap_locks():
        Notice.objects.filter(pk__in=pks).delete()


def batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """So many at once as are looked at under one claim."""
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
