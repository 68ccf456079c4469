"""Lets a class of learners live through the demo courses."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from demo.learning.simulation import simulate


class Command(BaseCommand):
    """The same seed again: the same learners, the same acts, nothing new."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """How many, and which."""
        parser.add_argument("--learners", type=int, default=24)
        parser.add_argument("--courses", type=int, default=4)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        """Simulate, with a bar, and say what happened."""
        with tqdm(total=options["learners"], unit="learner", desc="simulating", disable=None) as bar:
            report = simulate(options["learners"], options["courses"], options["seed"], bar.update)
        for name, count in sorted(report.acts.items()):
            self.stdout.write(f"{count:7} {name}")
