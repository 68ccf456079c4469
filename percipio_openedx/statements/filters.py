"""The public filter before a statement is frozen: what a site's own steps may change, and how they stop it.

Without a configured pipeline it costs the look-up of its name in ``OPEN_EDX_FILTERS_CONFIG``. ``docs/api.md`` has an
example.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from copy import deepcopy
from datetime import datetime
from typing import Any, Final

from openedx_filters.exceptions import OpenEdxFilterException
from openedx_filters.tooling import OpenEdxPublicFilter

from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import PercipioConfigurationError, PercipioError, StatementError, StatementStopped
from percipio_openedx.statements.content import StatementContext
from percipio_openedx.statements.normalizer import normalize
from percipio_openedx.statements.vocabulary import EXTENSION_PROGRESS

Document = dict[str, Any]

# A step's own code; anything longer could be a sentence that names somebody.
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class StatementFreezeRequested(OpenEdxPublicFilter):  # type: ignore[misc]
    """Run once for each milestone, with the statement and the Track record that are about to be frozen.

    Steps may change what is said of the course, the context and the extensions, and may leave out the time on task;
    every fact stays. Also run by a preview, and again when a statement is rebuilt, so a step has no effects of its own.
    """

    filter_type = "org.openedx.percipio.statement.freeze.requested.v1"

    class PreventStatement(OpenEdxFilterException):  # type: ignore[misc]
        """Raised by a step to hold the learner back in this course run, for now.

        Arguments:
            reason: a code of the step's own for the log, such as ``no_consent`` (small letters, digits, underscores).
                Anything else is not repeated.
        """

        def __init__(self, reason: str = "") -> None:
            # openedx-filters logs the message as it is.
            super().__init__(message=_code_of(reason))

    @classmethod
    def get_pipeline_configuration(cls) -> tuple[list[str], bool, dict[str, Any]]:
        """Return the configuration, in which a step that breaks holds the learner back unless the site says otherwise.

        openedx-filters would go on without the step, and with none of those in a tuple, but what was sent cannot be
        called back.
        """
        steps, fails_silently, others = super().get_pipeline_configuration()
        configured: Any = cls.get_filter_config()
        is_chosen = isinstance(configured, dict) and "fail_silently" in configured
        return list(configured) if isinstance(configured, tuple) else steps, is_chosen and fails_silently, others

    @classmethod
    def run_filter(
        cls, statement: Document, record: Document | None, *, user_id: int, course_key: str, kind: Kind
    ) -> tuple[Any, Any]:
        """Return the statement and the Track record as the steps leave them, or raise what a step raises.

        ``record`` is None for a milestone that Track has no form for.
        """
        data = cls.run_pipeline(statement=statement, record=record, user_id=user_id, course_key=course_key, kind=kind)
        return data.get("statement"), data.get("record")


def filtered(
    context: StatementContext, statement: Document, record: Document | None, at: datetime
) -> tuple[Document, Document | None]:
    """Return a statement and its Track record as the site's steps leave them, the statement normalized (``at``).

    Raises:
        StatementStopped: a step stops the milestone.
        StatementError: a step changed a fact.
        Exception: a step broke.
    """
    if not StatementFreezeRequested.get_filter_config():
        return statement, record
    try:
        changed, changed_record = StatementFreezeRequested.run_filter(
            deepcopy(statement),
            deepcopy(record),
            user_id=context.user_id,
            course_key=context.course.key,
            kind=context.milestone.kind,
        )
    except StatementFreezeRequested.PreventStatement as error:
        raise StatementStopped(_code_of(error.message)) from None
    except (PercipioError, PercipioConfigurationError) as error:
        # One of ours is quoted where others are not (``reason_of``); what a step says in it may name somebody.
        raise StatementError("statement", f"a filter step broke ({type(error).__name__})") from None
    _check_facts(statement, changed)
    if (record is None) != (changed_record is None):
        raise StatementError("record", "was added or removed by a filter step")
    _check_same(record, changed_record, "record", optional=("duration_spent",))
    # The values of before: what is equal in Python (25 and 25.0, 0 and False) is not the same in JSON.
    kept = None if record is None else {name: value for name, value in record.items() if name in changed_record}
    return normalize(changed, at), kept


def _code_of(reason: object) -> str:
    text = str(reason)
    return text if _CODE.fullmatch(text) else ""


def _check_facts(before: Document, after: Any) -> None:
    """Raise ``StatementError`` if who, what, which course, when or how well is another than before."""
    _check_same(before, after, "statement", free=("object", "context", "result"))
    _check_same(before["object"], after.get("object"), "object", free=("definition",))
    _check_same(before.get("result"), after.get("result"), "result", free=("extensions",), optional=("duration",))
    for path, name in ((("context",), "registration"), (("result", "extensions"), EXTENSION_PROGRESS)):
        if _part(before, *path).get(name) != _part(after, *path).get(name):
            raise _changed(".".join((*path, name.rpartition("/")[2])))


def _check_same(
    before: Any, after: Any, path: str, *, free: Collection[str] = (), optional: Collection[str] = ()
) -> None:
    """Raise ``StatementError`` unless both have the same properties, but for ``free`` ones.

    ``optional`` ones may be left out. The error names no property that a step made up.
    """
    old, new = _part(before), _part(after)
    if new.keys() - old.keys() - set(free):
        raise StatementError(path, "has a property that a filter step may not add")
    for name in sorted(old.keys() - set(free)):
        if new.get(name) != old[name] and not (name in optional and name not in new):
            raise _changed(f"{path}.{name}")


def _changed(path: str) -> StatementError:
    return StatementError(path, "was changed by a filter step, which may not do that")


def _part(document: Any, *path: str) -> Document:
    """Return an object within a document; an empty one for whatever else a step has put there."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}
