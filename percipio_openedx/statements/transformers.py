"""Events to statements: one ``XApiTransformer`` for each milestone, in a registry that is this plugin's own.

event-routing-backends gives the pipeline (registry, transformer, openedx-filters) and the statement classes.
Its own registry is left alone, so that what the site sends to any other LRS does not change.

Two filter hooks are kept under their names of event-routing-backends (``…xapi_transformer.get_actor`` and
``.get_verb``), and ``percipio_openedx.statements.transformers.course.get_object`` is for the course.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from datetime import datetime, timedelta
from functools import cache, lru_cache, wraps
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from event_routing_backends.processors.openedx_filters.filters import ProcessorBaseFilter
from event_routing_backends.processors.transformer_utils.registry import TransformerRegistry
from event_routing_backends.processors.xapi.transformer import XApiTransformer
from tincan import (
    Activity,
    ActivityDefinition,
    ActivityList,
    Agent,
    Context,
    ContextActivities,
    Extensions,
    Group,
    LanguageMap,
    Result,
    Score,
    StatementRef,
    Verb,
)

from percipio_openedx.enums import Kind
from percipio_openedx.statements.content import CourseFacts, language_map
from percipio_openedx.statements.vocabulary import (
    ACTIVITY_COURSE,
    EXTENSION_PROGRESS,
    FALLBACK_LANGUAGE,
    VERBS,
    event_name,
)

ACTOR_FILTER = "event_routing_backends.processors.xapi.transformer.xapi_transformer.get_actor"
VERB_FILTER = "event_routing_backends.processors.xapi.transformer.xapi_transformer.get_verb"
OBJECT_FILTER = "percipio_openedx.statements.transformers.course.get_object"

Part = TypeVar("Part", Activity, Agent | Group, ContextActivities)
M = TypeVar("M", bound=Callable[[Any], Any])


def has_steps(filter_type: str) -> bool:
    """Return whether the site has configured steps for a hook (``OPEN_EDX_FILTERS_CONFIG``)."""
    return bool(_hook(filter_type).get_filter_config())


def filtered(filter_type: str) -> Callable[[M], M]:
    """Decorate a method of a transformer: the steps of the hook get what it returns.

    As ``openedx_filter`` of event-routing-backends, which makes a new class at each call: a sixth of all that building
    a statement cost.
    """

    def decorate(method: M) -> M:
        @wraps(method)
        def with_steps(transformer: Any) -> Any:
            made = method(transformer)
            if not has_steps(filter_type):
                return made
            return _hook(filter_type).run_filter(transformer=transformer, result=made)

        return with_steps  # type: ignore[return-value]

    return decorate


@cache
def _hook(filter_type: str) -> type[ProcessorBaseFilter]:
    return ProcessorBaseFilter.generate_dynamic_filter(filter_type)  # type: ignore[no-any-return]


class PercipioRegistry(TransformerRegistry):  # type: ignore[misc]
    """The transformers of this plugin; its ``mapping`` is its own, as the base class demands."""

    mapping: ClassVar[dict[str, type[XApiTransformer]]] = {}


class CourseTransformer(XApiTransformer):  # type: ignore[misc]
    """What the statements of all milestones have in common. Reads the event by explicit paths, and nothing else."""

    def get_event_id(self) -> UUID:
        """Return the id that was made with the event: it names learner, course run, milestone and value."""
        statement_id: UUID = self.event["data"]["statement_id"]
        return statement_id

    def get_timestamp(self) -> datetime:
        at: datetime = self.event["timestamp"]
        return at

    @filtered(ACTOR_FILTER)
    def get_actor(self) -> Agent:
        return Agent(**self.event["data"]["learner"])

    @filtered(VERB_FILTER)
    def get_verb(self) -> Verb:
        """Return one verb for all learners, unless the site has filter steps that might change it."""
        return deepcopy(self._verb) if has_steps(VERB_FILTER) else self._verb

    @filtered(OBJECT_FILTER)
    def get_object(self) -> Activity:
        """Return the course, with its name and description in its language.

        One object serves all learners of a course, unless the site has filter steps that might change it.
        """
        data = self.event["data"]
        make = _activity if has_steps(OBJECT_FILTER) else _shared_activity
        return make(data["course"], data["activity_id"])

    def get_context(self) -> Context:
        """Return registration, platform, language, instructors, and the course run unless it is the object itself."""
        data, given = self.event["data"], self.event["context"]
        context = copy(_context(data["course"], data["activity_id"], given["platform"]))
        context.registration = given["registration"]
        return context


@PercipioRegistry.register(event_name(Kind.STARTED))
class StartedTransformer(CourseTransformer):
    """``initialized``: the learner has begun the course run. No result."""

    _verb = Verb(id=VERBS[Kind.STARTED], display=LanguageMap({FALLBACK_LANGUAGE: "initialized"}))


class ResultTransformer(CourseTransformer):
    """A milestone with a result: what is known of score, success, completion and time on task."""

    additional_fields = ("result",)

    def get_result(self) -> Result | None:
        data = self.event["data"]
        known: dict[str, Any] = dict(self.fixed_result())
        if data["score"] is not None:
            raw = round(data["score"] * 100, 2)
            known["score"] = Score(scaled=data["score"], raw=raw, min=0.0, max=100.0)
        if data["seconds"] is not None:
            known["duration"] = timedelta(seconds=data["seconds"])
        return Result(**known) if known else None

    def fixed_result(self) -> dict[str, Any]:
        """Return the part of the result that the milestone itself says."""
        raise NotImplementedError


@PercipioRegistry.register(event_name(Kind.PROGRESSED))
class ProgressedTransformer(ResultTransformer):
    """``progressed`` with cmi5's progress extension: a whole percentage, never a score (Data 2.4.5.1)."""

    _verb = Verb(id=VERBS[Kind.PROGRESSED], display=LanguageMap({FALLBACK_LANGUAGE: "progressed"}))

    def fixed_result(self) -> dict[str, Any]:
        return {"extensions": Extensions({EXTENSION_PROGRESS: self.event["data"]["progress"]})}


@PercipioRegistry.register(event_name(Kind.PASSED))
class PassedTransformer(ResultTransformer):
    """``passed``: success, with the grade."""

    _verb = Verb(id=VERBS[Kind.PASSED], display=LanguageMap({FALLBACK_LANGUAGE: "passed"}))

    def fixed_result(self) -> dict[str, Any]:
        return {"success": True}


@PercipioRegistry.register(event_name(Kind.COMPLETED))
class CompletedTransformer(ResultTransformer):
    """``completed``: completion, with success and grade where the course is graded."""

    _verb = Verb(id=VERBS[Kind.COMPLETED], display=LanguageMap({FALLBACK_LANGUAGE: "completed"}))

    def fixed_result(self) -> dict[str, Any]:
        success = self.event["data"]["success"]
        return {"completion": True} if success is None else {"completion": True, "success": success}


@PercipioRegistry.register(event_name(Kind.RETRACTED))
class RetractedTransformer(CourseTransformer):
    """``voided``: takes one earlier statement back (Data 2.3.2)."""

    _verb = Verb(id=VERBS[Kind.RETRACTED], display=LanguageMap({FALLBACK_LANGUAGE: "voided"}))

    def get_object(self) -> StatementRef:
        return StatementRef(id=self.event["data"]["retracts"], object_type="StatementRef")

    def get_context(self) -> Context:
        """Return the registration alone: platform is not allowed where the object is no Activity (Data 2.4.6)."""
        return Context(registration=self.event["context"]["registration"])


def _activity(course: CourseFacts, activity_id: str) -> Activity:
    definition: dict[str, Any] = {"type": ACTIVITY_COURSE}
    if course.name:
        definition["name"] = LanguageMap(language_map(course.name, course.language))
    if course.description:
        definition["description"] = LanguageMap(language_map(course.description, course.language))
    if course.url:
        definition["more_info"] = course.url
    return Activity(id=activity_id, definition=ActivityDefinition(**definition))


def _instructor(course: CourseFacts) -> Agent | Group:
    """Return one instructor as an Agent, several as an anonymous Group (Data 2.4.6 and 2.4.2.2)."""
    agents = [Agent(**agent) for agent in course.instructors]
    return agents[0] if len(agents) == 1 else Group(object_type="Group", member=agents)


# What is the same for all learners of a course is made once. Whoever has it only reads.


@lru_cache(maxsize=512)
def _shared_activity(course: CourseFacts, activity_id: str) -> Activity:
    return _shared(_activity(course, activity_id))


@lru_cache(maxsize=512)
def _context(course: CourseFacts, activity_id: str, platform: str) -> Context:
    known: dict[str, Any] = {}
    if platform:
        known["platform"] = platform
    if course.language:
        known["language"] = course.language
    if course.instructors:
        known["instructor"] = _shared(_instructor(course))
    if course.url and course.url != activity_id:
        known["context_activities"] = _shared(ContextActivities(grouping=ActivityList([Activity(id=course.url)])))
    return Context(**known)


def _shared(part: Part) -> Part:
    """Return the same part, which gives the JSON that it has now whenever it is asked."""
    made = part.as_version()
    vars(part)["as_version"] = lambda *_: made
    return part
