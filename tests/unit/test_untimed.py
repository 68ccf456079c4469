"""No property test fails because the machine is busy, or because it is the first one in a fresh clone."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def test_by_default_no_property_test_is_timed() -> None:
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
