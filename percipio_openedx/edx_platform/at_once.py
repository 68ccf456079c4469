"""The progress of many learners of one course run at once, and what it depends on.

The platform says what it is asked (``learner_classes.outcome``) and makes the outlines (``progress``); the completions
of all are one query. Whatever is not certain is left to ``learner_progress``, learner by learner.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop
from opaque_keys.edx.keys import CourseKey, UsageKey

from percipio_openedx.data import Progress
from percipio_openedx.edx_platform.course_facts import (
    FACTS,
    CourseVersion,
    Remembered,
    StructureFacts,
    course_facts,
    course_version,
)
from percipio_openedx.edx_platform.door import forget_request, parsed, platform
from percipio_openedx.edx_platform.learner_classes import LearnerClass, learner_classes, outcome, text_of
from percipio_openedx.edx_platform.progress import Outline, counted, outline_for, unknown_transformers

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# For so many learners an outline is made; fewer cost less when each is asked for.
FEW = 3
CHANGING = gettext_noop("the course changes at this moment")
TOO_FEW = gettext_noop("too few learners at a time")

_outcomes: Remembered[str] = Remembered("outcome", seconds=600, most=5000)
_outlines: Remembered[Outline] = Remembered("outline", seconds=600, most=100)
# Outlines with which somebody was counted as the platform does.
_trusted: Remembered[bool] = Remembered("outline-trusted", seconds=600, most=1000)
_wanted: Remembered[int] = Remembered("outline-wanted", seconds=600, most=1000)


@dataclass(slots=True)
class CourseProgress:
    """The answers for some learners of a course run.

    ``by_outline`` holds them by learner, under the name of the outline that they were counted with. ``left`` counts the
    learners whom only the platform can answer for, by reason.
    """

    by_outline: dict[str, dict[int, Progress]] = field(default_factory=lambda: defaultdict(dict))
    left: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class CourseState:
    """What the progress of some learners of a course run depends on, but their completions.

    ``texts`` has a hash of it by learner, ``''`` where not all of it is known. ``reason`` says why the platform is
    asked for all of them, else ``''``; then ``facts`` and ``classes`` are not read. The other fields are the same in
    full, so that ``course_progress`` need not read it again.
    """

    texts: Mapping[int, str] = field(default_factory=dict)
    version: CourseVersion = field(default_factory=lambda: CourseVersion(""))
    facts: StructureFacts = field(default_factory=StructureFacts)
    classes: Mapping[int, LearnerClass] = field(default_factory=dict)
    reason: str = ""


def course_progress(course_key: str, users: Mapping[int, User], state: CourseState | None = None) -> CourseProgress:
    """Return the progress of these learners as the platform would count it, in a constant number of queries.

    Arguments:
        state: what was read of the course run, and of these learners and maybe others, a moment ago.

    Raises:
        PlatformUnavailable: something of the platform is missing or failed; ask learner by learner.
    """
    key = parsed(course_key)
    if not users:
        return CourseProgress()
    # Decided before anything is read: a learner alone costs no more than to be asked for.
    if not _is_wanted(course_key, len(users)):
        return CourseProgress(left=Counter({TOO_FEW: len(users)}))
    with platform("course_blocks"):
        try:
            if state is None or not state.classes.keys() >= users.keys():
                state = _state(key, users)
            return _answered(key, users, state) or CourseProgress(left=Counter({CHANGING: len(users)}))
        finally:
            forget_request()


def course_state(course_key: str, users: Mapping[int, User]) -> CourseState:
    """Return what the progress of these learners depends on, but the completions; raises as ``course_progress``."""
    key = parsed(course_key)
    if not users:
        return CourseState()
    with platform("course_blocks"):
        try:
            return _state(key, users)
        finally:
            forget_request()


def is_counted(course_key: str, count: int) -> bool:
    """Whether so many learners of a course run would be counted at once now, and not be asked for one by one."""
    return (_wanted.get(course_key) or 0) + count >= FEW


def is_trusted(outline: str) -> bool:
    """Whether somebody was counted with this outline as the platform does."""
    return bool(_trusted.get(outline))


def trust(outline: str) -> None:
    _trusted.set(outline, True)


def forget_outlines() -> None:
    """Forget what this process remembers of courses; the cache still has it."""
    for remembered in (_outcomes, _outlines, _trusted, _wanted, FACTS):
        remembered.forget()


def _state(key: CourseKey, users: Mapping[int, User]) -> CourseState:
    version = course_version(key)
    if reason := _reason(key, version):
        return CourseState(dict.fromkeys(users, ""), version, reason=reason)
    facts = course_facts(key, version, next(iter(users.values())))
    classes = learner_classes(key, users, version, facts)
    texts = {user_id: _hash(version, one) if one.is_known else "" for user_id, one in classes.items()}
    return CourseState(texts, version, facts, classes)


def _reason(key: CourseKey, version: CourseVersion) -> str:
    if not str(key).startswith("course-v1:"):
        # CCX and keys of Old Mongo have structures of their own.
        return gettext_noop("its key is not of the form course-v1")
    if not version.text:
        return gettext_noop("the LMS has not collected its structure")
    unknown = unknown_transformers()
    return f"the transformer {sorted(unknown)[0]} is not known" if unknown else ""


def _answered(key: CourseKey, users: Mapping[int, User], state: CourseState) -> CourseProgress | None:
    """Return the answers, None if not all was the same afterwards."""
    found = CourseProgress()
    if state.reason:
        found.left[state.reason] = len(users)
        return found
    of_class: dict[LearnerClass, list[int]] = defaultdict(list)
    for user_id in users:
        one = state.classes[user_id]
        if one.reason:
            found.left[one.reason] += 1
        else:
            of_class[one].append(user_id)
    outlines = _outlines_of(key, users, state, of_class)
    if outlines is None:
        return None
    with_outline = [user_id for user_ids, _, _ in outlines for user_id in user_ids]
    found.left[TOO_FEW] = sum(map(len, of_class.values())) - len(with_outline)
    done = _done(key, with_outline)
    for user_ids, name, outline in outlines:
        for user_id in user_ids:
            found.by_outline[name][user_id] = counted(outline, done.get(user_id, set()))
    found.left = +found.left
    return None if with_outline and course_version(key) != state.version else found


def _outlines_of(
    key: CourseKey, users: Mapping[int, User], state: CourseState, of_class: Mapping[LearnerClass, list[int]]
) -> list[tuple[list[int], str, Outline]] | None:
    """Return the learners of each outline with its name; those whose outline is not worth making are absent.

    None if the course run, or a learner asked about, has changed: the answer would be remembered of all like it.
    """
    version, facts = state.version, state.facts
    firsts = {user_ids[0]: one for one, user_ids in of_class.items()}

    def is_same(*asked: int) -> bool:
        theirs = learner_classes(key, {user_id: users[user_id] for user_id in asked}, version, facts)
        return course_version(key) == version and theirs == {user_id: firsts[user_id] for user_id in asked}

    names = {one: _outcomes.get(f"{key} {_hash(version, one)}") or "" for one in of_class}
    fresh = {user_id: one for user_id, one in firsts.items() if not names[one]}
    names |= {one: f"{key} {version.text} {outcome(key, users[pk], facts)!r}" for pk, one in fresh.items()}
    if fresh and not is_same(*fresh):
        return None
    learners: dict[str, list[int]] = defaultdict(list)
    for one, user_ids in of_class.items():
        learners[names[one]] += user_ids
        if one in fresh.values():
            _outcomes.set(f"{key} {_hash(version, one)}", names[one])
    found = []
    for name, user_ids in learners.items():
        outline = _outlines.get(name)
        if outline is None and (len(user_ids) >= FEW or _is_wanted(name, len(user_ids))):
            outline = outline_for(key, users[user_ids[0]], facts.partitions)
            if not is_same(user_ids[0]):
                return None
            _outlines.set(name, outline)
        if outline is not None:
            found.append((user_ids, name, outline))
    return found


def _is_wanted(name: str, count: int) -> bool:
    """Whether with these learners as many asked lately as are worth an outline."""
    before = _wanted.get(name) or 0
    _wanted.set(name, before + count)
    return before + count >= FEW


def _hash(version: CourseVersion, one: LearnerClass) -> str:
    return hashlib.sha256(repr((version.text, one.values, one.personal)).encode()).hexdigest()


def _done(key: CourseKey, user_ids: list[int]) -> dict[int, set[str]]:
    """Return the blocks that are recorded as exactly 1.0, by learner. One query."""
    from completion.models import BlockCompletion

    found: dict[int, set[str]] = defaultdict(set)
    if not user_ids:
        return found
    own = f"block-v1:{str(key).removeprefix('course-v1:')}+type@"
    # One text for each block, however many learners completed it.
    keys: dict[str, str] = {}
    rows = BlockCompletion.objects.filter(user_id__in=user_ids, context_key=key, completion=1.0).order_by()
    columns = rows.annotate(block=text_of("block_key")).values_list("user_id", "block")
    for user_id, block in columns.iterator(chunk_size=10_000):
        text = keys.get(block)
        if text is None:
            # As the platform does; what was written otherwise (with a version, say) is another text for the same block.
            text = block if block.startswith(own) else str(UsageKey.from_string(block).map_into_course(key))
            keys[block] = text
        found[user_id].add(text)
    return found
