"""What we believe Percipio has against what it says, for millions of statements in constant memory.

Percipio is read page by page and oldest first. Each page's ids are looked up here in one query; what was found is
marked in a bit a row. Then our own delivered rows are gone through in the order of their ids, and those without a mark
are missing there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.config import Configuration
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.enums import Api
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.operations import ErasureRequest
from percipio_openedx.models.statement import State, Statement, StatementQuerySet
from percipio_openedx.operations.comparison import differences, kind_of_verb
from percipio_openedx.operations.marks import Marks

# Rows gone through, or sent again, at once.
AT_ONCE = 500
# Percipio's clock and ours, and the time from its storing to our settling, may differ by this much.
OVERLAP = timedelta(hours=1)
CONFLICT = 409

Step = Callable[[int], object]


class Difference(StrEnum):
    """How a statement differs. *Forgotten* and *erased* explain themselves; the others are trouble."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    DIFFERENT = "different"
    FORGOTTEN = "forgotten"
    ERASED = "erased"


TROUBLE = (Difference.MISSING, Difference.UNKNOWN, Difference.DIFFERENT, Difference.ERASED)


@dataclass(frozen=True, slots=True)
class Found:
    """One difference: how, which statement, and ids to find it by. Nothing personal."""

    difference: Difference
    uuid: str
    kind: str
    detail: str = ""


@dataclass(slots=True)
class Tally:
    """How a reconciliation went; ``read`` and ``checked`` count statements there and here."""

    read: int = 0
    checked: int = 0
    queued: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Difference, 0))

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be done."""
        return not any(self.counts[kind] for kind in TROUBLE)


def can_read(configuration: Configuration) -> bool:
    """Whether there is anything to read: the Track API has no reading."""
    return configuration.api is Api.STATEMENTS


class Reconciliation:
    """One comparison of one site.

    Arguments:
        configuration: the site's.
        since: only what was stored there, and delivered from here, after this; None for all.
        grace: what was delivered within this time before the start is not missed yet.
        fix: queue what is missing there, to be sent again under its own id.
        on_read: called with the number of statements of each page.
        on_checked: called with the number of rows of each chunk.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        since: datetime | None = None,
        grace: timedelta = timedelta(minutes=5),
        fix: bool = False,
        on_read: Step = int,
        on_checked: Step = int,
    ) -> None:
        self._configuration = configuration
        self._since = since
        self._until = timezone.now() - grace
        self._fix = fix
        self._on_read, self._on_checked = on_read, on_checked
        self._marks = Marks()
        self._erased = _erased(configuration.site_id)
        self._forgets = config.retention_days() > 0
        self.tally = Tally()

    def believed(self) -> int:
        """How many statements Percipio should have."""
        return self._delivered().count()

    def run(self) -> Iterator[Found]:
        """Read, compare, and yield the differences as they are found. May be left at any time and begun again.

        Raises:
            DeliveryError: a page could not be read; nothing is taken for missing then.
        """
        for page in PercipioClient(self._configuration).get_statements(self._parameters(), self._organization()):
            yield from self._noted(self._compared(page))
            self.tally.read += len(page)
            self._on_read(len(page))
        yield from self._noted(self._missing())

    def _parameters(self) -> dict[str, str]:
        # Oldest first: what arrives meanwhile comes at the end and moves no page.
        parameters = {"ascending": "true"}
        if self._since is not None:
            parameters["since"] = (self._since - OVERLAP).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return parameters

    def _organization(self) -> str:
        """The organization's address where all goes to one, as the connection test does; else the partner's."""
        rows = Destination.objects.filter(site_id=self._configuration.site_id)
        names = set(rows.values_list("organization", flat=True))
        return names.pop() if len(names) == 1 else ""

    def _noted(self, found: Iterable[Found]) -> Iterator[Found]:
        for one in found:
            self.tally.counts[one.difference] += 1
            yield one

    # --- what it says ----------------------------------------------------------------------------------------------

    def _compared(self, page: Sequence[Mapping[str, Any]]) -> Iterator[Found]:
        theirs = {uuid: statement for statement in page if (uuid := _uuid(statement.get("id"))) is not None}
        rows = Statement.objects.filter(uuid__in=list(theirs)).values_list("pk", "uuid", "kind", "body")
        for pk, uuid, kind, body in rows:
            self._marks.add(pk)
            different = differences(json.loads(bytes(body)), theirs.pop(uuid))
            if different:
                yield Found(Difference.DIFFERENT, str(uuid), kind, ",".join(different))
        if theirs:
            yield from self._strangers(theirs)

    def _strangers(self, theirs: Mapping[UUID, Mapping[str, Any]]) -> Iterator[Found]:
        """What is not kept here: pruned on purpose, of a learner who was erased, or not ours."""
        registrations = {uuid: _registration(statement) for uuid, statement in theirs.items()}
        wanted = [one for one in registrations.values() if one is not None]
        known = set(LearnerCourse.objects.filter(registration__in=wanted).values_list("registration", flat=True))
        for uuid, statement in theirs.items():
            registration = registrations[uuid]
            if registration in self._erased:
                difference = Difference.ERASED
            elif registration in known and self._forgets:
                difference = Difference.FORGOTTEN
            else:
                difference = Difference.UNKNOWN
            verb = statement.get("verb")
            kind = kind_of_verb(str(verb.get("id") or "")) if isinstance(verb, Mapping) else ""
            yield Found(difference, str(uuid), kind, f"registration={registration or '-'}")

    # --- what we believe -------------------------------------------------------------------------------------------

    def _delivered(self) -> StatementQuerySet:
        """Delivered long enough ago. Voided statements are not handed out (xAPI 1.0.3 Communication 2.1.3)."""
        rows = Statement.objects.filter(
            site_id=self._configuration.site_id,
            # What was delivered with credentials that are gone cannot be read with others.
            destination__own_credentials=self._configuration.own_credentials,
            state=State.DELIVERED,
            voided_by__isnull=True,
            settled_at__lte=self._until,
        )
        if self._since is not None:
            # "Known already" says that it was stored there earlier, perhaps before the time that is asked about.
            rows = rows.filter(settled_at__gte=self._since).exclude(status=CONFLICT)
        return rows

    def _missing(self) -> Iterator[Found]:
        by_track = _last_by_track(self._configuration.site_id)
        last = 0
        while True:
            columns = ("pk", "uuid", "kind", "destination_id", "settled_at")
            chunk = list(self._delivered().filter(pk__gt=last).order_by("pk").values_list(*columns)[:AT_ONCE])
            if not chunk:
                return
            last = chunk[-1][0]
            missing = [
                (pk, uuid, kind)
                for pk, uuid, kind, destination, settled_at in chunk
                if pk not in self._marks and (destination not in by_track or settled_at > by_track[destination])
            ]
            self.tally.checked += len(chunk)
            if self._fix and missing:
                rows = Statement.objects.filter(pk__in=[pk for pk, _, _ in missing], state=State.DELIVERED)
                self.tally.queued += rows.requeue(timezone.now())
            for pk, uuid, kind in missing:
                yield Found(Difference.MISSING, str(uuid), kind, f"row={pk}")
            self._on_checked(len(chunk))


def _last_by_track(site_id: int) -> dict[int, datetime]:
    """Until when each destination was reported to by the Track API, whose records are no statements to read back."""
    attempts = DeliveryAttempt.objects.filter(destination__site_id=site_id, api=Api.TRACK)
    rows = attempts.order_by().values_list("destination_id").annotate(Max("started_at"))
    # The answer came after the start; what was settled with it is by Track, too.
    return {destination: at + timedelta(minutes=10) for destination, at in rows}


def _erased(site_id: int) -> frozenset[UUID]:
    """Whose statements Percipio has been, or is to be, asked to erase."""
    rows = ErasureRequest.objects.filter(site_id=site_id).values_list("registrations", flat=True)
    return frozenset(UUID(line) for row in rows.iterator() for line in row.split())


def _registration(statement: Mapping[str, Any]) -> UUID | None:
    context = statement.get("context")
    return _uuid(context.get("registration")) if isinstance(context, Mapping) else None


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
