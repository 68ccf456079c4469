"""The bulkhead around reading the platform: whatever it raises becomes one error, which quotes nothing."""

from __future__ import annotations

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from rest_framework.exceptions import AuthenticationFailed

from percipio_openedx.edx_platform.door import platform
from percipio_openedx.exceptions import PlatformUnavailable
from tests.poison import errors


@pytest.mark.parametrize("name", errors())
def test_whatever_the_platform_raises_is_one_error(name: str) -> None:
    """Its class goes on, and nothing that it quotes."""
    with pytest.raises(PlatformUnavailable) as raised, platform("a.function"):
        raise errors()[name]
    words = f"failed with {name.rpartition('.')[2]}"
    assert str(raised.value) in (f"a.function {words}", "a.function is not available in this LMS")


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), KeyboardInterrupt(), PlatformUnavailable("another")])
def test_what_is_none_of_the_platforms_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, platform("a.function"):
        raise error
    assert raised.value is error


def test_an_answer_in_the_form_of_an_exception_passes() -> None:
    with pytest.raises(AuthenticationFailed), platform("a.function", passing=(AuthenticationFailed,)):
        raise AuthenticationFailed


def test_it_is_a_decorator_too() -> None:
    @platform("a.function")
    def read(error: Exception | None) -> int:
        if error is not None:
            raise error
        return 1

    for _ in range(2):
        assert read(None) == 1
        with pytest.raises(PlatformUnavailable, match="OSError"):
            read(OSError())
