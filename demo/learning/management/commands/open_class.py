"""Enrolls the learners of the class page, who do what its buttons say."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from demo.learning import classroom


class Command(BaseCommand):
    """Can be run again: what is there stays."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Enroll them."""
        classroom.open_class()
