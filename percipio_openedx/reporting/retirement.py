"""Erase a learner: delete every row here, and record as pseudonyms what Percipio has to erase.

Rows that are not the learner's are masked: Percipio's messages and the admin's log. ``redaction`` masked the people of
a request before its answer was stored; this masks people that the answer named besides, in the columns of ``FOREIGN``.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.enums import Api
from percipio_openedx.models.catalog import CatalogEntry
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.learner_course import LearnerCourse, ObservationFailure
from percipio_openedx.models.operations import Alert, ErasureRequest
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.statements.personal import Personal, learner_of, personal

logger = logging.getLogger(__name__)

# The columns that hold Percipio's messages, by model. Accepted statements keep none.
FOREIGN: dict[type[Model], tuple[str, ...]] = {
    Alert: ("message",),
    DeliveryAttempt: ("answer",),
    Destination: ("last_error", "plain_answer"),
    CatalogEntry: ("answer",),
    Statement: ("answer",),
}
WITH_MESSAGE = (State.OUTDATED, State.WAITING, State.SENDING, State.PARKED, State.DISCARDED)
# States of a statement that was never sent.
UNSENT = (State.OUTDATED, State.WAITING, State.SKIPPED, State.DISCARDED)
AT_ONCE = 500
# What the admin's log calls a deleted row.
GONE = "(erased)"

# A site, its account, and the Percipio organization in the addresses.
Where = tuple[int, str, str]


def erase(user_id: int) -> int:
    """Delete every statement and row of a learner in one transaction, and return the number of statements.

    What Percipio may hold has to be erased by Skillsoft on the site's request: an ``ErasureRequest`` lists the
    registrations. Rows of others are masked first, since that needs the names in the statements.
    """
    _mask_elsewhere(user_id)
    return _erase(user_id)


@persistently
def _erase(user_id: int) -> int:
    with without_gap_locks():
        # Locked, so that nothing is sent or written meanwhile.
        locked = LearnerCourse.objects.select_for_update().filter(user_id=user_id).order_by("pk")
        rows = {row.pk: row for row in locked}
        _request_erasure(rows)
        statements, _ = Statement.objects.filter(learner_course_id__in=list(rows)).delete()
        LearnerCourse.objects.filter(pk__in=list(rows)).delete()
        ObservationFailure.objects.filter(user_id=user_id).delete()
        UnknownLearner.objects.filter(user_id=user_id).delete()
    logger.info("learner erased user=%s statements=%s courses=%s", user_id, statements, len(rows))
    return statements


# --- what Percipio has to erase ---------------------------------------------------------------------------------------


def _request_erasure(rows: Mapping[int, LearnerCourse]) -> None:
    """Record, for each place that the learner's statements went to, which registrations are to be erased there.

    A course's statements may have gone to several places, since the learner's organization or the course's site may
    have changed.
    """
    destinations = Destination.objects.values_list("pk", "site_id", "account", "organization")
    places = {pk: (site_id, account, organization) for pk, site_id, account, organization in destinations}
    here: Counter[int] = Counter()
    sent: dict[int, Counter[Where]] = defaultdict(Counter)
    locked = Statement.objects.select_for_update().filter(learner_course_id__in=list(rows)).order_by("pk")
    columns = ("learner_course_id", "state", "attempts", "status", "destination_id")
    for pk, state, attempts, status, destination in locked.values_list(*columns):
        here[pk] += 1
        # An outdated statement was never sent, or was refused; its attempts are those to rebuild it.
        was_tried = attempts and state != State.OUTDATED
        if state not in UNSENT or was_tried or status is not None:
            sent[pk][places[destination]] += 1
    found: dict[Where, list[tuple[str, int]]] = defaultdict(list)
    for pk, row in rows.items():
        # Where pruned statements went is unknown; most likely where others of the course went.
        if (pruned := row.sequence - here[pk]) > 0:
            place = next(iter(sent[pk]), None) or (row.site_id, row.account, _only_organization(row))
            sent[pk][place] += pruned
        for place, count in sent[pk].items():
            found[place].append((str(row.registration), count))
    now = timezone.now()
    for (site_id, account, organization), parts in found.items():
        # Track records carry no registration.
        there = Destination.objects.filter(site_id=site_id, account=account, organization=organization)
        by_track = DeliveryAttempt.objects.filter(destination__in=there, api=Api.TRACK)
        ErasureRequest.objects.create(
            site_id=site_id,
            account=account,
            organization=organization,
            api=(Api.TRACK if by_track.exists() else Api.STATEMENTS).value,
            registrations="\n".join(registration for registration, _ in parts),
            statements=sum(count for _, count in parts),
            erased_at=now,
        )


def _only_organization(row: LearnerCourse) -> str:
    """Return the organization of all statements of a learner's account; ``''`` if there are several."""
    there = Destination.objects.filter(site_id=row.site_id, account=row.account, is_catalog=False)
    names = set(there.values_list("organization", flat=True))
    return names.pop() if len(names) == 1 else ""


# --- what is said of the learner elsewhere ----------------------------------------------------------------------------


def _mask_elsewhere(user_id: int) -> None:
    rows = LearnerCourse.objects.filter(user_id=user_id)
    site_ids, pks = set(rows.values_list("site_id", flat=True)), list(rows.values_list("pk", flat=True))
    known = personal({*_sent(pks), *edx_platform.names_of(user_id)})
    destinations = list(Destination.objects.filter(site_id__in=site_ids).values_list("pk", flat=True))
    _clear_log(pks)
    if not destinations or not known:
        return
    texts: list[QuerySet[Model]] = [
        Alert.objects.all(),
        DeliveryAttempt.objects.filter(destination__in=destinations),
        Destination.objects.filter(pk__in=destinations),
        CatalogEntry.objects.filter(destination__in=destinations).exclude(answer=""),
        Statement.objects.filter(destination__in=destinations, state__in=WITH_MESSAGE),
    ]
    for of_one in texts:
        for column in FOREIGN[of_one.model]:
            _mask(of_one, column, known)


def _sent(pks: Iterable[int]) -> Iterator[str]:
    bodies = Statement.objects.filter(learner_course_id__in=pks).values_list("body", "track")
    for body, track in bodies.iterator(AT_ONCE):
        yield from learner_of(bytes(body))
        yield from learner_of(bytes(track or b""))


def _mask(rows: QuerySet[Model], column: str, known: Personal) -> None:
    """Find the texts in the database, which reads each once, and mask them one by one."""
    written = {form for term in known.terms for form in (term, term.upper(), term.capitalize())}
    meant = reduce(or_, (Q(**{f"{column}__icontains": term}) for term in sorted(written)))
    last = 0
    while page := list(rows.filter(meant, pk__gt=last).order_by("pk").values_list("pk", column)[:AT_ONCE]):
        last = page[-1][0]
        for pk, text in page:
            # Unless the text has changed meanwhile.
            unchanged = rows.model._default_manager.filter(pk=pk, **{column: text})
            if (masked := known.masked(text)) != text:
                persistently(unchanged.update)(**{column: masked})


@persistently
def _clear_log(pks: Sequence[int]) -> None:
    """Keep in the admin's log what was done, not to whose row: a statement's id leads to the learner (record 0006)."""
    from django.contrib.admin.models import LogEntry

    statements = Statement.objects.filter(learner_course_id__in=pks).values_list("pk", flat=True)
    for model, gone in ((Statement, list(statements)), (LearnerCourse, pks)):
        entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
        for start in range(0, len(gone), AT_ONCE):
            named = entries.filter(object_id__in=[str(pk) for pk in gone[start : start + AT_ONCE]])
            named.update(object_id=None, object_repr=GONE)
