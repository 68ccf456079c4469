"""What is said of a learner who retires in rows that are not the learner's: Percipio's words, and the admin's log.

Percipio's words are masked before they are kept (``redaction``), with what the request held of people. This takes
away what an answer said of somebody else than those, in the columns of ``FOREIGN``: all that hold words of Percipio's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet

from percipio_openedx import edx_platform
from percipio_openedx.db import persistently
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.operations import Alert
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.statements.personal import Personal, learner_of, personal

# Where Percipio's words stand, by model. Of what was accepted none are kept.
FOREIGN: dict[type[Model], tuple[str, ...]] = {
    Alert: ("words",),
    DeliveryAttempt: ("answer",),
    Destination: ("last_error", "plain_answer"),
    Statement: ("answer",),
}
WITH_WORDS = (State.OUTDATED, State.WAITING, State.SENDING, State.PARKED, State.DISCARDED)
AT_ONCE = 500
# What the admin's log calls a row that is gone.
GONE = "(erased)"


def clear(user_id: int) -> int:
    """Mask a learner in every text of Percipio's; the number of texts. To be called while the statements are there."""
    rows = LearnerCourse.objects.filter(user_id=user_id)
    site_ids, pks = set(rows.values_list("site_id", flat=True)), list(rows.values_list("pk", flat=True))
    known = personal({*_sent(pks), *edx_platform.names_of(user_id)})
    destinations = list(Destination.objects.filter(site_id__in=site_ids).values_list("pk", flat=True))
    _clear_log(pks)
    if not destinations or not known:
        return 0
    texts: list[QuerySet[Model]] = [
        Alert.objects.all(),
        DeliveryAttempt.objects.filter(destination__in=destinations),
        Destination.objects.filter(pk__in=destinations),
        Statement.objects.filter(destination__in=destinations, state__in=WITH_WORDS),
    ]
    return sum(_mask(of_one, column, known) for of_one in texts for column in FOREIGN[of_one.model])


def _sent(pks: Iterable[int]) -> Iterator[str]:
    """What the learner's statements and records call them."""
    bodies = Statement.objects.filter(learner_course_id__in=pks).values_list("body", "track")
    for body, track in bodies.iterator(AT_ONCE):
        yield from learner_of(bytes(body))
        yield from learner_of(bytes(track or b""))


def _mask(rows: QuerySet[Model], column: str, known: Personal) -> int:
    """Found by the database, which reads each text once, and masked one by one."""
    written = {form for term in known.terms for form in (term, term.upper(), term.capitalize())}
    meant = reduce(or_, (Q(**{f"{column}__icontains": term}) for term in sorted(written)))
    changed = last = 0
    while page := list(rows.filter(meant, pk__gt=last).order_by("pk").values_list("pk", column)[:AT_ONCE]):
        last = page[-1][0]
        for pk, text in page:
            if (masked := known.masked(text)) != text:
                changed += _write(rows.model, pk, column, text, masked)
    return changed


@persistently
def _write(model: type[Model], pk: int, column: str, text: str, masked: str) -> int:
    """Unless it says something else by now."""
    return model._default_manager.filter(pk=pk, **{column: text}).update(**{column: masked})


@persistently
def _clear_log(pks: list[int]) -> None:
    """The admin's log keeps that something was done, and no longer to whose row: a statement's id leads to the learner
    whoever knows the user ids (decision record 0006).
    """
    from django.contrib.admin.models import LogEntry

    statements = Statement.objects.filter(learner_course_id__in=pks).values_list("pk", flat=True)
    for model, gone in ((Statement, list(statements)), (LearnerCourse, pks)):
        entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
        for start in range(0, len(gone), AT_ONCE):
            named = entries.filter(object_id__in=[str(pk) for pk in gone[start : start + AT_ONCE]])
            named.update(object_id=None, object_repr=GONE)
