"""The id that ties together the events which one learner's act causes; it lives in the request cache."""

from __future__ import annotations

from uuid import UUID, uuid4

from edx_django_utils.cache import RequestCache

NAMESPACE = "event_transaction"


def get_event_transaction_id() -> UUID | None:
    """The current id, or None outside any act."""
    return RequestCache(NAMESPACE).get_cached_response("id").get_value_or_default(None)


def get_event_transaction_type() -> str | None:
    """What began the act, or None."""
    return RequestCache(NAMESPACE).get_cached_response("type").get_value_or_default(None)


def set_event_transaction(transaction_id: UUID | str | None, transaction_type: str | None) -> None:
    """Continue an act, for example in a worker. `"None"` is what a task gets when there was none."""
    if transaction_id and str(transaction_id) != "None":
        RequestCache(NAMESPACE).set("id", UUID(str(transaction_id)))
        RequestCache(NAMESPACE).set("type", transaction_type)


def begin_event_transaction(transaction_type: str) -> UUID:
    """Begin an act with a new id."""
    transaction_id = uuid4()
    set_event_transaction(transaction_id, transaction_type)
    return transaction_id
