"""What the plugin needs of this LMS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from percipio_openedx import config, edx_platform
from percipio_openedx.capture import signals as listened
from percipio_openedx.codes import CompletedOn
from percipio_openedx.doctor.findings import Finding, doubtful, well, wrong
from percipio_openedx.event_routing import backend
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.operations.sites import configurations

# A course run that no LMS has.
NOWHERE = "course-v1:percipio-openedx+doctor+none"
UPGRADE = gettext_lazy("See the supported releases; percipio_openedx and the LMS may not fit each other.")

DOORS: dict[Promise, Callable[[], Any]] = {
    gettext_lazy("sites of organisations"): lambda: edx_platform.site_id_of_org("percipio-openedx"),
    gettext_lazy("courses"): lambda: edx_platform.course(NOWHERE),
    gettext_lazy("search for courses"): lambda: edx_platform.find_courses(NOWHERE, 1),
    gettext_lazy("accounts"): lambda: edx_platform.learners([0]),
    gettext_lazy("retirement"): lambda: edx_platform.retiring([0]),
    gettext_lazy("external ids"): lambda: edx_platform.external_ids([]),
    gettext_lazy("single sign-on"): lambda: edx_platform.social_links([0]),
    gettext_lazy("enrollments"): lambda: edx_platform.enrollments(NOWHERE, [0]),
    gettext_lazy("completions"): lambda: edx_platform.activities(NOWHERE, [0]),
    gettext_lazy("grades"): lambda: edx_platform.grades(NOWHERE, [0]),
    gettext_lazy("certificates"): lambda: edx_platform.certificates(NOWHERE, [0]),
}


def signals() -> Iterator[Finding]:
    """Whether this release has every signal that is listened to."""
    missing = sorted(set(edx_platform.missing_signals))
    if missing:
        seen = _("this LMS has no %(signals)s") % {"signals": ", ".join(missing)}
        yield doubtful(_("signals"), seen, _("Other signals make up for some.") + f" {UPGRADE}")
    else:
        yield well(_("signals"))


def receivers() -> Iterator[Finding]:
    """Whether the LMS has connected the receivers that notice learners' acts."""
    plugin = apps.get_app_config("percipio_openedx")
    wanted = plugin.plugin_app["signals_config"]["lms.djangoapp"]["receivers"]  # type: ignore[attr-defined]
    missing = [entry["receiver_func_name"] for entry in wanted if not _is_connected(entry)]
    if missing:
        yield wrong(
            _("receivers"),
            _("not connected: %(receivers)s") % {"receivers": ", ".join(missing)},
            _("Is this the LMS (manage.py lms), with the plugin in its environment? Restart it after installing."),
        )
    else:
        yield well(_("receivers"), _("%(count)s connected") % {"count": len(wanted)})


def _is_connected(entry: dict[str, str]) -> bool:
    signal = getattr(listened, entry["signal_path"].rpartition(".")[2])
    return any(key[0] == entry["dispatch_uid"] for key, *_rest in signal.receivers)


def doors() -> Iterator[Finding]:
    """Whether each function of the LMS that is read can be called here."""
    broken = 0
    for name, call in DOORS.items():
        try:
            call()
        except PlatformUnavailable as error:
            broken += 1
            yield wrong(f"LMS: {name}", str(error), str(UPGRADE))
    if not broken:
        yield well(_("LMS functions"), _("%(count)s answer") % {"count": len(DOORS)})
    sources = edx_platform.share_sources()
    if sources:
        yield well(_("course progress"), _("from %(source)s") % {"source": sources[0]})
    else:
        yield wrong(_("course progress"), _("this LMS cannot say how much of a course is done"), str(UPGRADE))


def completion() -> Iterator[Finding]:
    """Whether the LMS records what learners complete."""
    name = _("completion tracking")
    try:
        is_on = edx_platform.is_completion_on()
    except PlatformUnavailable as error:
        yield wrong(name, str(error), str(UPGRADE))
        return
    if is_on:
        yield well(name)
        return
    mend = _("Run: %(command)s") % {
        "command": "manage.py lms waffle_switch --create completion.enable_completion_tracking on"
    }
    seen = _("off: there is no progress to report")
    yield wrong(name, seen, mend) if _needs_progress() else doubtful(name, seen, mend)


def _needs_progress() -> bool:
    found = (one for one in configurations().values() if not isinstance(one, PercipioConfigurationError))
    return any(one is not None and one.policy.completed_on is CompletedOn.PROGRESS for one in found)


def routing() -> Iterator[Finding]:
    """event-routing-backends, which this plugin uses for its transformers alone, would route events by being there."""
    name = _("event routing")
    asked_for_by, state = config.routing_is_asked_for_by(), backend.state()
    try:
        has_router = edx_platform.has_other_lrs()
    except PlatformUnavailable as error:
        mend = _("Run: %(command)s") % {"command": "manage.py lms migrate event_routing_backends"}
        yield doubtful(name, str(error), mend)
        return
    if not has_router and not asked_for_by and state == "routed":
        seen = _("every learner event is transformed and logged for an LRS that nobody has configured")
        mend = _("Where there is no other LRS, remove event_transformer from EVENT_TRACKING_BACKENDS.")
        yield doubtful(name, seen, mend)
    elif has_router and not state:
        seen = _("a router is configured, and no event is routed to it")
        yield doubtful(name, seen, _("Set PERCIPIO_KEEP_EVENT_ROUTING to None, or disable the router."))
    elif asked_for_by:
        yield well(name, _("goes on: asked for by %(name)s") % {"name": asked_for_by})
    else:
        yield well(name, _("goes on: a router is configured") if has_router else _("none: nobody has asked for it"))
