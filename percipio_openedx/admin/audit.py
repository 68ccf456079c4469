"""Who did what: an entry of Django's admin log for every act of an operator."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext

from percipio_openedx.admin.access import user_of
from percipio_openedx.redaction import fitted


def noted(request: HttpRequest, model: type[Model], object_id: str | None, name: str, words: str) -> None:
    """Write down one act.

    Arguments:
        object_id: of the row it was done to, None where it was done to many.
        name: what the log calls it; no name or address of a learner.
        words: what was done.
    """
    LogEntry.objects.create(
        user_id=user_of(request).pk,
        content_type=ContentType.objects.get_for_model(model, for_concrete_model=False),
        object_id=object_id,
        object_repr=fitted(name, 200),
        action_flag=CHANGE,
        change_message=fitted(words),
    )


def searched(request: HttpRequest, model: type[Model], count: int | None = None) -> None:
    """Write down that somebody looked for people, whose names and addresses are not in the log.

    Arguments:
        model: whose page it was.
        count: how many learners were shown, where that is known.
    """
    text = gettext("Searched for learners.")
    if count is not None:
        text = ngettext(
            "Searched for learners; %(count)s was shown.", "Searched for learners; %(count)s were shown.", count
        ) % {"count": count}
    noted(request, model, None, gettext("learners"), text)


def of_learner(user_id: int, course_key: str) -> str:
    """What the log calls a learner in a course: the LMS's own user id says who it is."""
    return f"user {user_id} in {course_key}"


def noted_for_each(request: HttpRequest, rows: Iterable[Model], words: str) -> None:
    """Write the same act down for each of these rows, so that every row's own history shows it."""
    LogEntry.objects.log_actions(user_of(request).pk, list(rows), CHANGE, words)
