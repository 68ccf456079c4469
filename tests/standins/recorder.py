"""Sees what an act emits: signals, openedx events and tracking events, in the form of the recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import attrs
from common.djangoapps.student.signals import signals as student_signals
from completion.models import BlockCompletion
from django.db import connection, models
from django.db.models.signals import post_save
from django.dispatch import Signal
from eventtracking import tracker
from lms.djangoapps.grades.signals import signals as grade_signals
from openedx.core.djangoapps.signals import signals as course_signals
from openedx.core.djangoapps.user_api.accounts import signals as account_signals
from openedx_events.learning import signals as learning

MODULES = (student_signals, grade_signals, course_signals, account_signals)
EVENTS = (
    "COURSE_ENROLLMENT_CREATED",
    "COURSE_ENROLLMENT_CHANGED",
    "COURSE_UNENROLLMENT_COMPLETED",
    "CERTIFICATE_CREATED",
    "CERTIFICATE_CHANGED",
    "CERTIFICATE_REVOKED",
    "PERSISTENT_GRADE_SUMMARY_CHANGED",
    "COURSE_PASSING_STATUS_UPDATED",
)
# Fields that hold the same value in every LMS; of all others the recordings keep the type only.
KEPT_VALUES = frozenset(
    [
        "event",
        "mode",
        "is_active",
        "status",
        "current_status",
        "previous_status",
        "setting",
        "table",
        "percent_grade",
        "letter_grade",
        "percent",
        "passed",
        "attempted",
        "is_passing",
        "completion",
        "created",
        "raw",
        "using",
        "display_name",
        "grade",
        "skip_refund",
        "countdown",
        "block_type",
        "enrollment_mode",
        "generation_mode",
        "source",
        "org_id",
        "enterprise_uuid",
        "event_source",
        "event_transaction_id",
        "event_transaction_type",
    ]
)
PLAIN = (str, bool, int, float, type(None))
BACKEND = "recorder"


class Recorder:
    """Records while it is open; connects its receivers last, so the platform's own come first."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._dispatch: list[str] = []
        self._undo: list[Any] = []

    def __enter__(self) -> Self:
        self._watch_dispatch("send")
        self._watch_dispatch("send_robust")
        for module in MODULES:
            for name, signal in vars(module).items():
                if isinstance(signal, Signal):
                    self._connect(signal, "django_signal", f"{module.__name__}.{name}")
        for name in EVENTS:
            event = getattr(learning, name)
            self._connect(event, "openedx_event", event.event_type)
        saved = "django.db.models.signals.post_save:completion.BlockCompletion"
        self._connect(post_save, "django_signal", saved, BlockCompletion)
        tracker.get_tracker().backends[BACKEND] = self
        self._undo.append(lambda: tracker.get_tracker().backends.pop(BACKEND))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for undo in reversed(self._undo):
            undo()

    @contextmanager
    def act(self) -> Iterator[list[dict[str, Any]]]:
        """Yields the list that the entries of one act go to."""
        self.entries = entries = []
        yield entries
        self.entries = []

    def send(self, event: dict[str, Any]) -> None:
        """A tracking event (this object is a tracking backend)."""
        data = event["data"] if isinstance(event["data"], dict) else {"": event["data"]}
        entry = self._entry("tracking_event", event["name"], data)
        self.entries.append({**entry, "context": _fields(event["context"])})

    def _connect(self, signal: Signal, kind: str, name: str, sender: Any = None) -> None:
        def receive(sender: Any = None, **kwargs: Any) -> None:
            for unwanted in ("signal", "metadata", "from_event_bus"):
                kwargs.pop(unwanted, None)
            entry = self._entry(kind, name, kwargs)
            self.entries.append({**entry, "dispatch": self._dispatch[-1], "sender": _dotted(sender)})

        signal.connect(receive, sender=sender, weak=False)
        self._undo.append(lambda: signal.disconnect(receive, sender=sender))

    def _watch_dispatch(self, method: str) -> None:
        original = getattr(Signal, method)

        def watched(signal: Signal, sender: Any, **named: Any) -> Any:
            self._dispatch.append(method)
            try:
                return original(signal, sender, **named)
            finally:
                self._dispatch.pop()

        setattr(Signal, method, watched)
        self._undo.append(lambda: setattr(Signal, method, original))

    @staticmethod
    def _entry(kind: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
        return {
            "kind": kind,
            "name": name,
            "in_atomic_block": connection.in_atomic_block,
            "atomic_depth": len(connection.atomic_blocks),
            "data": _fields(data),
        }


def _dotted(sender: Any) -> str | None:
    if sender is None:
        return None
    return f"{sender.__module__}.{sender.__qualname__}"


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _described(name, value) for name, value in values.items()}


def _described(name: str, value: Any) -> dict[str, Any]:
    # Not type(): the user of a request comes wrapped, and says what is inside.
    kind = value.__class__
    described: dict[str, Any] = {"type": _type_name(kind)}
    inner = _inner(value)
    if inner is not None:
        described["fields"] = _fields(inner)
    elif name in KEPT_VALUES and isinstance(value, PLAIN):
        described["value"] = value
    return described


def _inner(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    if isinstance(value, models.Model):
        columns = {field.attname: getattr(value, field.attname) for field in value._meta.concrete_fields}
        return {name: column for name, column in columns.items() if name != "password"}
    if attrs.has(type(value)):
        return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
    if type(value).__name__ == "CourseGrade":
        named = ("percent", "letter_grade", "passed", "attempted", "last_updated", "force_update_subsections")
        return {name: getattr(value, name) for name in named}
    return None


def _type_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
