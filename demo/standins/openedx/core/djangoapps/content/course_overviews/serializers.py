"""The serialized form of an overview."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from .models import CourseOverview


class CourseOverviewBaseSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    """All columns, and what the platform derives from them."""

    class Meta:
        model = CourseOverview
        fields = "__all__"

    def to_representation(self, instance: CourseOverview) -> dict[str, Any]:
        """The columns with the derived values."""
        return {
            **super().to_representation(instance),
            "display_name_with_default": instance.display_name_with_default,
            "has_started": instance.has_started(),
            "has_ended": instance.has_ended(),
            "pacing": instance.pacing,
        }
