"""One report, frozen: the outbox and the archive in one row, with every arrow of its delivery state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.enums import Kind
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.fields import ForeignTextField
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.pull import PullClient


class State(models.TextChoices):
    """Where a statement is on its way.

    ::

        waiting --claim--> sending --accept--> delivered
           ^  ^               |  +----park----> parked --give up--> discarded
           |  +----release----+                    |
           +---------------send again--------------+   (also from discarded and delivered)

        kept: never sent, because the API in force has no form for it; served to whoever pulls. --queue--> waiting
        where the site says so, once it has changed the API.

        outdated: what was refused, or never sent, and is to be built anew under its id before it leaves (decision
        record 0017). --rebuild--> waiting. *Send again* makes parked, given-up and kept statements so, unless Percipio
        or somebody who pulls may have them; a changed configuration or course answer makes waiting ones so.
    """

    OUTDATED = "outdated", "to be built anew"
    WAITING = "waiting", "waiting"
    SENDING = "sending", "being sent"
    DELIVERED = "delivered", "delivered"
    PARKED = "parked", "parked"
    DISCARDED = "discarded", "discarded"
    SKIPPED = "skipped", "skipped"


OPEN_STATES = (State.OUTDATED, State.WAITING, State.SENDING)
# The fingerprint of what is being sent while what shaped it changes: no configuration's, so that it is built anew
# should it wait again.
STALE = "stale"
# No worker holds anything for longer: with the longest time-out it is half of that.
LONGEST_LEASE = timedelta(hours=1)


CAN_BE_DISCARDED = (State.PARKED, State.WAITING, State.OUTDATED)
_AS_NEW: dict[str, Any] = {
    "lease": None,
    "leased_until": None,
    "attempts": 0,
    "settled_at": None,
    "refusals": None,
    "refused_after": None,
}


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

        What is open was not settled: said so that the index leads past all that is (decision record 0018).
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

    def release(
        self, due_at: datetime, status: int | None, answer: str, *, was_sent: bool = False, **blame: Any
    ) -> int:
        """sending -> waiting: not now, again at ``due_at``.

        Arguments:
            was_sent: it was sent, or may have been, and nobody knows what became of it.
            blame: new values of ``refusals`` and ``refused_after``, where it was refused.
        """
        if was_sent:
            blame["in_doubt"] = True
        return self.update(
            state=State.WAITING,
            lease=None,
            leased_until=None,
            due_at=due_at,
            status=status,
            answer=answer,
            **blame,
        )

    def doubt(self) -> int:
        """Percipio may have stored it: from now on its bytes and its destination stay."""
        return self.filter(in_doubt=False).update(in_doubt=True)

    def put_back(self, *, was_sent: bool = False, **blame: Any) -> int:
        """sending -> waiting: neither its time nor its count changes.

        Arguments:
            was_sent: it was sent, or may have been, and nobody knows what became of it.
        """
        if was_sent:
            blame["in_doubt"] = True
        return self.update(
            state=State.WAITING, lease=None, leased_until=None, attempts=models.F("attempts") - 1, **blame
        )

    def bring_forward(self, at: datetime) -> int:
        """waiting -> waiting, outdated -> outdated: it is due then, whatever was stored."""
        return self.filter(state__in=(State.WAITING, State.OUTDATED)).update(due_at=at)

    def discard(self, at: datetime, answer: str) -> int:
        """parked, waiting or outdated -> discarded, by an operator's decision only."""
        chosen = self.filter(state__in=CAN_BE_DISCARDED)
        return chosen.update(state=State.DISCARDED, settled_at=at, answer=answer)

    def queue(self, at: datetime) -> int:
        """settled -> waiting, byte for byte as it is; nothing is held against it any more.

        By a site's choice to send what was skipped, or because the destination turned out to refuse everything
        (``delivery.settle.reopen``).
        """
        return self.exclude(state__in=OPEN_STATES).update(state=State.WAITING, due_at=at, **_AS_NEW)

    def requeue(self, at: datetime) -> int:
        """settled -> waiting or outdated; the id stays the same, and nothing is held against it any more.

        By an operator's decision, or a reconciliation. What Percipio may have, or a pull client may have read, stays as
        it is; everything else is built anew, so that what was mended meanwhile counts.

        Returns:
            How many there are of both.
        """
        settled = self.exclude(state__in=OPEN_STATES)
        stays = models.Q(state=State.DELIVERED) | models.Q(in_doubt=True) | models.Q(site_id__in=PullClient.sites())
        queued = settled.filter(stays).update(state=State.WAITING, due_at=at, in_doubt=True, **_AS_NEW)
        # What the first UPDATE found is settled no more.
        return queued + settled.update(state=State.OUTDATED, due_at=at, **_AS_NEW)

    def shaped_otherwise(self, built_by: str) -> StatementQuerySet:
        """Waiting, built with another configuration than the one of this fingerprint, and nobody can have it yet.

        Where no fingerprint is stored there is nothing to compare.
        """
        return self.filter(state=State.WAITING, in_doubt=False).exclude(built_by__in=("", built_by))

    def outdate(self, at: datetime) -> int:
        """waiting -> outdated, unless somebody may have it; what is being sent is so when it waits again."""
        mine = self.filter(in_doubt=False)
        mine.filter(state=State.SENDING).update(built_by=STALE)
        return mine.filter(state=State.WAITING).update(state=State.OUTDATED, due_at=at, attempts=0)

    def put_off(self, due_at: datetime, reason: str) -> int:
        """outdated -> outdated: it cannot be built now; tried again at ``due_at``."""
        chosen = self.filter(state=State.OUTDATED)
        return chosen.update(due_at=due_at, answer=reason, attempts=models.F("attempts") + 1)

    def keep_as_it_is(self, at: datetime) -> int:
        """outdated -> waiting, byte for byte as it is: somebody may have read it meanwhile."""
        return self.filter(state=State.OUTDATED).update(state=State.WAITING, due_at=at, attempts=0, in_doubt=True)

    def rebuild(self, at: datetime, **made: Any) -> int:
        """outdated -> waiting, with new content under the same id.

        Arguments:
            made: the new content, and what shaped it.
        """
        return self.filter(state=State.OUTDATED).update(state=State.WAITING, due_at=at, **_AS_NEW, **made)


class Statement(models.Model):
    """A milestone as it was, or will be, reported. Immutable but for its delivery fields, once anybody may have it.

    ``body`` is the xAPI statement as it is sent (UTF-8 JSON, kept as bytes so that no character set of the database
    can change it), ``track`` the Track record of the same milestone. ``stored_at`` grows strictly within a site.

    ``refusals`` counts, by the kind of refusal, how often it failed alone while others were accepted. ``refused_after``
    is the destination's number of ``successes`` when a request that held it failed first, and it was not known whose
    fault that was: a greater one now says that others were accepted since (decision record 0016).

    ``in_doubt`` says that Percipio may have stored it, or somebody may have pulled it, though nothing confirms it: no
    answer, a doubtful one, a 5xx. ``built_by`` is the fingerprint of the configuration that shaped it
    (``Configuration.fingerprint``). What is not in doubt may be built anew (decision record 0017); of an outdated one
    ``attempts`` and ``answer`` say how often that could not be done, and why.

    .. pii: The statement names the learner (email or account, and name) and says what was achieved and when.
    .. pii_types: email_address, name, external_service, other
    .. pii_retirement: local_api
    """

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField(unique=True)
    learner_course = models.ForeignKey(LearnerCourse, on_delete=models.PROTECT, related_name="statements")
    sequence = models.PositiveIntegerField()
    # The learner's course run once more, so that an index holds the newest of each.
    course_key = models.CharField(max_length=255)
    site_id = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in Kind])
    value = models.CharField(max_length=40, default="", blank=True)
    registration = models.UUIDField()
    verb = models.CharField(max_length=100)
    actor_key = models.CharField(max_length=64)
    # What it is found by but for the learner: see ``TopicTerm``.
    topic = models.UUIDField()
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
    in_doubt = models.BooleanField(default=False)
    built_by = models.CharField(max_length=16, default="", blank=True)

    objects = StatementQuerySet.as_manager()

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        ordering: ClassVar[list[str]] = ["id"]
        # What an operator may do beside seeing: each act has a permission of its own.
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("requeue_statement", _("Can send statements again")),
            ("discard_statement", _("Can give statements up")),
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
            models.Index(fields=["site_id", "voided_by", "verb", "stored_at"], name="percipio_st_verb"),
            models.Index(fields=["site_id", "voided_by", "topic", "stored_at"], name="percipio_st_topic"),
            models.Index(fields=["course_key", "id"], name="percipio_st_course"),
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
        return self._settle(State.SKIPPED, at, None, "")

    def _settle(self, state: State, at: datetime, status: int | None, answer: str, **blame: Any) -> int:
        held = Statement.objects.filter(pk__in=self._pks).held_by(self._lease)
        return held.update(
            state=state, lease=None, leased_until=None, settled_at=at, status=status, answer=answer, **blame
        )
