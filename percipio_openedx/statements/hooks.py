"""The filter hooks of the transformers: a site's steps (openedx-filters) may change what a transformer has made."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

from event_routing_backends.processors.openedx_filters.filters import ProcessorBaseFilter

M = TypeVar("M", bound=Callable[[Any], Any])


def has_steps(filter_type: str) -> bool:
    """Whether the site has configured steps for a hook (``OPEN_EDX_FILTERS_CONFIG``)."""
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
