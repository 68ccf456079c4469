"""One report, frozen: the outbox and the archive in one row, with every arrow of its delivery state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.codes import Kind
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.fields import ForeignTextField
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.topic import StatementTopic


class State(models.TextChoices):
    """Where a statement is on its way.

    ::

        waiting --claim--> sending --accept--> delivered
           ^  ^               |  +----park----> parked --give up--> abandoned
           |  +----release----+                    |
           +---------------send again--------------+   (also from abandoned and delivered)

        kept: never sent, because the API in force has no form for it; served to whoever pulls. --send again--> waiting
        where the site says so, once it has changed the API.
    """

    WAITING = "waiting", "waiting"
    SENDING = "sending", "being sent"
    DELIVERED = "delivered", "delivered"
    PARKED = "parked", "parked"
    ABANDONED = "abandoned", "given up"
    KEPT = "kept", "kept"


OPEN_STATES = (State.WAITING, State.SENDING)
# No worker holds anything for longer: with the longest time-out it is half of that.
LONGEST_LEASE = timedelta(hours=1)


class StatementQuerySet(models.QuerySet["Statement"]):
    """Names that read like the domain, and the arrows of ``State``: with those of ``Held``, nothing else writes the
    delivery fields.

    The arrows work on whole sets, since rows are claimed and settled by the batch. Those that a lease holds are reached
    through ``held_by``: a worker whose lease ran out gives nothing back.
    """

    def open(self) -> StatementQuerySet:
        """Still on their way."""
        return self.filter(state__in=OPEN_STATES)

    def due(self, now: datetime) -> StatementQuerySet:
        """Waiting, and their time has come."""
        return self.filter(state=State.WAITING, due_at__lte=now)

    def heads_of_line(self) -> StatementQuerySet:
        """With no earlier open statement of the same learner and course (their order is kept, nobody else's).

        What is open was not settled: said so that the index leads past all that is (decision record 0011).
        """
        earlier = Statement.objects.filter(
            learner_course_id=models.OuterRef("learner_course_id"),
            settled_at__isnull=True,
            sequence__lt=models.OuterRef("sequence"),
            state__in=OPEN_STATES,
        )
        return self.filter(~models.Exists(earlier))

    def held_by(self, lease: UUID) -> StatementQuerySet:
        """Being sent under this very lease."""
        return self.filter(state=State.SENDING, lease=lease)

    def expired(self, now: datetime) -> StatementQuerySet:
        """Being sent by a worker that did not come back in time, or whose clock was ahead."""
        ended = models.Q(leased_until__lt=now) | models.Q(leased_until__gt=now + LONGEST_LEASE)
        return self.filter(ended, state=State.SENDING)

    def claim(self, lease: UUID, until: datetime) -> int:
        """waiting -> sending, for the holder of ``lease``, until then."""
        return self.filter(state=State.WAITING).update(
            state=State.SENDING, lease=lease, leased_until=until, attempts=models.F("attempts") + 1
        )

    def release(self, due_at: datetime, status: int | None, answer: str, **blame: Any) -> int:
        """sending -> waiting: not now, again at ``due_at``.

        Arguments:
            blame: new values of ``refusals`` and ``refused_after``, where it was refused.
        """
        return self.update(
            state=State.WAITING,
            lease=None,
            leased_until=None,
            due_at=due_at,
            status=status,
            answer=answer,
            **blame,
        )

    def put_back(self, **blame: Any) -> int:
        """sending -> waiting: it was not sent after all, so neither its time nor its count changes."""
        return self.update(
            state=State.WAITING, lease=None, leased_until=None, attempts=models.F("attempts") - 1, **blame
        )

    def bring_forward(self, at: datetime) -> int:
        """waiting -> waiting: it is due then, whatever was stored."""
        return self.filter(state=State.WAITING).update(due_at=at)

    def give_up(self, at: datetime, answer: str) -> int:
        """parked or waiting -> abandoned, by an operator's decision only."""
        chosen = self.filter(state__in=(State.PARKED, State.WAITING))
        return chosen.update(state=State.ABANDONED, settled_at=at, answer=answer)

    def send_again(self, at: datetime) -> int:
        """settled -> waiting; the id stays the same, and nothing is held against it any more.

        By an operator's decision, a reconciliation, a site's choice to send what was skipped, or because the
        destination turned out to refuse everything (``delivery.settle.reopen``).
        """
        settled = self.exclude(state__in=OPEN_STATES)
        return settled.update(
            state=State.WAITING,
            lease=None,
            leased_until=None,
            due_at=at,
            attempts=0,
            settled_at=None,
            refusals=None,
            refused_after=None,
        )


class Statement(models.Model):
    """A milestone as it was, or will be, reported. Immutable but for its delivery fields.

    ``body`` is the xAPI statement as it is sent (UTF-8 JSON, kept as bytes so that no character set of the database
    can change it), ``track`` the Track record of the same milestone. ``stored_at`` grows strictly within a site.

    ``refusals`` counts, by the kind of refusal, how often it failed alone while others were accepted. ``refused_after``
    is the destination's number of ``successes`` when a request that held it failed first, and it was not known whose
    fault that was: a greater one now says that others were accepted since (decision record 0016).

    .. pii: The statement names the learner (email or account, and name) and says what was achieved and when.
    .. pii_types: email_address, name, external_service, other
    .. pii_retirement: local_api
    """

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField(unique=True)
    learner_course = models.ForeignKey(LearnerCourse, on_delete=models.PROTECT, related_name="statements")
    sequence = models.PositiveIntegerField()
    site_id = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in Kind])
    value = models.CharField(max_length=40, default="", blank=True)
    registration = models.UUIDField()
    verb = models.CharField(max_length=100)
    actor_key = models.CharField(max_length=64)
    activity_key = models.CharField(max_length=64)
    # The index below serves it; a key of the database would want another.
    topic = models.ForeignKey(
        StatementTopic, on_delete=models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    happened_at = models.DateTimeField()
    stored_at = models.DateTimeField()
    voided_by = models.UUIDField(null=True, blank=True)
    body = models.BinaryField()
    track = models.BinaryField(null=True, blank=True)

    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="statements")
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = ForeignTextField(max_length=1000, default="", blank=True)
    refusals = models.JSONField(null=True, blank=True)
    refused_after = models.PositiveBigIntegerField(null=True, blank=True)

    objects = StatementQuerySet.as_manager()

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        ordering: ClassVar[list[str]] = ["id"]
        # What an operator may do beside seeing: each act has a permission of its own.
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("send_again_statement", _("Can send statements again")),
            ("give_up_statement", _("Can give statements up")),
            ("export_statement", _("Can export statements")),
            ("preview_statement", _("Can preview what would be reported")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["learner_course", "sequence"], name="percipio_st_order"),
            models.UniqueConstraint(fields=["site_id", "stored_at"], name="percipio_st_stored"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["destination", "state", "due_at", "id"], name="percipio_st_queue"),
            # A learner's open statements in a course, which are the few without a time of settling.
            models.Index(fields=["learner_course", "settled_at", "sequence"], name="percipio_st_open"),
            models.Index(fields=["state", "leased_until"], name="percipio_st_lease"),
            models.Index(fields=["site_id", "registration", "stored_at"], name="percipio_st_registration"),
            models.Index(fields=["site_id", "actor_key", "stored_at"], name="percipio_st_actor"),
            # Whoever pulls never meets the voided ones, however many they are.
            models.Index(fields=["site_id", "voided_by", "stored_at"], name="percipio_st_all"),
            models.Index(fields=["site_id", "voided_by", "verb", "stored_at", "topic"], name="percipio_st_verb"),
            models.Index(fields=["site_id", "voided_by", "topic", "stored_at"], name="percipio_st_topic"),
        ]

    def __str__(self) -> str:
        return f"statement {self.uuid}: {self.kind} {self.value} {self.state}"

    def __repr__(self) -> str:
        return f"<Statement {self.uuid} {self.kind} {self.state}>"


class Held:
    """Statements by their keys, as far as a lease holds them: the arrows that settle.

    A worker whose lease ran out settles nothing.
    """

    def __init__(self, pks: Sequence[int], lease: UUID) -> None:
        self._pks = pks
        self._lease = lease

    def accept(self, at: datetime, status: int | None, answer: str = "") -> int:
        """sending -> delivered: Percipio has it."""
        return self._settle(State.DELIVERED, at, status, answer)

    def park(self, at: datetime, status: int | None, answer: str, **blame: Any) -> int:
        """sending -> parked: Percipio refuses this content; a person has to look at it.

        Arguments:
            blame: new values of ``refusals``, where others were accepted, or of ``refused_after``, where there was
                nothing to compare it with.
        """
        return self._settle(State.PARKED, at, status, answer, **blame)

    def keep(self, at: datetime) -> int:
        """sending -> kept: the API in force has no form for it."""
        return self._settle(State.KEPT, at, None, "")

    def _settle(self, state: State, at: datetime, status: int | None, answer: str, **blame: Any) -> int:
        held = Statement.objects.filter(pk__in=self._pks).held_by(self._lease)
        return held.update(
            state=state, lease=None, leased_until=None, settled_at=at, status=status, answer=answer, **blame
        )
