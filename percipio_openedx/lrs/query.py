"""A question to the statement resource, checked (xAPI 1.0.3, Communication 2.1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

# The most statements in one answer; also what is given where nobody asks for less (``limit`` absent or 0).
MOST: Final = 500


class Form(StrEnum):
    """How statements are written (``format``)."""

    EXACT = "exact"
    IDS = "ids"
    CANONICAL = "canonical"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. Learners and activities are held as the hashes they are found by, so no address is kept."""

    statement_id: UUID | None = None
    voided_id: UUID | None = None
    actor_key: str = ""
    verb: str = ""
    activity_key: str = ""
    registration: UUID | None = None
    related_activities: bool = False
    related_agents: bool = False
    since: datetime | None = None
    until: datetime | None = None
    limit: int = MOST
    form: Form = Form.EXACT
    ascending: bool = False
    attachments: bool = False
