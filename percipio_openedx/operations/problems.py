"""What operators are told about, the steps of a pass, and why a destination pauses, in words for mails and pages."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from percipio_openedx.codes import Pause, Trouble

TROUBLES: Mapping[str, str | Promise] = {
    Trouble.PAUSED: _("nothing is sent"),
    Trouble.PARKED: _("statements are refused"),
    Trouble.LATE: _("something waits for too long"),
    Trouble.UNREADABLE: _("a course cannot be read"),
    Trouble.BROKEN: _("a step of the worker breaks"),
}

# Each with what can be done about it.
PAUSES: Mapping[str, str | Promise] = {
    Pause.UNAUTHORISED: _("Percipio refuses the credentials. Test the connection and mend the configuration."),
    Pause.NOT_FOUND: _("Percipio does not know the address. Check the partner, the organization and the region."),
    Pause.REFUSED: _("Percipio refuses every statement. Its words say why; test the connection and mend the cause."),
    Pause.OWN_CREDENTIALS: _(
        "The site's own credentials were deleted. What was made with them is not sent with those of the settings: give "
        "them again in the site's configuration, or give the statements up."
    ),
    Pause.CONFIGURATION: _("The configuration has a mistake. Open it and mend it."),
    Pause.PRIVATE_ADDRESS: _("Percipio's host stands at an address inside your network. Test the connection."),
    Pause.NOT_CONFIGURED: _("The site is switched off, or has no configuration."),
}

# The steps of a pass, as ``run.Step`` names them.
STEPS: Mapping[str, str | Promise] = {
    "observing": _("observing"),
    "delivering": _("delivering"),
    "alerting": _("alerting"),
}
