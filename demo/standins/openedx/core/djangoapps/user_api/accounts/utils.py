"""The first step of retirement: the owner asks, and can no longer log in."""

from __future__ import annotations

from common.djangoapps.student.models import get_retired_email_by_email
from django.contrib.auth.models import User
from oauth2_provider.models import AccessToken, RefreshToken
from social_django.models import UserSocialAuth

from openedx.core.djangoapps.user_api.models import UserRetirementStatus


def create_retirement_request_and_deactivate_account(user: User) -> None:
    """Remember who it was, then delete the sign-on links and replace the address. Call it in a transaction.

    Despite the name the account stays active, with its username and profile, until the last step.
    """
    UserRetirementStatus.create_retirement(user)
    UserSocialAuth.objects.filter(user_id=user.id).delete()
    user.set_unusable_password()
    user.email = get_retired_email_by_email(user.email)
    user.save()
    RefreshToken.objects.filter(user=user).delete()
    AccessToken.objects.filter(user=user).delete()
