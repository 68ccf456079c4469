"""Compare the statements we believe Percipio has with those it returns, for millions of statements.

Percipio is read page by page, oldest first. Each page's ids are looked up in one query, and matches are marked in one
byte per row. Then our delivered rows are scanned in id order; those unmarked are missing at Percipio.

Which parts never change, and which an LRS may add or store differently (``stored``, ``authority``, ``version``,
activity definitions, time format): xAPI 1.0.3 Data 2.2. Voiding: Data 2.3.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from percipio_openedx import config
from percipio_openedx.config import Configuration
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.enums import Api
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.operations import ErasureRequest
from percipio_openedx.models.statement import State, Statement, StatementQuerySet

# Rows scanned or requeued at once.
AT_ONCE = 500
# Allowance for clock skew, and for the time between Percipio's storing and our settling.
OVERLAP = timedelta(hours=1)
CONFLICT = 409
IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")


class Difference(TextChoices):
    """How a statement differs. All are problems except *forgotten*, which was pruned here."""

    MISSING = "missing", _("missing there")
    UNKNOWN = "unknown", _("unknown here")
    DIFFERENT = "different", _("different there")
    FORGOTTEN = "forgotten", _("there, and pruned here")
    ERASED = "erased", _("erased here, still there")


@dataclass(frozen=True, slots=True)
class Found:
    """One difference: its kind, the statement, and ids to find it by. Nothing personal."""

    difference: Difference
    uuid: str
    kind: str
    detail: str = ""


@dataclass(slots=True)
class Tally:
    """The totals; ``read`` and ``checked`` count statements at Percipio and here."""

    read: int = 0
    checked: int = 0
    queued: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Difference, 0))

    @property
    def is_well(self) -> bool:
        """Return whether nothing needs fixing."""
        return not any(count for kind, count in self.counts.items() if kind != Difference.FORGOTTEN)


class Reconciliation:
    """One comparison for one site, or for one account of it.

    Arguments:
        configuration: the site's, or the account's; not for the Track API, which cannot be read.
        since: compare only what was stored there, and delivered from here, after this; None for all.
        grace: do not miss what was delivered within this time before the start.
        fix: requeue what is missing there, under its own id.
        on_read, on_checked: called with the number of statements of each page there and each chunk here.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        since: datetime | None = None,
        grace: timedelta = timedelta(minutes=5),
        fix: bool = False,
        on_read: Callable[[int], object] = int,
        on_checked: Callable[[int], object] = int,
    ) -> None:
        self._configuration, self._since, self._fix = configuration, since, fix
        self._until = timezone.now() - grace
        self._on_read, self._on_checked = on_read, on_checked
        # One byte per row from the first one: 1 once found there.
        ends = self._delivered().aggregate(first=Min("pk"), last=Max("pk"))
        self._first = ends["first"] or 0
        self._marks = bytearray((ends["last"] or 0) - self._first + 1)
        erased = ErasureRequest.objects.filter(site_id=configuration.site_id, account=configuration.account)
        registrations = erased.values_list("registrations")
        self._erased = frozenset(UUID(line) for (lines,) in registrations.iterator() for line in lines.split())
        self._forgets = config.retention_days() > 0
        self.tally = Tally()

    def believed(self) -> int:
        """Return how many statements Percipio should have."""
        return self._delivered().count()

    def run(self) -> Iterator[Found]:
        """Read, compare, and yield differences as they are found. Safe to abandon and repeat.

        Raises ``DeliveryError`` if a page could not be read; then nothing counts as missing.
        """
        # Oldest first: new statements come at the end and shift no page.
        parameters = {"ascending": "true"}
        if self._since is not None:
            parameters["since"] = (self._since - OVERLAP).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        # If all goes to one organization use its address, like the connection check; otherwise the partner's.
        site_id, account = self._configuration.place
        rows = Destination.objects.filter(site_id=site_id, account=account, is_catalog=False)
        names = set(rows.values_list("organization", flat=True))
        organization = names.pop() if len(names) == 1 else ""
        for page in PercipioClient(self._configuration).get_statements(parameters, organization):
            yield from self._compare(page)
            self.tally.read += len(page)
            self._on_read(len(page))
        yield from self._missing()

    def _found(self, difference: Difference, uuid: UUID, kind: str, detail: str) -> Found:
        self.tally.counts[difference] += 1
        return Found(difference, str(uuid), kind, detail)

    def _compare(self, page: Sequence[Mapping[str, Any]]) -> Iterator[Found]:
        theirs = {uuid: statement for statement in page if (uuid := _uuid(statement.get("id"))) is not None}
        rows = Statement.objects.filter(uuid__in=list(theirs)).values_list("pk", "uuid", "kind", "body")
        for pk, uuid, kind, body in rows:
            if 0 <= pk - self._first < len(self._marks):
                self._marks[pk - self._first] = 1
            different = differences(json.loads(bytes(body)), theirs.pop(uuid))
            if different:
                yield self._found(Difference.DIFFERENT, uuid, kind, ",".join(different))
        if theirs:
            yield from self._strangers(theirs)

    def _strangers(self, theirs: Mapping[UUID, Mapping[str, Any]]) -> Iterator[Found]:
        """Yield statements not stored here: pruned, of an erased learner, or not ours."""
        registrations = {
            uuid: _uuid(_mapping(statement.get("context")).get("registration")) for uuid, statement in theirs.items()
        }
        wanted = [one for one in registrations.values() if one is not None]
        known = set(LearnerCourse.objects.filter(registration__in=wanted).values_list("registration", flat=True))
        for uuid, statement in theirs.items():
            registration = registrations[uuid]
            difference = Difference.UNKNOWN
            if registration in self._erased:
                difference = Difference.ERASED
            elif registration in known and self._forgets:
                difference = Difference.FORGOTTEN
            kind = kind_of_verb(str(_mapping(statement.get("verb")).get("id") or ""))
            yield self._found(difference, uuid, kind, f"registration={registration or '-'}")

    def _delivered(self) -> StatementQuerySet:
        """Return what was delivered long enough ago; no LRS returns voided ones (xAPI 1.0.3 Communication 2.1.3)."""
        rows = Statement.objects.filter(
            site_id=self._configuration.site_id,
            # Statements sent with former credentials, or for another account, cannot be read with these.
            destination__account=self._configuration.account,
            destination__own_credentials=self._configuration.own_credentials,
            state=State.DELIVERED,
            voided_by__isnull=True,
            settled_at__lte=self._until,
        )
        if self._since is not None:
            # A 409 means that it was stored earlier, perhaps before ``since``.
            rows = rows.filter(settled_at__gte=self._since).exclude(status=CONFLICT)
        return rows

    def _missing(self) -> Iterator[Found]:
        by_track = _last_by_track(self._configuration.site_id)
        columns = ("pk", "uuid", "kind", "destination_id", "settled_at")
        rows = self._delivered().order_by("pk").values_list(*columns)
        last = self._first - 1
        while chunk := list(rows.filter(pk__gt=last, pk__lt=self._first + len(self._marks))[:AT_ONCE]):
            last = chunk[-1][0]
            missing = [
                (pk, uuid, kind)
                for pk, uuid, kind, destination, settled_at in chunk
                if not self._marks[pk - self._first]
                and (destination not in by_track or settled_at > by_track[destination])
            ]
            self.tally.checked += len(chunk)
            if self._fix and missing:
                lost = Statement.objects.filter(pk__in=[pk for pk, _, _ in missing], state=State.DELIVERED)
                self.tally.queued += lost.requeue(timezone.now())
            for pk, uuid, kind in missing:
                yield self._found(Difference.MISSING, uuid, kind, f"row={pk}")
            self._on_checked(len(chunk))


def _last_by_track(site_id: int) -> dict[int, datetime]:
    """Return when each destination last used the Track API: no statements can be read back before."""
    attempts = DeliveryAttempt.objects.filter(destination__site_id=site_id, api=Api.TRACK)
    rows = attempts.order_by().values_list("destination_id").annotate(Max("started_at"))
    # The answer came after the start; rows settled with it used the Track API, too.
    return {destination: at + timedelta(minutes=10) for destination, at in rows}


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the names of the parts that differ, without their values, which may be personal."""
    mine, other = _essence(ours), _essence(theirs)
    return [name for name in mine if mine[name] != other[name]]


def kind_of_verb(verb: str) -> str:
    """Return the last segment of a verb id, for a report: ``completed``."""
    return verb.rstrip("/").rpartition("/")[2][:40] or "-"


def _essence(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be equal: actor, verb, object, result, time and registration."""
    actor, target = _mapping(statement.get("actor")), _mapping(statement.get("object"))
    kind = str(target.get("objectType") or "Activity")
    return {
        # Only the identifier: a name may be stored differently (Data 2.4.2).
        "actor": next(((name, actor[name]) for name in IDENTIFIERS if name in actor), None),
        "verb": _mapping(statement.get("verb")).get("id"),
        "object": (kind, str(target.get("id")).lower() if kind == "StatementRef" else target.get("id")),
        "result": statement.get("result"),
        "registration": str(_mapping(statement.get("context")).get("registration") or "").lower(),
        "timestamp": _moment(statement.get("timestamp")),
    }


def _moment(text: Any) -> datetime | str:
    """Return a time in milliseconds, the precision an LRS must keep (Data 4.4); other text unchanged."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=aware.microsecond // 1000 * 1000)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
