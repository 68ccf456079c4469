"""Every command speaks: to people in words, by name and in the right number; to programs as the schema says."""

from __future__ import annotations

import ast
import inspect
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.utils import timezone

from percipio_openedx import enums
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.management import exit_codes
from percipio_openedx.management.exit_codes import MEANINGS, PROBLEMS, ExitCode
from percipio_openedx.management.operator import UsageError, write_private
from percipio_openedx.models import (
    Account,
    CourseOverride,
    Destination,
    ErasureRequest,
    ObservationFailure,
    Statement,
    UnknownLearner,
)
from percipio_openedx.models.catalog import EntryState
from percipio_openedx.models.statement import State
from percipio_openedx.operations import installation_checks, requeue
from percipio_openedx.operations.checks import CheckVerdict
from percipio_openedx.operations.problem_kinds import Step
from percipio_openedx.operations.reconcile import Difference
from percipio_openedx.reporting import report_due
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, a_site, enrolled
from tests.integration.operations.conftest import SCHEMA, Ran, command, validator
from tests.integration.operations.test_reconcile import age, forget

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

COMMANDS = {name for name, app in get_commands().items() if app == "percipio_openedx"}
FOLDER, LISTS = "FOLDER", ["--category-type", "Course", "--asset-type", "Course", "--status", "Completed"]
GOOD, BAD = "course_key,is_reported\ncourse:A+1,no\n", "course_key,is_reported\nx,no\n"

# Every call of which the documents are of another form; the form by its title. FOLDER stands for a new folder.
CALLS: list[tuple[list[str], str]] = [
    (["percipio_accounts"], "An account"),
    (["percipio_accounts", "--report-anew", "--learner", "amina"], "With --report-anew"),
    (["percipio_backfill", "--dry-run"], "With --dry-run"),
    (["percipio_backfill"], "A back-fill"),
    (["percipio_catalog", "list"], "list: an item"),
    (["percipio_catalog", "diff"], "diff, push --dry-run: a difference"),
    (["percipio_catalog", "export", "--format", "content-import"], "export: the file"),
    (["percipio_catalog", "import", f"{FOLDER}/good.csv", "--dry-run"], "import: the file is taken over"),
    (["percipio_catalog", "import", f"{FOLDER}/bad.csv"], "import: the file is not taken over"),
    (["percipio_catalog", "push"], "push: a destination"),
    (["percipio_courses", "export"], "export: a course override"),
    (["percipio_courses", "import", f"{FOLDER}/good.csv"], "import: the file is taken over"),
    (["percipio_courses", "import", f"{FOLDER}/bad.csv"], "import: the file is not taken over"),
    (["percipio_doctor"], "A check"),
    (["percipio_doctor", "--support"], "With --support"),
    (["percipio_doctor", "--support", f"{FOLDER}/bundle.json"], "With --support FILE"),
    (["percipio_erasures"], "An erasure request"),
    (["percipio_export", "completions", FOLDER, *LISTS], "What was written"),
    (["percipio_metrics"], "A figure"),
    (["percipio_preview", "amina", KEY, "--afresh"], "The learner in the course run"),
    (["percipio_prune"], "What was deleted"),
    (["percipio_reconcile"], "A difference"),
    (["percipio_reconcile"], "The sum of a site or account"),
    (["percipio_retry", "--parked", "--unknown", "--now"], "What was done"),
    (["percipio_run"], "A pass"),
]
IDS = [f"{' '.join(call)}: {title}" for call, title in CALLS]


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a worker that is not there."""
    monkeypatch.setattr(installation_checks, "WORKER_WAIT", 0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / "bad.csv").write_text(BAD)
    return tmp_path


@pytest.fixture
def one_of_each(arriving: Sandbox, reporting: Any) -> Sandbox:
    """One row of everything that a command can speak of."""
    now = timezone.now()
    amina, berta, course = a_learner(), a_learner("berta"), a_course()
    enrolled(amina, course)
    enrolled(berta, course)
    report_due()
    deliver_due()
    age()
    lost, refused = Statement.objects.order_by("pk")
    forget(arriving, lost.uuid)
    reporting.PERCIPIO_CATALOG, reporting.PERCIPIO_CATALOG_PUSH = "all visible", True
    reporting.PERCIPIO_CATALOG_DURATION, reporting.PERCIPIO_CATALOG_LANGUAGE = 60, "en"
    reporting.PERCIPIO_ORGANIZATION_ID = "globex"
    Statement.objects.filter(pk=refused.pk).update(state=State.PARKED, status=400)
    destination = Destination.objects.get(is_catalog=False)
    unknown = {"user_id": berta.pk, "actor_key": "b", "since": now, "last_refused_at": now}
    UnknownLearner.objects.create(destination=destination, **unknown)
    ObservationFailure.objects.create(
        course_key=KEY,
        user_id=amina.pk,
        reason="ValueError",
        failing_since=now,
        failed_at=now,
        retry_at=now + timezone.timedelta(minutes=5),
    )
    ErasureRequest.objects.create(site_id=1, registrations=str(lost.registration), statements=1, erased_at=now)
    CourseOverride.objects.create(course_key="course:B+1", content_id="ext-1")
    Account.objects.create(site=a_site("other.example", "OtherX"), name="acme", learners="sso:tpa-saml", region="us")
    return arriving


def run(call: list[str], folder: Path, *more: str) -> Ran:
    name, *arguments = (word.replace(FOLDER, str(folder)) for word in call)
    return command(name, *arguments, *more)


@pytest.mark.thinned(2)
@pytest.mark.parametrize(("call", "title"), CALLS, ids=IDS)
def test_what_programs_read_is_as_the_schema_says(
    one_of_each: Sandbox, folder: Path, call: list[str], title: str
) -> None:
    ran = run(call, folder, "--json")
    forms = [form for form in forms_of(call[0]) if form["title"] == title]
    assert len(forms) == 1
    matching = [document for document in ran.documents if validator_of(forms[0]).is_valid(document)]
    assert matching, (ran.out, ran.err)
    before, *rest = call
    assert run([before, "--json", *rest], folder / "x").code in tuple(ExitCode), "also before an act"


def test_every_form_of_the_schema_is_printed_by_a_call() -> None:
    forms = {(name, form["title"]) for name in COMMANDS for form in forms_of(name)}
    assert {(call[0], title) for call, title in CALLS} == forms


def forms_of(name: str) -> Iterator[dict[str, Any]]:
    """The forms of a command's documents."""
    schema = SCHEMA["$defs"][name]
    if "$ref" in schema:
        yield from forms_of(schema["$ref"].rpartition("/")[2])
    for form in schema.get("anyOf", ()):
        yield from forms_of(form["$ref"].rpartition("/")[2]) if "$ref" in form else [form]
    if "title" in schema:
        yield schema


def validator_of(form: dict[str, Any]) -> Any:
    return validator("failed").evolve(schema={**form, "$defs": SCHEMA["$defs"]})


@pytest.mark.parametrize(
    ("enumeration", "path"),
    [
        (CheckVerdict, "check/properties/verdict/enum"),
        (Difference, "percipio_reconcile/anyOf/0/properties/difference/enum"),
        (EntryState, "percipio_catalog/anyOf/1/properties/state/enum"),
        (enums.Offer, "percipio_courses/anyOf/0/properties/offer/enum"),
        (Step, "percipio_run/properties/broken/propertyNames/enum"),
    ],
)
def test_the_codes_of_the_schema_are_those_of_the_code(enumeration: Any, path: str) -> None:
    found: Any = SCHEMA["$defs"]
    for part in path.split("/"):
        found = found[int(part)] if part.isdigit() else found[part]
    assert set(found) == {str(member.value) for member in enumeration}


def test_a_document_of_another_form_is_refused() -> None:
    check = {"verdict": "well", "name": "cache", "seen": "", "fix": "", "code": ""}
    assert validator("percipio_doctor").is_valid(check)
    for wrong in ({**check, "verdict": "fine"}, {**check, "more": 1}, {"verdict": "well"}):
        assert not validator("percipio_doctor").is_valid(wrong)


def test_a_document_is_one_line_whatever_stands_in_it(manage: Callable[..., Ran]) -> None:
    """Also to a program that takes every Unicode line break for one, and on a terminal of any encoding."""
    title = "one\u2028two\u2029three\x85four ü"
    CourseOverride.objects.create(course_key="course:A+1", title=title)
    ran = manage("percipio_courses", "--json", "export")
    assert [one["title"] for one in ran.documents] == [title]
    assert ran.out.isascii()


# --- to people -------------------------------------------------------------------------------------------------------

# Codes that no sentence holds; a code without an underscore may be a word. What follows is JSON, or figures.
CODES = {
    member.value
    for _name, one in inspect.getmembers(enums, inspect.isclass)
    if issubclass(one, StrEnum)
    for member in one
    if "_" in member.value
} | {str(code) for code in requeue.Refusal if "_" in code}
MANY = re.compile(r"(?<![\d.])1 (?:\w+ )?(?:statements|items|learners|courses|enrollments|destinations|observations)\b")
FOR_PROGRAMS = ("percipio_metrics", "--support", "export")


def plain(text: str) -> str:
    """Without names of settings and commands, which are to be typed."""
    return re.sub(r"PERCIPIO_\w+|percipio_\w+", "", text)


@pytest.mark.thinned(2)
@pytest.mark.parametrize(("call", "_title"), CALLS, ids=IDS)
def test_people_read_words(one_of_each: Sandbox, folder: Path, call: list[str], _title: str) -> None:
    ran = run(call, folder)
    assert ran.out.strip() or (ran.err.strip() and ran.code)
    if not set(FOR_PROGRAMS) & {*call}:
        said = plain(ran.out + ran.err)
        assert [code for code in CODES if re.search(rf"\b{code}\b", said)] == []
        assert MANY.findall(said) == []
        assert not re.search(r"\bsite \d", said), "a site has a name"


@pytest.mark.thinned(3)
@pytest.mark.parametrize("is_on", [True, False], ids=["nothing yet", "switched off"])
@pytest.mark.parametrize(("call", "_title"), CALLS, ids=IDS)
def test_none_ends_well_in_silence(
    request: pytest.FixtureRequest, settings: Any, folder: Path, call: list[str], _title: str, is_on: bool
) -> None:
    if is_on:
        request.getfixturevalue("reporting")
    else:
        settings.PERCIPIO_ENABLED = False
    ran = run(call, folder)
    assert (ran.out + ran.err).strip()
    assert ran.err.strip() or ran.code == ExitCode.WELL or ran.out.strip()


def test_the_sums_are_in_the_right_number(one_of_each: Sandbox, manage: Callable[..., Ran]) -> None:
    assert manage("percipio_retry", "--parked", "--dry-run").lines == ["1 statement would be requeued."]
    assert manage("percipio_retry", "--parked", "--unknown", "--now").lines == [
        "1 statement chosen, 1 requeued.",
        "Tried again: 0 learners whom Percipio did not know.",
        "0 waiting destinations are tried at once.",
        "1 observation that failed is tried at once.",
    ]
    pk = ErasureRequest.objects.get().pk
    ran = manage("percipio_erasures", "--done", str(pk))
    assert ran.lines == ["1 erasure request is ticked off.", "No erasure request is open."]
    assert manage("percipio_prune").lines == ["Nothing is to be deleted."]
    ran = manage("percipio_accounts", "--site", "1")
    assert ran.lines == ["example.com has no accounts: it reports with its own credentials"]
    assert manage("percipio_doctor").lines[-1].startswith("In sum: ")


# --- what is left where a command breaks ------------------------------------------------------------------------------


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "2.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"2\.csv: File exists"):
        write_private({tmp_path / "1.csv": "a", tmp_path / "2.csv": "b"})
    with pytest.raises(UnicodeEncodeError):
        write_private({tmp_path / "3.csv": "a", tmp_path / "4.csv": "\ud800"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"2.csv": "mine"}


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (["percipio_doctor"], "percipio_openedx.operations.installation_checks.signals"),
        (["percipio_reconcile"], "percipio_openedx.operations.reconcile.Reconciliation.run"),
        (["percipio_run"], "percipio_openedx.management.commands.percipio_run.run_pass"),
    ],
)
def test_ctrl_c_is_an_end_and_no_traceback(
    one_of_each: Sandbox, monkeypatch: pytest.MonkeyPatch, call: list[str], where: str
) -> None:
    def pressed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, pressed)
    ran = command(*call)
    assert (ran.code, ran.err.splitlines()[-1]) == (ExitCode.PROBLEM, "interrupted")


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (["percipio_retry", "--unknown"], "percipio_openedx.management.commands.percipio_retry.try_again"),
        (
            ["percipio_accounts", "--report-anew", "--learner", "amina"],
            "percipio_openedx.operations.requeue.report_anew",
        ),
    ],
)
def test_what_was_interrupted_did_not_end_well(
    one_of_each: Sandbox, monkeypatch: pytest.MonkeyPatch, call: list[str], where: str
) -> None:
    module, _dot, name = where.rpartition(".")
    act = getattr(import_module(module), name)

    def stopped(rows: Any, is_over: Callable[[], bool]) -> Any:
        signal.raise_signal(signal.SIGINT)
        return act(rows, is_over)

    monkeypatch.setattr(where, stopped)
    assert command(*call).code == ExitCode.PROBLEM


@pytest.mark.parametrize(
    ("stream", "call"),
    [
        ("stdout", ["percipio_doctor"]),
        ("stdout", ["percipio_doctor", "--json"]),
        ("stdout", ["percipio_metrics"]),
        ("stderr", ["percipio_preview", "nobody", KEY]),
    ],
)
def test_where_nobody_reads_on_it_ends_quietly(
    one_of_each: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stream: str, call: list[str]
) -> None:
    """As before ``| head``; also what is complained about may go that way."""
    reader, writer = os.pipe()
    os.close(reader)
    with (tmp_path / "other").open("w") as other, os.fdopen(writer, "w", buffering=1) as pipe:
        monkeypatch.setattr(sys, "stdout", pipe if stream == "stdout" else other)
        monkeypatch.setattr(sys, "stderr", pipe if stream == "stderr" else other)
        with pytest.raises(SystemExit) as ended:
            load_command_class("percipio_openedx", call[0]).run_from_argv(["manage.py", *call])
    assert ended.value.code == ExitCode.PROBLEM


# --- exit codes ------------------------------------------------------------------------------------------------------


def test_every_command_is_in_the_table_of_exit_codes() -> None:
    assert set(PROBLEMS) == COMMANDS
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_shows_the_table(name: str) -> None:
    text = " ".join(load_command_class("percipio_openedx", name).create_parser("manage.py", name).format_help().split())
    assert f"1, {PROBLEMS[name]}; 2, {MEANINGS[ExitCode.USAGE]}." in text


def test_no_command_has_an_exit_code_of_its_own() -> None:
    """Numbers stand in the table alone, and every error names one of them."""
    found = []
    for path in sorted(Path(exit_codes.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("CommandError", "SystemExit"):
                given = [*node.args[1:], *(one.value for one in node.keywords)]
                given += node.args if getattr(node.func, "id", "") == "SystemExit" else []
                found.append([ast.unparse(one) for one in given])
    assert len(found) >= 4
    assert [one for one in found if not one or not one[0].startswith("ExitCode.")] == []
