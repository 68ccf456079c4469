"""What statements have in common but for the learner: how they are found by verb, activity and named people."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class StatementTopic(models.Model):
    """Verb, activities and people of a statement apart from its actor, as one row for all statements that share them.

    All learners' *completed* statements of one course have one topic, so that a query by anything but the learner is
    answered from this small table first, and then reads each topic's statements in the order of their storing.
    ``key`` is the hash of all terms.

    .. no_pii: Hashes of what is no learner's.
    """

    id = models.BigAutoField(primary_key=True)
    site_id = models.PositiveIntegerField()
    key = models.CharField(max_length=64)

    class Meta:
        app_label = "percipio_openedx"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site_id", "key"], name="percipio_topic_unique"),
        ]

    def __str__(self) -> str:
        return f"topic {self.pk} site={self.site_id}"


class TopicTerm(models.Model):
    """One thing that a topic is found by (see ``statements/terms.py``): the hash of a verb, an activity or an agent.

    .. no_pii: Hashes of what is no learner's.
    """

    id = models.BigAutoField(primary_key=True)
    topic = models.ForeignKey(StatementTopic, on_delete=models.CASCADE, related_name="terms", db_index=False)
    site_id = models.PositiveIntegerField()
    term = models.CharField(max_length=64)

    class Meta:
        app_label = "percipio_openedx"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["topic", "term"], name="percipio_term_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["site_id", "term", "topic"], name="percipio_term_topics"),
        ]

    def __str__(self) -> str:
        return f"term {self.pk} topic={self.topic_id}"
