"""What statements have in common but for the learner: how they are found by verb, activity and named people."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class TopicTerm(models.Model):
    """One thing that the statements of a topic are found by (see ``statements/terms.py``).

    A topic is what a statement says apart from its learner: verb, activities and people. All learners' *completed*
    statements of one course have one topic, so that a query by anything but the learner is answered from this small
    table first, and then reads each topic's statements in the order of their storing (``Statement.topic``).

    .. no_pii: Hashes of verbs, activities and instructors.
    """

    id = models.BigAutoField(primary_key=True)
    site_id = models.PositiveIntegerField()
    topic = models.UUIDField()
    term = models.CharField(max_length=64)

    class Meta:
        app_label = "percipio_openedx"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site_id", "topic", "term"], name="percipio_term_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["site_id", "term", "topic"], name="percipio_term_topics"),
        ]

    def __str__(self) -> str:
        return f"term {self.pk} topic={self.topic}"
