"""Turn events into statements with ``XApiTransformer`` classes in a registry of this plugin's own.

event-routing-backends provides the pipeline (registry, transformer, openedx-filters) and tincan's statement classes.
Its own registry is untouched, so that the site's other LRS gets the same as before. Its filter hooks for actor and verb
apply here as well; the hook for the course is this plugin's own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import tincan
from event_routing_backends.processors.openedx_filters.decorators import openedx_filter
from event_routing_backends.processors.transformer_utils.registry import TransformerRegistry
from event_routing_backends.processors.xapi.transformer import XApiTransformer

from percipio_openedx.enums import Kind
from percipio_openedx.statements.content import CourseFacts, language_map
from percipio_openedx.statements.vocabulary import ACTIVITY_COURSE, ADL_VERBS, FALLBACK_LANGUAGE, VERBS, event_name

# The hook for the verb (``get_verb``) is in the base class.
ACTOR_FILTER = "event_routing_backends.processors.xapi.transformer.xapi_transformer.get_actor"
OBJECT_FILTER = "percipio_openedx.statements.transformers.course.get_object"

_VERBS = {event_name(kind): verb for kind, verb in VERBS.items()}


class PercipioRegistry(TransformerRegistry):  # type: ignore[misc]
    """The plugin's own transformers, by the name of the event."""

    mapping: ClassVar[dict[str, type[XApiTransformer]]] = {}


class CourseTransformer(XApiTransformer):  # type: ignore[misc]
    """Transforms a milestone about the course, with a result if the event has one."""

    additional_fields = ("result",)

    @property
    def _verb(self) -> tincan.Verb:
        verb = _VERBS[self.event["name"]]
        return tincan.Verb(id=verb, display=tincan.LanguageMap({FALLBACK_LANGUAGE: verb.removeprefix(ADL_VERBS)}))

    def get_event_id(self) -> Any:
        return self.event["data"]["statement_id"]

    def get_timestamp(self) -> Any:
        return self.event["timestamp"]

    @openedx_filter(filter_type=ACTOR_FILTER)  # type: ignore[untyped-decorator]
    def get_actor(self) -> tincan.Agent:
        return tincan.Agent(**self.event["data"]["learner"])

    @openedx_filter(filter_type=OBJECT_FILTER)  # type: ignore[untyped-decorator]
    def get_object(self) -> tincan.Activity:
        course: CourseFacts = self.event["data"]["course"]
        definition: dict[str, Any] = {"type": ACTIVITY_COURSE}
        for field in ("name", "description"):
            if text := getattr(course, field):
                definition[field] = tincan.LanguageMap(language_map(text, course.language))
        if course.url:
            definition["more_info"] = course.url
        activity_id = self.event["data"]["activity_id"]
        return tincan.Activity(id=activity_id, definition=tincan.ActivityDefinition(**definition))

    def get_context(self) -> tincan.Context:
        """Return registration, platform, language, instructors, and the course run unless it is the object itself."""
        data, given = self.event["data"], self.event["context"]
        course: CourseFacts = data["course"]
        known: dict[str, Any] = {"registration": given["registration"]}
        if given["platform"]:
            known["platform"] = given["platform"]
        if course.language:
            known["language"] = course.language
        if agents := [tincan.Agent(**agent) for agent in course.instructors]:
            # Several instructors are an anonymous Group (Data 2.4.6 and 2.4.2.2).
            several = len(agents) > 1
            known["instructor"] = tincan.Group(object_type="Group", member=agents) if several else agents[0]
        if course.url and course.url != data["activity_id"]:
            run = tincan.ActivityList([tincan.Activity(id=course.url)])
            known["context_activities"] = tincan.ContextActivities(grouping=run)
        return tincan.Context(**known)

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


for _kind in (Kind.STARTED, Kind.PROGRESSED, Kind.PASSED, Kind.FAILED, Kind.COMPLETED):
    PercipioRegistry.register(event_name(_kind))(CourseTransformer)


@PercipioRegistry.register(event_name(Kind.RETRACTED))
class RetractedTransformer(CourseTransformer):
    """Transforms a retraction: ``voided`` takes back one earlier statement (Data 2.3.2)."""

    def get_object(self) -> tincan.StatementRef:
        return tincan.StatementRef(id=self.event["data"]["retracts"], object_type="StatementRef")

    def get_context(self) -> tincan.Context:
        """Return the registration alone: platform is not allowed if the object is not an Activity (Data 2.4.6)."""
        return tincan.Context(registration=self.event["context"]["registration"])
