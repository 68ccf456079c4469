"""The catalog: what operators decide of courses, and what Percipio holds, item by item, as far as it has said so."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import LONGEST_COURSE, LONGEST_ID
from percipio_openedx.enums import CatalogGap, Offer
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.fields import ExactCharField, ForeignTextField
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement, unleased

# Prefix of the key for all runs of a course.
ALL_RUNS = "course:"
AT_ONCE = 500
NAMESPACE = re.compile(r"^(?:course|ccx)-v1:")
# What a run's override takes from that for all runs of its course.
INHERITED = ("content_id", "offer", "title", "type", "duration", "tags", "author")


class CourseOverride(models.Model):
    """What an operator decided about a course: left out, offered to Percipio or withdrawn, and what is said of it.

    ``course_key`` is a course run's key (``course-v1:Org+Course+Run``), or ``course:Org+Course`` for all runs of a
    course. The run's own row decides whether it is reported; what it leaves empty is taken from the course's row.
    ``offer`` is one of ``enums.Offer``, ``duration`` in seconds, ``tags`` are separated by commas. A change makes the
    course's open statements outdated.

    .. no_pii: Course keys, and what the catalog says of courses; an author is whoever the course is by.
    """

    id = models.BigAutoField(primary_key=True)
    course_key = models.CharField(max_length=255, unique=True)
    is_reported = models.BooleanField(default=True)
    content_id = models.CharField(max_length=255, default="", blank=True)
    offer = models.CharField(max_length=12, default="", blank=True)
    title = models.CharField(max_length=255, default="", blank=True)
    type = models.CharField(max_length=64, default="", blank=True)
    duration = models.PositiveIntegerField(null=True, blank=True)
    tags = models.CharField(max_length=500, default="", blank=True)
    author = models.CharField(max_length=200, default="", blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("course override")
        verbose_name_plural = _("course overrides")
        ordering: ClassVar[list[str]] = ["course_key"]
        # The launch address finds courses by it.
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["content_id"], name="percipio_co_content")]

    def __str__(self) -> str:
        return self.course_key

    def clean(self) -> None:
        problems = {}
        if problem := _key_problem(self.course_key):
            problems["course_key"] = problem
        # A lone surrogate, which no database stores, is not printable either.
        for name in ("content_id", "title", "type", "tags", "author"):
            if not getattr(self, name).isprintable():
                problems[name] = _("has a line break or another control character")
        if self.offer not in tuple(Offer):
            problems["offer"] = _("must be offered, withdrawn or empty")
        if self.duration is not None and not 0 < self.duration <= LONGEST_COURSE:
            problems["duration"] = _("must be seconds, from 1 to %(most)s") % {"most": LONGEST_COURSE}
        if problems:
            raise ValidationError(problems)

    def over(self, general: CourseOverride | None) -> CourseOverride:
        """Return this run's override, unsaved, with what it leaves empty from that for all runs of its course."""
        if general is None:
            return self
        own = {name: getattr(self, name) for name in INHERITED}
        values = {name: getattr(general, name) if value in ("", None) else value for name, value in own.items()}
        return CourseOverride(course_key=self.course_key, is_reported=self.is_reported, **values)


@receiver([post_save, post_delete], sender=CourseOverride)
def _outdate(instance: CourseOverride, **_: Any) -> None:
    outdate([instance.course_key])


class OverrideBook:
    """The course overrides of some course runs, or of all, in one query."""

    def __init__(self, course_keys: Iterable[str] | None = None) -> None:
        rows = CourseOverride.objects.all()
        if course_keys is not None:
            keys = set(course_keys)
            rows = rows.filter(course_key__in=keys | {all_runs_of(key) for key in keys})
        self._rows = {row.course_key: row for row in rows}

    def of(self, course_key: str) -> CourseOverride | None:
        """Return what is decided for a course run, None if nothing is."""
        own, general = self._rows.get(course_key), self._rows.get(all_runs_of(course_key))
        return general if own is None else own.over(general)


def outdate(course_keys: Iterable[str]) -> None:
    """Have the open statements of these courses (keys as in ``CourseOverride``) rebuilt before they are sent."""
    runs = sorted(_runs(set(course_keys)))
    for start in range(0, len(runs), AT_ONCE):
        rows = Statement.objects.open().filter(
            learner_course__course_key__in=runs[start : start + AT_ONCE], settled_at__isnull=True, in_doubt=False
        )
        pks = list(rows.order_by().values_list("pk", flat=True))
        for first in range(0, len(pks), AT_ONCE):
            Statement.objects.filter(pk__in=pks[first : first + AT_ONCE]).outdate(timezone.now())


def _runs(course_keys: set[str]) -> set[str]:
    courses = {key for key in course_keys if key.startswith(ALL_RUNS)}
    if not courses:
        return course_keys
    known = LearnerCourse.objects.order_by().values_list("course_key", flat=True).distinct()
    return (course_keys - courses) | {key for key in known if all_runs_of(key) in courses}


def all_runs_of(course_key: str) -> str:
    """Return the key for all runs of a run's course. A run's key has ``+``, or ``/`` in its old form."""
    parts = NAMESPACE.sub("", course_key).replace("/", "+").split("+")
    return f"{ALL_RUNS}{'+'.join(parts[:2])}"


def _key_problem(key: str) -> str | Promise:
    if key.startswith(ALL_RUNS):
        org, plus, course = key.removeprefix(ALL_RUNS).partition("+")
        is_right = org and plus and course and "+" not in course and key.isprintable() and " " not in key
        return "" if is_right else _("must be course:Org+Course")
    try:
        parsed = CourseKey.from_string(key)
    except InvalidKeyError:
        parsed = None
    if parsed is None or not parsed.is_course or not parsed.run:
        return _("is no course; write course-v1:Org+Course+Run, or course:Org+Course for all runs")
    return "" if str(parsed) == key else _("must be written %(key)s") % {"key": parsed}


def stored_id(content_id: str) -> str:
    """Return what names an item in its row: its content id, or the beginning and a hash of one that is too long."""
    if len(content_id) <= LONGEST_ID:
        return content_id
    return f"{content_id[:500]}… {hashlib.sha256(content_id.encode()).hexdigest()[:16]}"


class EntryState(models.TextChoices):
    """Where an item of the catalog stands at one destination.

    *Waiting*: it is sent when it is due. *Held*: it lacks a mandatory field, or its content id is too long.
    *Delivered*: Percipio holds what is offered. *Refused*: Percipio refuses what is offered, and a person must look.
    *Withdrawn*: Percipio may hold it, and it is offered no more; only Skillsoft can remove it.
    """

    WAITING = "waiting", _("waiting")
    HELD = "held", _("held back")
    DELIVERED = "delivered", _("in Percipio")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", _("withdrawn")


class CatalogEntryQuerySet(models.QuerySet["CatalogEntry"]):
    """Entries by who may change them: a worker that sends one holds it by a lease."""

    def free(self, now: datetime) -> CatalogEntryQuerySet:
        return self.filter(unleased(now))

    def due(self, now: datetime) -> CatalogEntryQuerySet:
        """Select what is to be sent now, and no worker holds."""
        return self.free(now).filter(state=EntryState.WAITING, due_at__lte=now)

    def send_now(self, now: datetime) -> int:
        """Have items sent at the next pass, also refused ones, as an operator decided; return their number."""
        chosen = self.free(now).filter(state__in=(EntryState.WAITING, EntryState.REFUSED, EntryState.DELIVERED))
        return chosen.update(state=EntryState.WAITING, due_at=now, attempts=0, in_doubt=True, tried="")


class CatalogEntry(models.Model):
    """One item of the catalog at one destination (``Destination.is_catalog``), named by its content id.

    ``fingerprint`` is that of the document that Percipio accepted last (``sent_at``; both empty: it never did),
    ``tried`` that of the document sent last. ``in_doubt``: what was sent last may have been stored without an answer,
    so that what Percipio holds has to be sent again. ``attempts`` counts failures in a row, ``status`` and ``answer``
    are Percipio's last ones. ``wanted_since`` is since when Percipio does not hold what is offered, None while it does.
    ``gaps`` is what a held item lacks (``CatalogGap``), where it was compared in this process; not stored.

    .. no_pii: What a catalog says of courses; ``answer`` is Percipio's message, redacted.
    """

    gaps: tuple[CatalogGap, ...] = ()

    id = models.BigAutoField(primary_key=True)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="entries")
    content_id = ExactCharField(max_length=LONGEST_ID)
    title = ForeignTextField(max_length=255, default="", blank=True)
    state = models.CharField(max_length=12, choices=EntryState.choices, default=EntryState.WAITING)
    fingerprint = models.CharField(max_length=16, default="", blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    wanted_since = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField()
    tried = models.CharField(max_length=16, default="", blank=True)
    in_doubt = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = ForeignTextField(max_length=1000, default="", blank=True)
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)

    objects = CatalogEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("catalog entry")
        verbose_name_plural = _("catalog entries")
        ordering: ClassVar[list[str]] = ["destination_id", "content_id"]
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("send_catalogentry", _("Can send items of the catalog at once")),
            ("tick_off_catalogentry", _("Can tick off items that Skillsoft has removed")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["destination", "content_id"], name="percipio_ce_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["destination", "state", "due_at"], name="percipio_ce_queue"),
        ]

    def __str__(self) -> str:
        return f"catalog entry {self.content_id}: {self.state}"
