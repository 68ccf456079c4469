"""A Percipio that speaks of a learner in every kind of answer; then the learner retires, and nothing is left anywhere.

Looked through: every column of every table, the log at its most talkative, the mails, the figures, what the commands
print.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.user_api.models import UserRetirementStatus
from social_django.models import UserSocialAuth

from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import Alert, DeliveryAttempt, Destination, LearnerCourse, Notice, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts
from percipio_openedx.reporting import report_due, retirement
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled
from tests.integration.operations.conftest import command
from tests.integration.operations.test_erasures import retire
from tests.unit.core.test_personal import FORMS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

NAME, EMAIL, USERNAME, UID = "Zebulon Quartermaine", "zq.private@school.example", "zebulon9", "AD-77-Quartz"
VALUES = (NAME, EMAIL, USERNAME, UID)
# Each by itself would do to know who it was.
TELLING = ("zebulon", "quartermaine", "zq.private", "school.example", "ad-77-quartz")

STATUSES = (200, 201, 202, 207, 302, 400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 500, 503)


class Gossip(BaseHTTPRequestHandler):
    """Gives tokens, and answers everything else with a status and what it was sent of the learner, in one form."""

    status = 400
    values: tuple[str, ...] = ()
    form: Callable[[str], str] = str

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/token"):
            self._answer(200, {"access_token": "t0ken", "expires_in": 3600})
            return
        message = "; ".join(f"no {type(self).form(value)} here" for value in self.values)
        sent = json.loads(body)
        each = [{"id": one["id"], "status": 400, "message": message} for one in sent if isinstance(one, dict)]
        if self.status == 207:
            self._answer(207, each)
        elif self.status in (200, 201):
            self._answer(self.status, {"errors": each, "message": message})
        else:
            self._answer(self.status, {"message": message, "detail": message})

    def _answer(self, status: int, document: Any) -> None:
        content = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def gossip(reporting: Any) -> Iterator[type[Gossip]]:
    """The site's Percipio."""
    handler = type("Gossiping", (Gossip,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_address[1]}"
    reporting.PERCIPIO_API_URL, reporting.PERCIPIO_TOKEN_URL = root, f"{root}/token"
    tokens._memory.clear()
    alerts.connect()
    yield handler
    server.shutdown()
    server.server_close()
    tokens._memory.clear()


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A folder with everything that the LMS writes: its log at DEBUG, and its mails."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mails")
    settings.PERCIPIO_ALERT_EMAILS = ["operator@example.com"]
    settings.PERCIPIO_METRICS_TOKEN = "scraper"
    handler = logging.FileHandler(tmp_path / "lms.log")
    root, plugin = logging.getLogger(), logging.getLogger("percipio_openedx")
    levels = root.level, plugin.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    plugin.setLevel(logging.DEBUG)
    yield tmp_path
    root.removeHandler(handler)
    root.setLevel(levels[0])
    plugin.setLevel(levels[1])
    handler.close()


@pytest.fixture(params=["email", "sso_uid"])
def learner(request: pytest.FixtureRequest, gossip: type[Gossip], reporting: Any) -> Any:
    """Somebody who has done half of a course, with two statements that wait."""
    reporting.PERCIPIO_LEARNER_ID = request.param
    gossip.values = (NAME, EMAIL if request.param == "email" else UID)
    person = a_learner(USERNAME, name=NAME, email=EMAIL)
    UserSocialAuth.objects.create(user=person, provider="tpa-saml", uid=f"school:{UID}")
    course = a_course(units=2)
    enrolled(person, course)
    BlockCompletion.objects.submit_completion(user=person, block_key=block(course, 0), completion=1.0)
    report_due()
    assert Statement.objects.count() == 2
    return person


def tried(gossip: type[Gossip], status: int) -> None:
    """Both statements are sent once more, whatever became of them, and are answered with that status."""
    gossip.status = status
    now = timezone.now()
    Statement.objects.update(
        state=State.WAITING, lease=None, leased_until=None, settled_at=None, due_at=now, attempts=0
    )
    Destination.objects.update(retry_at=None, failures=0, probe_until=None)
    deliver_due()
    alerts.check(at_once=True)


def kept_elsewhere() -> str:
    """Every column of every table of the plugin, but the statements themselves; and the admin's log."""
    return rows(lambda table: table.startswith("percipio_openedx") or table == "django_admin_log", {"body", "track"})


def rows(wanted: Callable[[str], bool], but: set[str] = frozenset()) -> str:  # type: ignore[assignment]
    found = []
    with connection.cursor() as cursor:
        for table in filter(wanted, connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description or ()]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    if name not in but:
                        found.append(f"{table}.{name}: " + raw.decode("utf-8", "replace"))
    return "\n".join(found)


def written(folder: Path) -> str:
    return "\n".join(path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*")) if path.is_file())


def reported_by(text: str) -> list[str]:
    """The lines that tell who it was: in clear, or in one of the forms."""
    lowered = [line for line in text.splitlines() if any(part in line.lower() for part in TELLING)]
    coded = {form(value) for value in VALUES for form in FORMS.values()} - set(VALUES)
    return lowered + [line for line in text.splitlines() if any(part in line for part in coded)]


def leave_files(folder: Path, client: Client) -> None:
    """What scrapers, operators at a shell and operators at a page get."""
    (folder / "metrics").write_bytes(
        client.get("/percipio/metrics", headers={"Authorization": "Bearer scraper"}).content
    )
    for name in ("percipio_doctor", "percipio_erasures", "percipio_run", "percipio_metrics"):
        ran = command(name)
        (folder / name).write_text(ran.out + ran.err)
    client.force_login(get_user_model().objects.filter(is_superuser=True).first() or _operator())
    for name in ("overview", "alert_changelist", "deliveryattempt_changelist", "destination_changelist"):
        (folder / name).write_bytes(client.get(reverse(f"admin:percipio_openedx_{name}")).content)


def _operator() -> Any:
    return get_user_model().objects.create_superuser("root", "root@example.com", "edx")


@pytest.mark.slow
def test_no_answer_tells_who_it_was_about(learner: Any, gossip: type[Gossip], files: Path, client: Client) -> None:
    for form, write in FORMS.items():
        gossip.form = staticmethod(write)
        for status in STATUSES if form == "percent" else (207, 401):
            tried(gossip, status)
            assert reported_by(kept_elsewhere()) == [], (form, status)
    leave_files(files, client)
    texts = [
        text
        for model, names in retirement.FOREIGN.items()
        for name in names
        for text in model.objects.values_list(name, flat=True)
    ]

    assert reported_by(written(files)) == []
    assert any("no … here" in text for text in texts), "what Percipio said is there, but for the learner"
    assert any((files / "mails").iterdir())
    outcomes = set(DeliveryAttempt.objects.values_list("outcome", flat=True))
    assert {"partial", "refused", "later", "not_found", "unauthorized", "too_large", "conflict"} <= outcomes


def test_a_learner_who_retires_is_nowhere_any_more(
    learner: Any, gossip: type[Gossip], files: Path, client: Client
) -> None:
    """Also in what was kept before an answer could be told for one about this learner, and in what operators did."""
    for status in (400, 207, 500, 401):
        tried(gossip, status)
    other = a_learner("somebody", name="Somebody Else")
    enrolled(other, CourseKey.from_string(KEY))
    report_due()
    known = " / ".join((EMAIL.upper(), USERNAME, *(value.lower() for value in gossip.values)))
    spoken = f"no {NAME} or {known}; ask Somebody"
    Destination.objects.update(last_error=spoken)
    DeliveryAttempt.objects.update(answer=spoken)
    Alert.objects.update(message=spoken)
    Statement.objects.update(answer=spoken, state=State.PARKED)
    operate(client)
    assert reported_by(kept_elsewhere())
    LogEntry.objects.filter(object_repr__contains="statement ").update(change_message="an operator's act")
    ids = [
        str(uuid)
        for uuid in Statement.objects.filter(learner_course__user_id=learner.pk).values_list("uuid", flat=True)
    ]
    assert any(uuid in kept_elsewhere() for uuid in ids)

    retire(learner)
    # The platform's own part, which comes with the account's cleaning.
    UserRetirementStatus.objects.all().delete()
    UserSocialAuth.objects.filter(user=learner).delete()
    Notice.objects.all().delete()
    leave_files(files, client)

    # That package keeps usernames by itself, and forgets them with its next aggregation.
    everywhere = rows(lambda table: table != "completion_aggregator_stalecompletion")
    assert reported_by(everywhere) == []
    assert reported_by(written(files)) == []
    assert [uuid for uuid in ids if uuid in everywhere] == []
    assert "ask Somebody" in everywhere, "only the learner is gone"
    assert not LearnerCourse.objects.filter(user_id=learner.pk, sequence__gt=0).exists()


def operate(client: Client) -> None:
    """An operator looks the learner up, and acts on the statements."""
    client.force_login(_operator())
    pks = list(Statement.objects.values_list("pk", flat=True))
    client.get(reverse("admin:percipio_openedx_preview"), {"learner": USERNAME, "course": KEY})
    client.get(reverse("admin:percipio_openedx_learner"), {"q": NAME})
    client.get(reverse("admin:percipio_openedx_statement_changelist"), {"q": EMAIL})
    listed = reverse("admin:percipio_openedx_statement_changelist")
    client.post(listed, {"action": "discard", "_selected_action": pks, "confirmed": "1"})
    assert LogEntry.objects.exists()


def test_every_column_of_percipio_s_words_is_known() -> None:
    """Whoever adds one says here what it holds; of texts that come from outside, retirement has to know."""
    from django.apps import apps
    from django.db.models import CharField, TextField

    ours = {
        "Alert": {"kind", "subject"},
        "Account": {
            *("name", "region", "api_url", "token_url", "partner_name", "organization_id", "client_id", "api"),
            *("learner_id", "learner_home_page", "organization_from", "learners"),
        },
        "BackfillRun": {"scope_key", "scope", "course_key", "problem"},
        "CatalogEntry": {"content_id", "title", "state", "fingerprint", "tried"},
        "CourseOverride": {"course_key", "content_id", "offer", "title", "type", "tags", "author"},
        "DeliveryAttempt": {"api", "outcome"},
        "Destination": {"account", "compared_with", "organization", "paused_reason"},
        "ErasureRequest": {"account", "organization", "api", "registrations"},
        "LearnerCourse": {"account", "content_id", "course_key", "activity_version", "hold_reason"},
        "Notice": {"course_key", "reason"},
        "ObservationFailure": {"course_key", "part", "reason"},
        "ProgressDifference": {"course_key", "difference"},
        "PullAudit": {"account", "client_id", "method", "asked"},
        "PullClient": {"account", "client_id"},
        "Statement": {"built_by", "course_key", "kind", "value", "verb", "actor_key", "state"},
        "Sweep": {"course_key"},
        "TopicTerm": {"term"},
        "UnknownLearner": {"actor_key"},
    }
    foreign = {model.__name__: set(names) for model, names in retirement.FOREIGN.items()}
    found = {}
    for model in apps.get_app_config("percipio_openedx").get_models():
        if model.__name__ != "PercipioConfiguration":
            texts = {field.name for field in model._meta.concrete_fields if isinstance(field, CharField | TextField)}
            found[model.__name__] = texts - foreign.get(model.__name__, set())
    assert {name: texts for name, texts in found.items() if texts} == ours
