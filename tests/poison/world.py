"""A class of some dozens of learners in ten course runs of three sites, two of which have accounts; what arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple
from unittest import mock

import time_machine
from completion.models import BlockCompletion
from django.apps import apps
from django.contrib.sites.models import Site
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey
from social_django.models import UserSocialAuth

from demo.learning import faults
from percipio_openedx import config
from percipio_openedx.capture import wake
from percipio_openedx.delivery import tokens
from percipio_openedx.models import (
    Account,
    Destination,
    LearnerCourse,
    Notice,
    ObservationFailure,
    Statement,
)
from percipio_openedx.models.learner_course import WHOLE_COURSE, Part, registration_for
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts
from percipio_openedx.operations.run import Pass, run_pass
from tests.integration.builders import a_course, a_learner, a_site, block, enrolled
from tests.integration.test_reporting import grade
from tests.poison.percipio import SECOND_TOKEN, Percipio, registration

# So that a statement of SQL that holds one of these numbers is about this learner, or this destination.
FIRST_LEARNER = 7_000_001
FIRST_DESTINATION = 9_000_001
ORGANIZATIONS = ("acme", "globex")


class Pair(NamedTuple):
    """A learner in a course run."""

    user_id: int
    course_key: str


@dataclass(frozen=True)
class Place:
    """Where statements go: the organization of a site's courses, and the site's account; none for the settings'.

    ``rule`` is the account's, and ``customer`` what the links of its learners say, empty for those of everybody.
    """

    org: str
    account: str = ""
    rule: str = ""
    customer: str = ""

    @property
    def partner(self) -> str:
        """Under which name Percipio knows it."""
        return self.account or "acme"

    def is_of(self, pair: Pair) -> bool:
        """Whether a learner in a course run is reported there."""
        return self.org in pair.course_key and self.customer in ("", customer_of(pair.user_id))


CUSTOMERS = ("east", "west")
# The first site reports by the settings, the second has two accounts in an order, the third has one.
PLACES = (
    Place("DemoX"),
    Place("CampusX", "east", "sso:customer=east", "east"),
    Place("CampusX", "west", "sso:customer=west", "west"),
    Place("HarborX", "dock", "sso:idp"),
)
ORGS = ("DemoX", "CampusX", "HarborX")
DESTINATIONS = len(PLACES) * len(ORGANIZATIONS)
# The account whose token endpoint can be poisoned.
WITH_TOKENS = PLACES[2]
PROGRESS = "calculate_progress_for_learner_in_course"

STARTED, PROGRESSED, PASSED = ["initialized"], ["initialized", "progressed"], ["initialized", "passed", "completed"]


@dataclass
class World:
    """The class, and what every pair is to be told as."""

    percipio: Percipio
    learners: dict[int, Any] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    expected: dict[Pair, list[str]] = field(default_factory=dict)
    registrations: dict[str, Pair] = field(default_factory=dict)
    sites: dict[str, int] = field(default_factory=dict)
    # How often the platform was asked for somebody's progress in the last pass.
    asked: Counter[Pair] = field(default_factory=Counter)
    clock: Any = None

    # --- building -----------------------------------------------------------------------------------------------------

    @classmethod
    def build(cls, percipio: Percipio, learners: int, courses: int) -> World:
        """Let the class learn, everybody in two courses: some have enrolled, some are half through, some have passed.

        Arguments:
            learners: how many there are.
            courses: how many of them; more than five.
        """
        world = cls(percipio)
        world.sites = {org: a_site(f"{org.lower()}.example", org).pk for org in ORGS[1:]}
        world.sites[ORGS[0]] = Site.objects.get_current().pk
        for position, place in enumerate(PLACES):
            if place.account:
                _add_account(world.sites[place.org], place, position, percipio)
        made = [a_course(f"course-v1:{ORGS[n % len(ORGS)]}+CS{n}+2026", units=2) for n in range(courses)]
        world.keys = [str(course) for course in made]
        for number in range(learners):
            learner = a_learner(f"learner{number}", id=FIRST_LEARNER + number)
            world.learners[learner.pk] = learner
            said = {"org": organization_of(learner.pk), "customer": customer_of(learner.pk)}
            UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=f"idp:{number}", extra_data=said)
            for turn in range(2):
                course = made[(number + turn * (1 + number // courses)) % courses]
                pair = Pair(learner.pk, str(course))
                world.expected[pair] = (STARTED, PROGRESSED, PASSED)[(number + turn) % 3]
                _learn(learner, course, world.expected[pair])
        root = config.lms_root()
        world.registrations = {str(registration_for(root, *pair)): pair for pair in world.expected}
        return world

    def renew(self) -> None:
        """Nothing has been looked at, nothing sent, nothing noticed."""
        _empty()
        self.percipio.reset()
        cache.clear()
        tokens._memory.clear()
        alerts.forget()
        wake._warned_at.clear()
        for number in range(DESTINATIONS):
            place = PLACES[number // len(ORGANIZATIONS)]
            Destination.objects.create(
                pk=FIRST_DESTINATION + number,
                site_id=self.sites[place.org],
                account=place.account,
                organization=ORGANIZATIONS[number % len(ORGANIZATIONS)],
                own_credentials=bool(place.account),
            )

    def notice(self, pairs: Iterable[Pair]) -> None:
        """Say that somebody should look."""
        at = timezone.now() - timedelta(minutes=1)
        Notice.objects.bulk_create(
            Notice(user_id=u, course_key=k, reason="enrollment", noticed_at=at) for u, k in pairs
        )

    def act(self, mark: str) -> None:
        """Let everybody do something in each of their courses, each in a transaction as a request has it."""
        for user_id, key in self.expected:
            with transaction.atomic():
                learner = self.learners[user_id]
                type(learner).objects.filter(pk=user_id).update(last_name=mark)
                enrolled(learner, CourseKey.from_string(key))

    # --- working ------------------------------------------------------------------------------------------------------

    @contextmanager
    def time(self) -> Iterator[None]:
        """A clock that stands still but where a pass moves it."""
        with time_machine.travel(timezone.now(), tick=False) as clock:
            self.clock = clock
            yield

    def work(self) -> Pass:
        """One pass; then it is the time that it asked for."""
        alerts.forget()
        self.asked.clear()
        with self._counting():
            done = run_pass()
        if done.next_at is not None:
            self.clock.shift(max(timedelta(seconds=1), done.next_at - timezone.now() + timedelta(milliseconds=1)))
        return done

    @contextmanager
    def _counting(self) -> Iterator[None]:
        strike = faults.strike

        def counting(function: str, course_key: Any = None, user_id: int | None = None) -> None:
            if function == PROGRESS and user_id is not None:
                self.asked[Pair(user_id, str(course_key))] += 1
            strike(function, course_key, user_id)

        with mock.patch.object(faults, "strike", counting):
            yield

    # --- seeing -------------------------------------------------------------------------------------------------------

    def reported(self) -> dict[Pair, list[str]]:
        """By pair, the verbs in the order of their arrival."""
        found: dict[Pair, list[str]] = {pair: [] for pair in self.expected}
        for statement, _ in self.percipio.stored.values():
            found[self.registrations[registration(statement)]].append(statement["verb"]["id"].rsplit("/", 1)[1])
        return found

    def misled(self, but: Collection[Pair] = ()) -> list[str]:
        """What arrived at somebody else's address, but for those whose values say where it has to go."""
        arrived = [(self.registrations[registration(one)], path) for one, path in self.percipio.stored.values()]
        return [
            f"a statement of {pair} went to {path}"
            for pair, path in arrived
            if pair not in but and self.place(pair) not in path
        ]

    def place(self, pair: Pair) -> str:
        """The part of the address that is the pair's own."""
        (partner,) = (place.partner for place in PLACES if place.is_of(pair))
        return f"/partners/{partner}/organizations/{organization_of(pair.user_id)}/statements"

    def pairs_of(self, user_id: int) -> frozenset[Pair]:
        """Everything that a learner takes."""
        return frozenset(pair for pair in self.expected if pair.user_id == user_id)

    def registration_of(self, pair: Pair) -> str:
        """By which Percipio knows them."""
        return next(text for text, one in self.registrations.items() if one == pair)

    def at(self, place: Place) -> frozenset[Pair]:
        """Who is reported there."""
        return frozenset(filter(place.is_of, self.expected))

    def at_destination(self, number: int) -> frozenset[Pair]:
        """Whose statements go to this one: the organizations of the first place, then those of the next."""
        place, organization = divmod(number, len(ORGANIZATIONS))
        at_place = self.at(PLACES[place])
        return frozenset(pair for pair in at_place if organization_of(pair.user_id) == ORGANIZATIONS[organization])

    def set_aside(self) -> set[Pair]:
        """Of whom something is kept that could not be observed, be it of them or of their course run."""
        found: set[Pair] = set()
        for user_id, key, part in ObservationFailure.objects.values_list("user_id", "course_key", "part"):
            found |= {
                pair
                for pair, verbs in self.expected.items()
                if pair.course_key == key
                and user_id in (WHOLE_COURSE, pair.user_id)
                and (part == Part.OBSERVATION or verbs == PROGRESSED)
            }
        return found

    def held(self) -> set[Pair]:
        """Who is held back with a reason."""
        rows = LearnerCourse.objects.exclude(hold_reason="").values_list("user_id", "course_key")
        return {Pair(*row) for row in rows} & set(self.expected)

    def answered(self) -> set[Pair]:
        """Of whom a statement is parked, or waits, with the answer that Percipio gave."""
        rows = Statement.objects.filter(state__in=(State.PARKED, State.WAITING)).exclude(answer="")
        return {Pair(*row) for row in rows.values_list("learner_course__user_id", "learner_course__course_key")}

    def at_failing_destinations(self) -> set[Pair]:
        """Of whom something waits for a destination that says what is wrong with it."""
        rows = Statement.objects.exclude(state=State.DELIVERED).exclude(destination__last_error="")
        return {Pair(*row) for row in rows.values_list("learner_course__user_id", "learner_course__course_key")}

    def left(self) -> dict[str, int]:
        """What still waits or is held of the class."""
        counts = {
            "statements": Statement.objects.exclude(state=State.DELIVERED).count(),
            "leased learners": LearnerCourse.objects.exclude(lease=None).count(),
            "held learners": len(self.held()),
            "notices": Notice.objects.filter(course_key__in=self.keys).count(),
            "failures": ObservationFailure.objects.filter(course_key__in=self.keys).count(),
        }
        return {name: count for name, count in counts.items() if count}


def organization_of(user_id: int) -> str:
    """The Percipio organization that a learner's link says."""
    return ORGANIZATIONS[(user_id - FIRST_LEARNER) % 2]


def customer_of(user_id: int) -> str:
    """Whose employee the link says that a learner is."""
    return CUSTOMERS[(user_id - FIRST_LEARNER) // 2 % 2]


def _add_account(site_id: int, place: Place, position: int, percipio: Percipio) -> None:
    url = percipio.odd.url
    Account.objects.create(
        site_id=site_id,
        name=place.account,
        position=position,
        enabled=True,
        region="custom",
        api_url=url,
        token_url=f"{url}{SECOND_TOKEN}" if place == WITH_TOKENS else percipio.odd.token_url,
        partner_name=place.partner,
        client_id=f"{place.account}-client",
        client_secret=f"canary-secret-of-{place.account}",
        learners=place.rule,
    )


def _learn(learner: Any, course: Any, verbs: list[str]) -> None:
    enrolled(learner, course)
    if verbs != STARTED:
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
    if verbs == PASSED:
        grade(learner, course)


def _empty() -> None:
    left = [model for model in apps.get_app_config("percipio_openedx").get_models() if model is not Account]
    while left:
        model = left.pop(0)
        try:
            model.objects.all().delete()
        except (ProtectedError, IntegrityError):
            left.append(model)
