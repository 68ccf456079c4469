"""Forget a learner: everything goes here, and what Percipio has to erase is written down as pseudonyms.

What is said of the learner in rows that are not the learner's is masked: Percipio's words, and the admin's log. Those
words were masked before they were kept (``redaction``), with what the request held of people. This takes away what an
answer said of somebody else than those, in the columns of ``FOREIGN``: all that hold words of Percipio's.
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
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.learner_course import LearnerCourse, ObservationFailure
from percipio_openedx.models.operations import Alert, ErasureRequest
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.statements.personal import Personal, learner_of, personal

logger = logging.getLogger(__name__)

# Where Percipio's words stand, by model. Of what was accepted none are kept.
FOREIGN: dict[type[Model], tuple[str, ...]] = {
    Alert: ("message",),
    DeliveryAttempt: ("answer",),
    Destination: ("last_error", "plain_answer"),
    Statement: ("answer",),
}
WITH_WORDS = (State.OUTDATED, State.WAITING, State.SENDING, State.PARKED, State.DISCARDED)
# Where a statement can be that never left.
UNSENT = (State.OUTDATED, State.WAITING, State.SKIPPED, State.DISCARDED)
AT_ONCE = 500
# What the admin's log calls a row that is gone.
GONE = "(erased)"

# A site, and a Percipio organization as its addresses name it.
Place = tuple[int, str]


def erase(user_id: int) -> int:
    """Delete every statement and every row about a learner; the number of statements. All or nothing, but for what is
    masked elsewhere.

    What Percipio may hold already has to be erased there, by Skillsoft, on the site's request: an ``ErasureRequest``
    says which registrations. What is said of the learner elsewhere goes first, for the statements know the words.
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
    logger.info("learner erased user=%s statements=%s courses=%s", user_id, statements, len(rows))
    return statements


# --- what Percipio has to erase ---------------------------------------------------------------------------------------


def _request_erasure(rows: Mapping[int, LearnerCourse]) -> None:
    """Write down, for each place that statements went to, which registrations are to be erased there.

    The statements of a course may have gone to several places: the learner's organization, or the course's site, was
    another one once.

    Arguments:
        rows: the learner's, by primary key.
    """
    destinations = Destination.objects.values_list("pk", "site_id", "organization")
    places = {pk: (site_id, organization) for pk, site_id, organization in destinations}
    here: Counter[int] = Counter()
    unsent: Counter[int] = Counter()
    sent: dict[int, Counter[Place]] = defaultdict(Counter)
    locked = Statement.objects.select_for_update().filter(learner_course_id__in=list(rows)).order_by("pk")
    columns = ("learner_course_id", "state", "attempts", "status", "destination_id")
    for pk, state, attempts, status, destination in locked.values_list(*columns):
        here[pk] += 1
        # What is outdated was never sent, or refused; its tries are those to build it.
        was_tried = attempts and state != State.OUTDATED
        if state in UNSENT and not was_tried and status is None:
            unsent[pk] += 1
        else:
            sent[pk][places[destination]] += 1
    found: dict[Place, list[tuple[str, int]]] = defaultdict(list)
    for pk, row in rows.items():
        if row.sequence <= unsent[pk]:
            continue
        # Where those went that were pruned here is not known any more; where others of the course went is likeliest.
        if pruned := row.sequence - here[pk]:
            place = next(iter(sent[pk]), None) or (row.site_id, _only_organization(row.site_id))
            sent[pk][place] += pruned
        for place, count in sent[pk].items():
            found[place].append((str(row.registration), count))
    now = timezone.now()
    for (site_id, organization), parts in found.items():
        # The records of the Track API carry no registration.
        by_track = DeliveryAttempt.objects.filter(
            destination__site_id=site_id, destination__organization=organization, api=Api.TRACK
        )
        ErasureRequest.objects.create(
            site_id=site_id,
            organization=organization,
            api=(Api.TRACK if by_track.exists() else Api.STATEMENTS).value,
            registrations="\n".join(registration for registration, _ in parts),
            statements=sum(count for _, count in parts),
            erased_at=now,
        )


def _only_organization(site_id: int) -> str:
    """Return where all of a site's statements go; ``''`` where they go to several."""
    names = set(Destination.objects.filter(site_id=site_id).values_list("organization", flat=True))
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
        Statement.objects.filter(destination__in=destinations, state__in=WITH_WORDS),
    ]
    for of_one in texts:
        for column in FOREIGN[of_one.model]:
            _mask(of_one, column, known)


def _sent(pks: Iterable[int]) -> Iterator[str]:
    """Yield what the learner's statements and records call them."""
    bodies = Statement.objects.filter(learner_course_id__in=pks).values_list("body", "track")
    for body, track in bodies.iterator(AT_ONCE):
        yield from learner_of(bytes(body))
        yield from learner_of(bytes(track or b""))


def _mask(rows: QuerySet[Model], column: str, known: Personal) -> None:
    """Find the texts in the database, which reads each once, and mask one by one."""
    written = {form for term in known.terms for form in (term, term.upper(), term.capitalize())}
    meant = reduce(or_, (Q(**{f"{column}__icontains": term}) for term in sorted(written)))
    last = 0
    while page := list(rows.filter(meant, pk__gt=last).order_by("pk").values_list("pk", column)[:AT_ONCE]):
        last = page[-1][0]
        for pk, text in page:
            # Unless it says something else by now.
            unchanged = rows.model._default_manager.filter(pk=pk, **{column: text})
            if (masked := known.masked(text)) != text:
                persistently(unchanged.update)(**{column: masked})


@persistently
def _clear_log(pks: Sequence[int]) -> None:
    """Keep in the admin's log that something was done, and no longer to whose row.

    A statement's id leads to the learner whoever knows the user ids (decision record 0006).
    """
    from django.contrib.admin.models import LogEntry

    statements = Statement.objects.filter(learner_course_id__in=pks).values_list("pk", flat=True)
    for model, gone in ((Statement, list(statements)), (LearnerCourse, pks)):
        entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
        for start in range(0, len(gone), AT_ONCE):
            named = entries.filter(object_id__in=[str(pk) for pk in gone[start : start + AT_ONCE]])
            named.update(object_id=None, object_repr=GONE)
