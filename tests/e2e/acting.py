"""A learner's acts in an LMS with some of its plugins left out, as a process of its own; prints what each act cost.

    python -m tests.e2e.acting [NAME-OF-AN-APP ...] [--broker URL] [--keep]

One JSON document: by act, the names of the tasks that were published, the queries, and how often the broker's port was
tried.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from edx_django_utils.plugins import registry

_LITERALS = re.compile(r"'[^']*'|\b[0-9a-f]{32}\b|\b\d+\b|\bs\d+_x\d+\b")


def leave_out(names: set[str]) -> None:
    """Let the LMS find all plugins but these, as if they had not been installed."""
    found = registry.get_plugin_app_configs
    registry.get_plugin_app_configs = lambda project: [app for app in found(project) if app.name not in names]


class Costs:
    """What an act costs, while it lasts."""

    def __init__(self, broker: str) -> None:
        self.acts: dict[str, dict[str, Any]] = {}
        self._port = urlsplit(broker).port
        self._now = self._nothing()
        self._waiting: list[Any] = []

    @staticmethod
    def _nothing() -> dict[str, Any]:
        return {"tasks": [], "queries": [], "tries": 0}

    @contextmanager
    def of(self, act: str) -> Iterator[None]:
        """Count for one act, the threads included that it starts; then let the LMS's worker work, which counts too."""
        from django.db import connection

        with connection.execute_wrapper(self._queried):
            self.acts[act] = self._now = self._nothing()
            yield
            for thread in threading.enumerate():
                if thread.name == "percipio-wake":
                    thread.join(60)
            if self._waiting:
                self.acts[f"{act}, in the worker"] = self._now = self._nothing()
            while self._waiting:
                task, kwargs = self._waiting.pop(0)
                task.apply(kwargs=kwargs)
        self._now = self._nothing()

    def _queried(self, execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        self._now["queries"].append(_LITERALS.sub("?", sql))
        return execute(sql, params, *rest)

    def watch(self) -> None:
        """Note which tasks are published, hold the platform's own back, and count the connections to the broker."""
        from celery.app.task import Task
        from celery.result import EagerResult

        publish, connect = Task.apply_async, socket.socket.connect

        def noted(task: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
            self._now["tasks"].append(task.name)
            if task.name.startswith("lms."):
                self._waiting.append((task, kwargs or {}))
                return EagerResult("queued", None, "PENDING")
            return publish(task, args, kwargs, **options)

        def counted(sock: socket.socket, address: Any) -> None:
            if isinstance(address, tuple) and address[1] == self._port:
                self._now["tries"] += 1
            connect(sock, address)

        Task.apply_async = noted
        socket.socket.connect = counted  # type: ignore[method-assign]


def study(costs: Costs) -> None:
    """Enroll, complete, answer, get the certificate, look at it again, leave; over HTTP, as a browser does."""
    from common.djangoapps.student.models import CourseEnrollment
    from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH
    from django.test import Client
    from waffle.models import Switch

    from tests.integration.builders import a_course, a_learner, block

    Switch.objects.create(name=ENABLE_COMPLETION_TRACKING_SWITCH.name, active=True)
    course, learner = a_course(units=2, has_certificate=True), a_learner()
    client = Client()
    client.force_login(learner)
    place = [f"/courses/{course}/xblock/{block(course, number)}/handler" for number in range(2)]

    def post(act: str, address: str, **form: str) -> None:
        with costs.of(act):
            assert client.post(address, form).status_code == 200, act

    post("enroll", "/change_enrollment", course_id=str(course), enrollment_action="enroll")
    CourseEnrollment.objects.update(mode="honor")  # who audits gets no certificate
    post("complete", f"{place[0]}/publish_completion", completion="1.0")
    post("complete again", f"{place[0]}/publish_completion", completion="1.0")
    post("answer", f"{place[0]}/xmodule_handler/problem_check", correct="1")
    post("answer and pass", f"{place[1]}/xmodule_handler/problem_check", correct="1")
    post("certificate", f"/courses/{course}/generate_user_cert")
    post("leave", "/change_enrollment", course_id=str(course), enrollment_action="unenroll")


def main() -> None:
    """Do it all in a database of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("without", nargs="*")
    parser.add_argument("--broker", default="memory://localhost/")
    parser.add_argument("--keep", action="store_true", help="let event-routing-backends route events in any case")
    options = parser.parse_args()
    leave_out(set(options.without))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    from django.conf import settings

    if options.keep:
        settings.PERCIPIO_KEEP_EVENT_ROUTING = True
    django.setup()
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases
    from openedx.core.lib.celery import APP

    APP.conf.broker_url = options.broker
    costs = Costs(options.broker)
    costs.watch()
    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        study(costs)
    finally:
        teardown_databases(databases, verbosity=0)
    print(json.dumps(costs.acts))


if __name__ == "__main__":
    main()
