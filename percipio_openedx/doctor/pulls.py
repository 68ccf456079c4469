"""Who may pull: whether they can."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from percipio_openedx import edx_platform
from percipio_openedx.doctor.findings import Finding, doubtful, well, wrong
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.pull import PullClient
from percipio_openedx.settings.common import PULL_SCOPE


def clients() -> Iterator[Finding]:
    """Whether the application of each client that is switched on can get a token that is taken here."""
    rows = list(PullClient.objects.filter(enabled=True).order_by("pk"))
    for row in rows:
        yield from _of(row)
    if not rows:
        yield well(_("pull clients"), _("none"))


def _of(row: PullClient) -> Iterator[Finding]:
    name = _("pull client %(id)s") % {"id": row.pk}
    try:
        mistakes = edx_platform.application_mistakes(row.client_id, PULL_SCOPE)
        problem = edx_platform.signed_token_problem(row.client_id)
    except PlatformUnavailable as error:
        yield doubtful(name, str(error), _("See the LMS functions above."))
        return
    mend = _("Correct the OAuth2 application in the LMS's admin, or switch the pull client off.")
    for mistake in mistakes:
        yield wrong(name, mistake, mend)
    if problem and not mistakes:
        yield doubtful(name, problem, _("Give the application a user of its own, or use opaque tokens."))
    elif not mistakes:
        yield well(name)
