"""The values of a snapshot: an installation at one moment, as ``status`` reads it and ``diagnosis`` judges it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from percipio_openedx.config import Configuration
from percipio_openedx.enums import Pause
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.learner_course import ObservationFailure
from percipio_openedx.models.operations import Alert
from percipio_openedx.models.statement import OPEN_STATES, State
from percipio_openedx.operations.sites import InForce


@dataclass(slots=True)
class DestinationStatus:
    """One destination: its statements by state, when its oldest waiting one was stored, and whether that is late."""

    row: Destination
    counts: dict[str, int] = field(default_factory=dict)
    waiting_since: datetime | None = None
    is_late: bool = False

    @property
    def waiting(self) -> int:
        """Statements that are still on their way."""
        return sum(self.counts.get(state, 0) for state in OPEN_STATES)

    @property
    def parked(self) -> int:
        """Statements that Percipio refused."""
        return self.counts.get(State.PARKED, 0)

    @property
    def is_paused(self) -> bool:
        """Whether a person has to fix something. That its site was switched off lately is over with the next pass."""
        return self.row.paused_reason not in ("", Pause.NOT_CONFIGURED)


@dataclass(slots=True)
class SiteStatus:
    """One site: its name, what is in force there, and its destinations.

    ``is_chosen`` is whether somebody decided about it: the whole LMS, or this site's row, is switched off, or it has
    credentials. ``may_have_courses`` is whether a course can belong to it, if it has a configuration of its own.
    """

    site_id: int
    name: str
    in_force: InForce = None
    is_chosen: bool = True
    may_have_courses: bool = True
    destinations: list[DestinationStatus] = field(default_factory=list)

    @property
    def configuration(self) -> Configuration | None:
        """The configuration in force, if there is one and it is right."""
        return self.in_force if isinstance(self.in_force, Configuration) else None

    @property
    def mistake(self) -> PercipioConfigurationError | None:
        """The mistake in the configuration, if there is one."""
        return self.in_force if isinstance(self.in_force, PercipioConfigurationError) else None

    @property
    def waiting(self) -> int:
        """Statements that are still on their way."""
        return sum(one.waiting for one in self.destinations)

    @property
    def parked(self) -> int:
        """Statements that Percipio refused."""
        return sum(one.parked for one in self.destinations)

    @property
    def waiting_since(self) -> datetime | None:
        """When the oldest waiting statement was stored."""
        return min((one.waiting_since for one in self.destinations if one.waiting_since), default=None)


@dataclass(slots=True)
class Snapshot:
    """The installation at one moment.

    ``late_notice`` is when the oldest notice was written that waits for a worker, ``oldest_notice`` the oldest that is
    not held up by a course that fails. ``courses`` are the course runs that cannot be read, ``learners`` counts single
    ones by reason, ``not_rebuilt`` the statements that could not be built anew, ``future_times`` what a wrong clock
    stored, by what it is. ``charsets`` are tables that cannot hold every character.
    """

    at: datetime
    patience: timedelta
    is_on: bool = True
    sites: dict[int, SiteStatus] = field(default_factory=dict)
    oldest_notice: datetime | None = None
    late_notice: datetime | None = None
    courses: Sequence[ObservationFailure] = ()
    learners: dict[str, int] = field(default_factory=dict)
    not_rebuilt: dict[str, int] = field(default_factory=dict)
    future_times: dict[str, int] = field(default_factory=dict)
    charsets: Sequence[str] = ()
    open_erasures: int = 0
    alerts: Sequence[Alert] = ()

    @property
    def destinations(self) -> list[DestinationStatus]:
        """Every site's, in the order of the sites."""
        return [found for site in self.sites.values() for found in site.destinations]

    def reports(self) -> bool:
        """Return whether any site reports, or would but for a mistake."""
        return any(site.in_force is not None for site in self.sites.values())
