"""Percipio itself, asked only when the operator wants it."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from percipio_openedx.config import Configuration
from percipio_openedx.doctor.findings import Finding, Verdict, skipped
from percipio_openedx.operations import connection_check
from percipio_openedx.operations.sites import configurations


def sites(*, is_online: bool) -> Iterator[Finding]:
    """Way, clock, token, read and empty write of each site that reports."""
    for site_id, one in configurations().items():
        if not isinstance(one, Configuration):
            continue
        if not is_online:
            name = _("connection of site %(site)s") % {"site": site_id}
            yield skipped(name, _("not tried; --online tries it"))
            continue
        for step in connection_check.examine(one):
            # What cannot be known and needs nothing done is no reason to look twice.
            verdict = Verdict(step.verdict.value) if step.mend else _without_mend(step)
            name = _("site %(site)s: %(step)s") % {"site": site_id, "step": step.name}
            yield Finding(name, verdict, step.seen, step.mend)


def _without_mend(step: connection_check.Step) -> Verdict:
    return Verdict.SKIPPED if step.verdict is connection_check.Verdict.DOUBTFUL else Verdict(step.verdict.value)
