"""event-routing-backends stays a library, unless the site asks it to route events."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.app.task import Task
from django.db import connection, transaction
from event_routing_backends.models import RouterConfiguration
from event_routing_backends.settings import common as erb_common
from event_routing_backends.settings import production as erb_production
from eventtracking import tracker as trackers
from eventtracking.backends.async_routing import AsyncRoutingBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.django.django_tracker import DjangoTracker

from percipio_openedx import checks, config, edx_platform
from percipio_openedx.config import routing
from percipio_openedx.event_routing import backend
from percipio_openedx.event_routing.backend import NAME, OnDemand
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.settings import common

pytestmark = pytest.mark.django_db

EVENT = "edx.course.enrollment.activated"


@pytest.fixture(autouse=True)
def published(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that are published, in an LMS in which event-routing-backends has just been installed."""
    tasks: list[str] = []
    monkeypatch.setattr(Task, "apply_async", lambda task, *_, **__: tasks.append(task.name))
    bare = {name: value for name, value in settings.EVENT_TRACKING_BACKENDS.items() if name != NAME}
    settings.EVENT_TRACKING_BACKENDS = {**bare, **installed(LMS_ROOT_URL="").EVENT_TRACKING_BACKENDS}
    monkeypatch.setitem(trackers.TRACKERS, "default", DjangoTracker())
    return tasks


@pytest.fixture(autouse=True)
def _listening() -> Iterator[None]:
    """Whoever listens for routers here is gone afterwards."""
    yield
    backend.post_save.disconnect(sender=RouterConfiguration, dispatch_uid="percipio_openedx.event_routing")
    backend.settle()


def installed(**given: Any) -> Any:
    """Settings as event-routing-backends leaves them."""
    made = SimpleNamespace(**given)
    erb_common.plugin_settings(made)
    return made


def emit() -> None:
    trackers.get_tracker().emit(EVENT, {"course_id": "course-v1:DemoX+CS101+2026"})


def a_router(**fields: Any) -> RouterConfiguration:
    return RouterConfiguration.objects.create(
        backend_name="xAPI", route_url="https://lrs.example.com", configurations={}, **{"enabled": True, **fields}
    )


class TestAsInstalled:
    """Nobody has asked for it."""

    def test_by_itself_it_publishes_a_task_for_each_event(self, published: list[str]) -> None:
        emit()
        assert published == ["eventtracking.tasks.send_event"]

    def test_its_backend_is_taken_out(self, settings: Any, published: list[str]) -> None:
        backend.settle()
        assert set(settings.EVENT_TRACKING_BACKENDS) == {"tracking_logs"}
        emit()
        assert (published, backend.state()) == ([], "on demand")

    @pytest.mark.parametrize("order", [(erb_common, common), (common, erb_common)])
    @pytest.mark.parametrize("others", [{}, {"EVENT_TRACKING_BACKENDS_ALLOWED_XAPI_EVENTS": ["one.of.anothers"]}])
    def test_whichever_plugin_comes_first(
        self, settings: Any, published: list[str], order: tuple[Any, Any], others: dict[str, Any]
    ) -> None:
        made = SimpleNamespace(
            LMS_ROOT_URL="", EVENT_TRACKING_BACKENDS={"tracking_logs": {}}, ENV_TOKENS={}, AUTH_TOKENS={}, **others
        )
        for each in (*order, erb_production):
            each.plugin_settings(made)
        for name, value in vars(made).items():
            setattr(settings, name, value)
        assert NAME in settings.EVENT_TRACKING_BACKENDS
        backend.settle()
        assert NAME not in settings.EVENT_TRACKING_BACKENDS
        emit()
        assert published == []

    def test_what_was_queued_before_is_still_worked_off(self) -> None:
        """By the task of event-tracking, and by the commands of event-routing-backends, which look here."""
        before = trackers.get_tracker().backends[NAME]
        backend.settle()
        after = trackers.get_tracker().backends[NAME]
        assert isinstance(after, OnDemand)
        assert (after.backends, after.processors) == (before.backends, before.processors)
        assert set(after.backends) == {"xapi", "caliper"}

    def test_the_other_backends_are_left_alone(self, settings: Any) -> None:
        seen: list[Any] = []
        trackers.get_tracker().backends["tracking_logs"] = SimpleNamespace(send=seen.append)
        backend.settle()
        emit()
        assert [event["name"] for event in seen] == [EVENT]

    def test_nothing_to_take_out(self, settings: Any, published: list[str]) -> None:
        del trackers.get_tracker().backends[NAME]
        for backends in ({}, None):
            settings.EVENT_TRACKING_BACKENDS = backends
            backend.settle()
        assert backend.state() == ""

    def test_an_lms_that_tracks_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backend, "TRACKERS", {})
        backend.settle()
        assert backend.state() == ""


class TestRouters:
    """A router's configuration lies in the database, and is found when it is needed."""

    @pytest.fixture(autouse=True)
    def _settled(self, published: list[str]) -> None:
        backend.settle()

    def test_with_a_router_events_are_routed(self, published: list[str]) -> None:
        a_router()
        emit()
        assert published == ["eventtracking.tasks.send_event"]

    def test_as_soon_as_there_is_one(self, published: list[str]) -> None:
        emit()
        a_router()
        emit()
        assert len(published) == 1

    @pytest.mark.parametrize("history", [[False], [True, False]])
    def test_one_that_is_disabled_is_none(self, published: list[str], history: list[bool]) -> None:
        for enabled in history:
            a_router(enabled=enabled)
        emit()
        assert published == []

    def test_the_database_is_asked_once_in_a_while(
        self, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
    ) -> None:
        now = [1000.0]
        monkeypatch.setattr(backend, "time", SimpleNamespace(monotonic=lambda: now[0]))
        trackers.get_tracker().backends[NAME].forget()
        with django_assert_num_queries(3):  # within a transaction: a savepoint, the query, and its release
            for _ in range(5):
                emit()
        now[0] += backend.GOOD_FOR - 1
        with django_assert_num_queries(0):
            emit()
        now[0] += 1
        with django_assert_num_queries(3):
            emit()

    def test_without_its_table_the_transaction_goes_on(self, published: list[str]) -> None:
        table = RouterConfiguration._meta.db_table
        if connection.vendor == "mysql":
            pytest.skip("MySQL commits with each change of a table")
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        with transaction.atomic():
            emit()
            assert RouterConfiguration._meta.apps.get_model("auth", "User").objects.count() == 0
        assert published == []

    def test_what_was_known_holds_while_the_database_is_away(
        self, published: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away() -> bool:
            raise PlatformUnavailable("event_routing_backends.models.RouterConfiguration")

        a_router()
        emit()
        monkeypatch.setattr(edx_platform, "has_other_lrs", away)
        trackers.get_tracker().backends[NAME].forget()
        emit()
        assert len(published) == 2


class TestAskedFor:
    """The settings say that the site uses it."""

    @pytest.mark.parametrize(
        ("name", "value", "by"),
        [
            ("PERCIPIO_KEEP_EVENT_ROUTING", True, "PERCIPIO_KEEP_EVENT_ROUTING"),
            ("LOGGING", {"loggers": {"xapi_tracking": {}}}, "xapi_tracking"),
            ("LOGGING", {"loggers": {"caliper_tracking": {}}}, "caliper_tracking"),
            ("XAPI_AGENT_IFI_TYPE", "mbox", "XAPI_AGENT_IFI_TYPE"),
            ("CALIPER_EVENTS_ENABLED", True, "CALIPER_EVENTS_ENABLED"),
            ("XAPI_EVENT_LOGGING_ENABLED", False, "XAPI_EVENT_LOGGING_ENABLED"),
            ("EVENT_ROUTING_BACKEND_BATCHING_ENABLED", True, "EVENT_ROUTING_BACKEND_BATCHING_ENABLED"),
            ("ENV_TOKENS", {"XAPI_EVENTS_ENABLED": True}, "XAPI_EVENTS_ENABLED"),
            ("ENV_TOKENS", {"EVENT_TRACKING_BACKENDS": {NAME: {}}}, "EVENT_TRACKING_BACKENDS"),
            (
                "ENV_TOKENS",
                {"EVENT_TRACKING_BACKENDS_ALLOWED_XAPI_EVENTS": [EVENT]},
                "EVENT_TRACKING_BACKENDS_ALLOWED_XAPI_EVENTS",
            ),
        ],
    )
    def test_it_goes_on(self, settings: Any, published: list[str], name: str, value: Any, by: str) -> None:
        before = trackers.get_tracker().backends[NAME]
        setattr(settings, name, value)
        backend.settle()
        assert (config.routing_is_asked_for_by(), backend.state()) == (by, "routed")
        assert trackers.get_tracker().backends[NAME] is before
        assert NAME in settings.EVENT_TRACKING_BACKENDS
        emit()
        assert published == ["eventtracking.tasks.send_event"]

    def test_it_goes_on_where_the_site_has_added_to_its_backend(self, settings: Any, published: list[str]) -> None:
        own = {"ENGINE": "eventtracking.processors.whitelist.NameWhitelistProcessor", "OPTIONS": {"whitelist": [EVENT]}}
        settings.EVENT_TRACKING_BACKENDS[NAME]["OPTIONS"]["backends"]["xapi"]["OPTIONS"]["processors"].append(own)
        backend.settle()
        assert (config.routing_is_asked_for_by(), backend.state()) == ("EVENT_TRACKING_BACKENDS", "routed")

    def test_it_goes_on_beside_aspects(self, published: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """Which reads the log of statements, also where no router is configured."""
        apps = ["platform_plugin_aspects.apps.PlatformPluginAspectsConfig"]
        monkeypatch.setattr(routing, "setting", lambda name, default: apps if name == "INSTALLED_APPS" else default)
        backend.settle()
        assert (config.routing_is_asked_for_by(), backend.state()) == ("platform_plugin_aspects", "routed")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("LOGGING", {"loggers": {"tracking": {}}}),
            ("LOGGING", None),
            ("ENV_TOKENS", {"EVENT_TRACKING_BACKENDS": {"tracking_logs": {}}, "PLATFORM_NAME": "x"}),
            ("ENV_TOKENS", {"EVENT_TRACKING_BACKENDS": None}),
            ("ENV_TOKENS", None),
            ("EVENT_TRACKING_BACKENDS_ALLOWED_XAPI_EVENTS", ["openedx.completion_aggregator.progress.course"]),
            ("PERCIPIO_KEEP_EVENT_ROUTING", "yes"),
        ],
    )
    def test_what_asks_for_nothing(self, settings: Any, published: list[str], name: str, value: Any) -> None:
        setattr(settings, name, value)
        backend.settle()
        emit()
        assert (config.routing_is_asked_for_by(), published) == ("", [])

    @pytest.mark.parametrize("engine", [RoutingBackend, type("Own", (AsyncRoutingBackend,), {})])
    def test_a_backend_that_the_site_has_made_of_another_class(self, settings: Any, engine: Any) -> None:
        own = engine()
        trackers.get_tracker().backends[NAME] = own
        backend.settle()
        assert trackers.get_tracker().backends[NAME] is own
        assert NAME in settings.EVENT_TRACKING_BACKENDS

    def test_in_no_case(self, settings: Any, published: list[str]) -> None:
        settings.PERCIPIO_KEEP_EVENT_ROUTING = False
        settings.XAPI_AGENT_IFI_TYPE = "mbox"
        a_router()
        backend.settle()
        emit()
        assert (published, backend.state(), NAME in settings.EVENT_TRACKING_BACKENDS) == ([], "", False)

    @pytest.mark.parametrize(("value", "ids"), [(None, []), (True, []), (False, []), ("no", ["percipio.W016"])])
    def test_a_wrong_setting_is_named(self, settings: Any, value: Any, ids: list[str]) -> None:
        settings.PERCIPIO_KEEP_EVENT_ROUTING = value
        assert [message.id for message in checks.check_settings(None) if message.id == "percipio.W016"] == ids


CMS = """
import django
from django.conf import settings
from types import SimpleNamespace
from event_routing_backends.settings.common import plugin_settings
made = SimpleNamespace(LMS_ROOT_URL="", EVENT_TRACKING_BACKENDS={})
plugin_settings(made)
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "celery_utils",
        "eventtracking.django",
        "event_routing_backends",
        "percipio_openedx.event_routing.apps.EventRoutingConfig",
    ],
    EVENT_TRACKING_ENABLED=True,
    SECRET_KEY="x",
    **vars(made),
)
django.setup()
import sys
from eventtracking.tracker import get_tracker
print(type(get_tracker().backends["event_transformer"]).__name__, list(settings.EVENT_TRACKING_BACKENDS))
print([name for name in sys.modules if name.startswith("percipio_openedx.models")])
"""


def test_the_cms_leaves_it_a_library_too() -> None:
    """With one small app, without the plugin's models."""
    done = subprocess.run([sys.executable, "-c", CMS], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == ["OnDemand []", "[]"], done.stderr
