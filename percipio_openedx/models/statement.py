"""One statement, frozen: outbox and archive in one row, with every transition of its delivery state."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.enums import Kind
from percipio_openedx.models.destination import Destination, PullClient
from percipio_openedx.models.fields import ForeignTextField
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.statements.vocabulary import LONGEST_VERB


class State(models.TextChoices):
    """Where a statement stands; ``StatementQuerySet`` has the arrows, and docs/architecture.md (*Rows*) draws them.

    *Outdated*: refused or never sent, and to be rebuilt under its id before it is sent (decision record 0017), which a
    learner of another account by now prevents. *Skipped*: never sent, because the API in force has no form for it.
    """

    OUTDATED = "outdated", "to be rebuilt"
    WAITING = "waiting", "waiting"
    SENDING = "sending", "being sent"
    DELIVERED = "delivered", "delivered"
    PARKED = "parked", "parked"
    DISCARDED = "discarded", "discarded"
    SKIPPED = "skipped", "skipped"


OPEN_STATES = (State.OUTDATED, State.WAITING, State.SENDING)
CAN_BE_MOVED = (State.OUTDATED, State.WAITING, State.PARKED, State.DISCARDED, State.SKIPPED)
CAN_BE_DISCARDED = (State.PARKED, State.WAITING, State.OUTDATED)
# Marks a statement in flight whose course override or configuration changes: never a fingerprint, so it is rebuilt if
# it returns to waiting.
STALE = "stale"
# No lease lasts longer: twice what the longest time-out allows.
LONGEST_LEASE = timedelta(hours=1)

_NO_LEASE: dict[str, Any] = {"lease": None, "leased_until": None}
_AS_NEW: dict[str, Any] = {**_NO_LEASE, "attempts": 0, "settled_at": None, "refusals": None, "refused_after": None}
_AS_NEW["awaits_item"] = False


def unleased(now: datetime) -> models.Q:
    """Match the rows that nobody holds; a lease that is too long was taken with a wrong clock."""
    return models.Q(leased_until=None) | models.Q(leased_until__lt=now) | models.Q(leased_until__gt=now + LONGEST_LEASE)


def _may_be_read() -> models.Q:
    """Return the condition for what a pull client may have."""
    return models.Q(destination_id__in=PullClient.destinations())


class StatementQuerySet(models.QuerySet["Statement"]):
    """The transitions of ``State``: nothing else writes the delivery fields.

    They work on sets and return how many rows changed. Workers select with ``held_by``, so that an expired lease
    changes nothing. ``blame`` are new values of ``refusals`` and ``refused_after``; ``was_sent``: Percipio may have the
    statement.
    """

    def open(self) -> StatementQuerySet:
        return self.filter(state__in=OPEN_STATES)

    def due(self, now: datetime) -> StatementQuerySet:
        return self.filter(state=State.WAITING, due_at__lte=now)

    def heads_of_line(self) -> StatementQuerySet:
        """Select what has no earlier open statement of the same learner and course.

        ``settled_at`` is NULL in all open rows: named so that the index skips the rest (decision record 0018).
        """
        earlier = Statement.objects.filter(
            learner_course_id=models.OuterRef("learner_course_id"),
            settled_at__isnull=True,
            sequence__lt=models.OuterRef("sequence"),
            state__in=OPEN_STATES,
        )
        return self.filter(~models.Exists(earlier))

    def held_by(self, lease: UUID) -> StatementQuerySet:
        return self.filter(state=State.SENDING, lease=lease)

    def expired(self, now: datetime) -> StatementQuerySet:
        """Select what is in flight under an expired lease, or one from a wrong clock."""
        return self.filter(unleased(now), state=State.SENDING)

    def shaped_otherwise(self, built_by: str) -> StatementQuerySet:
        """Select what waits, was built with another configuration, and cannot have been received by anybody."""
        return self.filter(state=State.WAITING, in_doubt=False).exclude(built_by__in=("", built_by))

    def claim(self, lease: UUID, until: datetime) -> int:
        """Lease rows (waiting -> sending)."""
        return self.filter(state=State.WAITING).update(
            state=State.SENDING,
            lease=lease,
            leased_until=until,
            attempts=models.F("attempts") + 1,
            awaits_item=False,
        )

    def accept(self, at: datetime, status: int | None, answer: str = "") -> int:
        """Settle (sending -> delivered): Percipio has it."""
        return self._settle(State.DELIVERED, at, status, answer)

    def park(self, at: datetime, status: int | None, answer: str, **blame: Any) -> int:
        """Settle as a dead letter (sending -> parked): Percipio refuses this content, and a person must look."""
        return self._settle(State.PARKED, at, status, answer, **blame)

    def skip(self, at: datetime) -> int:
        """Settle (sending -> skipped): the API in force has no form for it."""
        return self._settle(State.SKIPPED, at, None, "")

    def _settle(self, state: State, at: datetime, status: int | None, answer: str, **blame: Any) -> int:
        mine = self.filter(state=State.SENDING)
        return mine.update(state=state, settled_at=at, status=status, answer=answer, **_NO_LEASE, **blame)

    def retry_later(
        self, due_at: datetime, status: int | None, answer: str, *, was_sent: bool = False, **blame: Any
    ) -> int:
        """Defer (sending -> waiting) until ``due_at``."""
        if was_sent:
            blame["in_doubt"] = True
        return self.update(state=State.WAITING, due_at=due_at, status=status, answer=answer, **_NO_LEASE, **blame)

    def release(self, *, was_sent: bool = False, **blame: Any) -> int:
        """Release rows (sending -> waiting), due time and attempts unchanged."""
        if was_sent:
            blame["in_doubt"] = True
        return self.update(state=State.WAITING, attempts=models.F("attempts") - 1, **_NO_LEASE, **blame)

    def doubt(self) -> int:
        """Note that Percipio may have stored it: its bytes and its destination stay from now on."""
        return self.filter(in_doubt=False).update(in_doubt=True)

    def bring_forward(self, at: datetime) -> int:
        """Make waiting and outdated rows due at ``at``."""
        return self.filter(state__in=(State.WAITING, State.OUTDATED)).update(due_at=at, awaits_item=False)

    def await_item(self, due_at: Any) -> int:
        """Put off until ``due_at``, since Percipio has not accepted the course's item yet (waiting -> waiting)."""
        return self.filter(state=State.WAITING).update(due_at=due_at, awaits_item=True)

    def discard(self, at: datetime, answer: str) -> int:
        """Abandon what is parked, waiting or outdated, by an operator's decision only."""
        return self.filter(state__in=CAN_BE_DISCARDED).update(state=State.DISCARDED, settled_at=at, answer=answer)

    def queue(self, at: datetime) -> int:
        """Send what is settled (settled -> waiting), byte for byte as it is."""
        return self.exclude(state__in=OPEN_STATES).update(state=State.WAITING, due_at=at, **_AS_NEW)

    def requeue(self, at: datetime) -> int:
        """Requeue what is settled (settled -> waiting or outdated), for an operator or a reconciliation.

        What Percipio or a pull client may have stays as it is; the rest is rebuilt under its id, so that fixes count.
        """
        settled = self.exclude(state__in=OPEN_STATES)
        stays = models.Q(state=State.DELIVERED) | models.Q(in_doubt=True) | _may_be_read()
        queued = settled.filter(stays).update(state=State.WAITING, due_at=at, in_doubt=True, **_AS_NEW)
        # Rows of the first UPDATE are no longer settled.
        return queued + settled.update(state=State.OUTDATED, due_at=at, **_AS_NEW)

    def outdate(self, at: datetime) -> int:
        """Have it rebuilt (waiting -> outdated) unless anybody may have it; statements in flight follow later."""
        mine = self.filter(in_doubt=False)
        mine.filter(state=State.SENDING).update(built_by=STALE)
        return mine.filter(state=State.WAITING).update(state=State.OUTDATED, due_at=at, attempts=0)

    def leave_account(self, at: datetime) -> int:
        """Outdate what may not leave, since its learner is another account's now, or nobody's whom the site means."""
        self.filter(state=State.SKIPPED, in_doubt=False).update(built_by=STALE)
        return self.open().outdate(at)

    def can_move(self) -> StatementQuerySet:
        """Select what nobody can have received, so that it may go to another account than it was made for."""
        return self.filter(state__in=CAN_BE_MOVED, in_doubt=False).exclude(_may_be_read())

    def move(self, at: datetime) -> int:
        """Have it built anew for the account that is its learner's now (-> outdated), as an operator decided."""
        return self.can_move().update(state=State.OUTDATED, due_at=at, may_move=True, **_AS_NEW)

    def put_off(self, due_at: datetime, reason: str) -> int:
        """Defer its rebuild until ``due_at`` (outdated -> outdated)."""
        chosen = self.filter(state=State.OUTDATED)
        return chosen.update(due_at=due_at, answer=reason, attempts=models.F("attempts") + 1)

    def keep_as_it_is(self, at: datetime) -> int:
        """Send it byte for byte as it is (outdated -> waiting): a pull client may have read it meanwhile."""
        return self.filter(state=State.OUTDATED).update(
            state=State.WAITING, due_at=at, attempts=0, in_doubt=True, may_move=False
        )

    def rebuild(self, at: datetime, **made: Any) -> int:
        """Replace its content with ``made`` under the same id (outdated -> waiting)."""
        return self.filter(state=State.OUTDATED).update(
            state=State.WAITING, due_at=at, may_move=False, **_AS_NEW, **made
        )


class Statement(models.Model):
    """A milestone as it was, or will be, reported. Immutable but for its delivery fields, once anybody may have it.

    ``body`` is the xAPI statement as sent (UTF-8 JSON, in bytes so that no database character set changes it),
    ``track`` the Track record of the same milestone. ``stored_at`` increases strictly within a site.

    ``refusals`` counts, by kind of refusal, how often it failed alone while others were accepted. ``refused_after`` is
    the destination's ``successes`` when a request that held it first failed without a known culprit: a greater number
    now means that others were accepted since (decision record 0016).

    ``in_doubt``: Percipio may have stored it, or a pull client read it, without confirmation. What is not in doubt may
    be rebuilt (decision record 0017); of an outdated row ``attempts`` and ``answer`` say how often and why that failed.
    ``built_by`` is the fingerprint of the configuration that shaped it. ``may_move``: an operator decided that it is
    rebuilt for the account that is its learner's now, which it otherwise never is. ``awaits_item``: it was put off
    until Percipio has accepted its course's item of the catalog, or until ``due_at``.

    .. pii: The statement names the learner (email or account, and name) and says what was achieved and when.
    .. pii_types: email_address, name, external_service, other
    .. pii_retirement: local_api
    """

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField(unique=True)
    learner_course = models.ForeignKey(LearnerCourse, on_delete=models.PROTECT, related_name="statements")
    sequence = models.PositiveIntegerField()
    # Repeats the learner's course run so that an index holds the newest of each.
    course_key = models.CharField(max_length=255)
    site_id = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in Kind])
    value = models.CharField(max_length=40, default="", blank=True)
    registration = models.UUIDField()
    verb = models.CharField(max_length=LONGEST_VERB)
    actor_key = models.CharField(max_length=64)
    # What it is found by apart from the learner: see ``TopicTerm``.
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
    may_move = models.BooleanField(default=False)
    awaits_item = models.BooleanField(default=False)

    objects = StatementQuerySet.as_manager()

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        ordering: ClassVar[list[str]] = ["id"]
        # Operators' actions, each with a permission of its own.
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("requeue_statement", _("Can requeue statements")),
            ("discard_statement", _("Can discard statements")),
            ("move_statement", _("Can move statements to their learners' accounts")),
            ("export_statement", _("Can export statements")),
            ("preview_statement", _("Can preview what would be reported")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["learner_course", "sequence"], name="percipio_st_order"),
            models.UniqueConstraint(fields=["site_id", "stored_at"], name="percipio_st_stored"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["destination", "state", "due_at", "id"], name="percipio_st_queue"),
            # A learner's open statements in a course: the few without ``settled_at``.
            models.Index(fields=["learner_course", "settled_at", "sequence"], name="percipio_st_open"),
            models.Index(fields=["state", "leased_until"], name="percipio_st_lease"),
            models.Index(fields=["site_id", "registration", "stored_at"], name="percipio_st_registration"),
            models.Index(fields=["site_id", "actor_key", "stored_at"], name="percipio_st_actor"),
            # Pull clients never scan voided statements, however many there are.
            models.Index(fields=["site_id", "voided_by", "stored_at"], name="percipio_st_all"),
            models.Index(fields=["site_id", "voided_by", "verb", "stored_at"], name="percipio_st_verb"),
            models.Index(fields=["site_id", "voided_by", "topic", "stored_at"], name="percipio_st_topic"),
            models.Index(fields=["course_key", "id"], name="percipio_st_course"),
        ]

    def __str__(self) -> str:
        return f"statement {self.uuid}: {self.kind} {self.value} {self.state}"

    def __repr__(self) -> str:
        return f"<Statement {self.uuid} {self.kind} {self.state}>"


class StatementLedger(models.Model):
    """When the newest statement of a site was stored.

    Its row is locked while statements are inserted, so that ``stored_at`` increases in commit order: a client that
    polls by ``since`` misses none that a slower writer committed later. Learners' requests never touch it.

    .. no_pii: One time for each site.
    """

    site_id = models.PositiveIntegerField(primary_key=True)
    last_stored_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"site={self.site_id} last_stored_at={self.last_stored_at:%Y-%m-%dT%H:%M:%SZ}"


class TopicTerm(models.Model):
    """One term (``statements.ids.terms_of``) that the statements of a topic are found by.

    A topic is what a statement says apart from its learner: all *completed* statements of one course share it. A query
    by anything but the learner is answered from this small table first, then reads each topic's statements in storing
    order (``Statement.topic``).

    .. no_pii: Hashes of verbs, activities and instructors.
    """

    id = models.BigAutoField(primary_key=True)
    site_id = models.PositiveIntegerField()
    topic = models.UUIDField()
    term = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site_id", "topic", "term"], name="percipio_term_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["site_id", "term", "topic"], name="percipio_term_topics"),
        ]

    def __str__(self) -> str:
        return f"term {self.pk} topic={self.topic}"
