"""The collected structure of each course, with the version of the course that it was collected from."""

from __future__ import annotations

from django.db import models
from model_utils.models import TimeStampedModel
from opaque_keys.edx.django.models import UsageKeyField


class BlockStructureModel(TimeStampedModel):
    """One course's structure. On the platform `data` is a file, here the text itself."""

    data_usage_key = UsageKeyField(blank=False, max_length=255, unique=True)
    data_version = models.CharField(blank=True, null=True, max_length=255)  # noqa: DJ001
    data_edit_timestamp = models.DateTimeField(blank=True, null=True)
    transformers_schema_version = models.CharField(blank=False, max_length=255)
    block_structure_schema_version = models.CharField(blank=False, max_length=255)
    data = models.TextField(default="")

    class Meta:
        app_label = "block_structure"
        db_table = "block_structure"

    def __str__(self) -> str:
        return str(self.data_usage_key)
