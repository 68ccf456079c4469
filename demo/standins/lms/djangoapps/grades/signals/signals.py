"""Signals of the grading flow under the platform's names, all sent with plain `send`."""

from __future__ import annotations

from django.dispatch import Signal

PROBLEM_RAW_SCORE_CHANGED = Signal()
PROBLEM_WEIGHTED_SCORE_CHANGED = Signal()
SCORE_PUBLISHED = Signal()
SUBSECTION_SCORE_CHANGED = Signal()
COURSE_GRADE_PASSED_FIRST_TIME = Signal()
COURSE_GRADE_PASSED_UPDATE_IN_LEARNER_PATHWAY = Signal()
