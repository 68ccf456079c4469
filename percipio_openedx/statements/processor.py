"""The run of an event through event-routing-backends' pipeline, and nothing of its routing."""

from __future__ import annotations

from typing import Any

from event_routing_backends.processors.xapi.transformer_processor import XApiProcessor
from eventtracking.processors.exceptions import NoTransformerImplemented
from openedx_filters.exceptions import OpenEdxFilterException

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.transformers import PercipioRegistry


class PercipioXApiProcessor(XApiProcessor):  # type: ignore[misc]
    """Transforms with this plugin's registry; routes nothing and logs nothing.

    event-routing-backends writes whole statements to its log (``XAPI_EVENT_LOGGING_ENABLED``) and the errors
    of transformers with their values, which are personal data here. Its switch ``XAPI_EVENTS_ENABLED`` is
    about the site's other LRS; this plugin has its own (``PERCIPIO_ENABLED``).
    """

    registry = PercipioRegistry

    def transform_event(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """The statement of an event, as a list of one dictionary, still as the transformer left it.

        Raises:
            StatementError: the transformer or a filter step of the site failed. The message has the kind of
                failure only, for the words of the error may be personal.
        """
        try:
            statement = self.get_transformed_event(event)
        except NoTransformerImplemented as error:
            raise StatementError("verb", "no transformer is registered for this milestone") from error
        except (ValueError, TypeError, AttributeError, LookupError, OpenEdxFilterException) as error:
            raise StatementError("statement", f"could not be transformed ({type(error).__name__})") from None
        return [statement.as_version()]
