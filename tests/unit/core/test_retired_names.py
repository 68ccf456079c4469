"""By which names the LMS's retired accounts are known, whatever its settings are."""

from __future__ import annotations

from typing import Any

import pytest

from percipio_openedx import config
from percipio_openedx.data import Learner

HASH = "4fe1c0ffee"


def account(email: str = "amina@example.com", username: str = "amina", is_active: bool = True) -> Learner:
    return Learner(user_id=1, is_active=is_active, username=username, email=email)


@pytest.mark.parametrize(
    ("settings_of_the_lms", "learner", "expected"),
    [
        ({}, account(), False),
        ({}, account(f"retired__user_{HASH}@retired.invalid"), True),
        ({}, account(f"RETIRED__USER_{HASH}@Retired.Invalid"), True),
        ({}, account(username=f"retired__user_{HASH}", is_active=False), True),
        # an account in use is nobody's who left, whatever it is called
        ({}, account(username="retired__user_group"), False),
        ({"RETIRED_EMAIL_PREFIX": "gone__"}, account(f"gone__{HASH}@retired.invalid"), True),
        ({"RETIRED_EMAIL_PREFIX": "gone__"}, account("gone__fishing@example.com"), False),
        (
            {"RETIRED_EMAIL_PREFIX": "gone__", "RETIRED_EMAIL_DOMAIN": "gone.example"},
            account(f"gone__{HASH}@gone.example"),
            True,
        ),
        ({"RETIRED_EMAIL_FMT": "x-{}@away.example"}, account(f"x-{HASH}@away.example"), True),
        ({"RETIRED_USERNAME_PREFIX": "gone__"}, account(username=f"gone__{HASH}", is_active=False), True),
        ({"RETIRED_USERNAME_FMT": "was-{}-here"}, account(username=f"was-{HASH}-here", is_active=False), True),
        # those who left before the site chose another prefix
        ({"RETIRED_EMAIL_PREFIX": "gone__"}, account(f"retired__user_{HASH}@retired.invalid"), True),
        # an empty prefix, or something that is no text, marks nobody
        ({"RETIRED_EMAIL_PREFIX": "", "RETIRED_EMAIL_DOMAIN": "example.com"}, account(), False),
        ({"RETIRED_USERNAME_PREFIX": ""}, account(is_active=False), False),
        ({"RETIRED_EMAIL_FMT": object(), "RETIRED_USERNAME_FMT": None}, account(is_active=False), False),
    ],
)
def test_who_is_retired(settings_of_the_lms: dict[str, Any], learner: Learner, expected: bool, settings: Any) -> None:
    for name, value in settings_of_the_lms.items():
        setattr(settings, name, value)

    assert config.retired_names().has(learner) is expected
