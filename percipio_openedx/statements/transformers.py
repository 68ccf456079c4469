"""Events to statements, by ``XApiTransformer`` classes in a registry of this plugin's own.

event-routing-backends gives the pipeline (registry, transformer, openedx-filters) and the statement classes. Its own
registry is left alone, so that what the site sends to any other LRS does not change. Two of its filter hooks keep their
names (``get_actor``, ``get_verb``); the hook for the course is this plugin's own.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from datetime import datetime, timedelta
from functools import cache, lru_cache, wraps
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

import tincan
from event_routing_backends.processors.openedx_filters.filters import ProcessorBaseFilter
from event_routing_backends.processors.transformer_utils.registry import TransformerRegistry
from event_routing_backends.processors.xapi.transformer import XApiTransformer

from percipio_openedx.codes import Kind
from percipio_openedx.statements.content import CourseFacts, language_map
from percipio_openedx.statements.vocabulary import (
    ACTIVITY_COURSE,
    ADL_VERBS,
    FALLBACK_LANGUAGE,
    VERBS,
    event_name,
)

ACTOR_FILTER = "event_routing_backends.processors.xapi.transformer.xapi_transformer.get_actor"
VERB_FILTER = "event_routing_backends.processors.xapi.transformer.xapi_transformer.get_verb"
OBJECT_FILTER = "percipio_openedx.statements.transformers.course.get_object"

Part = TypeVar("Part", tincan.Activity, tincan.Agent | tincan.Group, tincan.ContextActivities)
M = TypeVar("M", bound=Callable[[Any], Any])


@cache
def _hook(filter_type: str) -> type[ProcessorBaseFilter]:
    return ProcessorBaseFilter.generate_dynamic_filter(filter_type)  # type: ignore[no-any-return]


def has_steps(filter_type: str) -> bool:
    """Return whether the site has configured steps for a hook (``OPEN_EDX_FILTERS_CONFIG``)."""
    return bool(_hook(filter_type).get_filter_config())


def filtered(filter_type: str) -> Callable[[M], M]:
    """Decorate a transformer's method: the steps of the hook get what it returns.

    As ``openedx_filter`` of event-routing-backends, which makes a new class at each call.
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


class PercipioRegistry(TransformerRegistry):  # type: ignore[misc]
    """The transformers of this plugin, by the name of the event."""

    mapping: ClassVar[dict[str, type[XApiTransformer]]] = {}


_VERBS: Final = {
    event_name(kind): tincan.Verb(id=iri, display=tincan.LanguageMap({FALLBACK_LANGUAGE: iri.removeprefix(ADL_VERBS)}))
    for kind, iri in VERBS.items()
}


class CourseTransformer(XApiTransformer):  # type: ignore[misc]
    """Transforms a milestone that is about the course, with a result where the event has one.

    Parts are shared between statements unless a site's filter steps might change them.
    """

    additional_fields = ("result",)

    def get_event_id(self) -> UUID:
        statement_id: UUID = self.event["data"]["statement_id"]
        return statement_id

    def get_timestamp(self) -> datetime:
        at: datetime = self.event["timestamp"]
        return at

    @filtered(ACTOR_FILTER)
    def get_actor(self) -> tincan.Agent:
        return tincan.Agent(**self.event["data"]["learner"])

    @filtered(VERB_FILTER)
    def get_verb(self) -> tincan.Verb:
        verb = _VERBS[self.event["name"]]
        return deepcopy(verb) if has_steps(VERB_FILTER) else verb

    @filtered(OBJECT_FILTER)
    def get_object(self) -> tincan.Activity:
        data = self.event["data"]
        make = _activity if has_steps(OBJECT_FILTER) else _shared_activity
        return make(data["course"], data["activity_id"])

    def get_context(self) -> tincan.Context:
        """Return registration, platform, language, instructors, and the course run unless it is the object itself."""
        data, given = self.event["data"], self.event["context"]
        context = copy(_context(data["course"], data["activity_id"], given["platform"]))
        context.registration = given["registration"]
        return context

    def get_result(self) -> tincan.Result | None:
        data = self.event["data"]
        if data["result"] is None:
            return None
        known = dict(data["result"])
        if data["score"] is not None:
            known["score"] = tincan.Score(scaled=data["score"], raw=round(data["score"] * 100, 2), min=0.0, max=100.0)
        if data["seconds"] is not None:
            known["duration"] = timedelta(seconds=data["seconds"])
        return tincan.Result(**known)


@PercipioRegistry.register(event_name(Kind.RETRACTED))
class RetractedTransformer(CourseTransformer):
    """Transforms a retraction: ``voided`` takes one earlier statement back (Data 2.3.2)."""

    def get_object(self) -> tincan.StatementRef:
        return tincan.StatementRef(id=self.event["data"]["retracts"], object_type="StatementRef")

    def get_context(self) -> tincan.Context:
        """Return the registration alone: platform is not allowed where the object is no Activity (Data 2.4.6)."""
        return tincan.Context(registration=self.event["context"]["registration"])


for _kind in (Kind.STARTED, Kind.PROGRESSED, Kind.PASSED, Kind.COMPLETED):
    PercipioRegistry.register(event_name(_kind))(CourseTransformer)


def _activity(course: CourseFacts, activity_id: str) -> tincan.Activity:
    definition: dict[str, Any] = {"type": ACTIVITY_COURSE}
    for field in ("name", "description"):
        if text := getattr(course, field):
            definition[field] = tincan.LanguageMap(language_map(text, course.language))
    if course.url:
        definition["more_info"] = course.url
    return tincan.Activity(id=activity_id, definition=tincan.ActivityDefinition(**definition))


@lru_cache(maxsize=512)
def _shared_activity(course: CourseFacts, activity_id: str) -> tincan.Activity:
    return _shared(_activity(course, activity_id))


@lru_cache(maxsize=512)
def _context(course: CourseFacts, activity_id: str, platform: str) -> tincan.Context:
    known: dict[str, Any] = {}
    if platform:
        known["platform"] = platform
    if course.language:
        known["language"] = course.language
    if agents := [tincan.Agent(**agent) for agent in course.instructors]:
        # Several are an anonymous Group (Data 2.4.6 and 2.4.2.2).
        several = len(agents) > 1
        known["instructor"] = _shared(tincan.Group(object_type="Group", member=agents) if several else agents[0])
    if course.url and course.url != activity_id:
        run = tincan.ActivityList([tincan.Activity(id=course.url)])
        known["context_activities"] = _shared(tincan.ContextActivities(grouping=run))
    return tincan.Context(**known)


def _shared(part: Part) -> Part:
    """Return the same part, which from now on always gives the JSON that it has now."""
    made = part.as_version()
    vars(part)["as_version"] = lambda *_: made
    return part
