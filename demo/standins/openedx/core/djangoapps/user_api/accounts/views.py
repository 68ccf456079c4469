"""The retirement API, which a pipeline of the site calls step by step."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from edx_rest_framework_extensions.permissions import IsSuperuser
from rest_framework import status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from openedx.core.djangoapps.enrollments.views import AUTHENTICATION
from openedx.core.djangoapps.user_api.accounts.signals import (
    USER_RETIRE_LMS_CRITICAL,
    USER_RETIRE_LMS_MISC,
    USER_RETIRE_MAILINGS,
)
from openedx.core.djangoapps.user_api.models import UserRetirementStatus


class RetirementView(APIView):
    """One step, for the account whose original username the body has."""

    authentication_classes = AUTHENTICATION
    permission_classes = (IsAuthenticated, IsSuperuser)

    def post(self, request: Request) -> Response:
        """Do the step; any failure of a receiver ends in a 500 and undoes it."""
        retirement = UserRetirementStatus.objects.filter(original_username=request.data["username"]).first()
        if retirement is None:
            return Response(status=status.HTTP_404_NOT_FOUND)
        self.retire(retirement)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def retire(self, retirement: UserRetirementStatus) -> None:
        """What the step does."""
        raise NotImplementedError


class LMSAccountRetirementView(RetirementView):
    """Everything that is not critical."""

    def retire(self, retirement: UserRetirementStatus) -> None:
        """Two signals: the mailings' one comes second."""
        user = retirement.user
        USER_RETIRE_LMS_MISC.send(sender=self.__class__, user=user)
        USER_RETIRE_MAILINGS.send(
            sender=self.__class__,
            email=retirement.original_email,
            new_email=retirement.retired_email,
            user=user,
        )


class AccountRetirementView(RetirementView):
    """The last step: profile, then the signal, then the account itself."""

    def retire(self, retirement: UserRetirementStatus) -> None:
        """At the signal the username is still the original one and the account active."""
        user = User.objects.get(pk=retirement.user_id)
        profile = user.profile
        profile.name = ""
        profile.save()
        USER_RETIRE_LMS_CRITICAL.send(sender=self.__class__, user=user)
        user.first_name = user.last_name = ""
        user.username = retirement.retired_username
        user.email = retirement.retired_email
        user.is_active = False
        user.save()


def retire_misc_for(retirement: UserRetirementStatus) -> None:
    """The step without a request."""
    with transaction.atomic():
        LMSAccountRetirementView().retire(retirement)


def retire_critical_for(retirement: UserRetirementStatus) -> None:
    """The step without a request."""
    with transaction.atomic():
        AccountRetirementView().retire(retirement)
