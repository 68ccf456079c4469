"""What Tutor renders with the plugin enabled, by the real ``tutor`` of the version that is installed here."""

from __future__ import annotations

import ast
import builtins
import importlib.metadata
import itertools
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from tests.conftest import Rendered
from tutorpercipio import values

REPOSITORY = Path(__file__).resolve().parents[3]
PLUGIN = REPOSITORY / "contrib" / "tutor-contrib-percipio" / "tutorpercipio"
PATCHES = sorted(path.name for path in (PLUGIN / "patches").iterdir())

SIX = {
    "PERCIPIO_REGION": "eu",
    "PERCIPIO_PARTNER_NAME": 'Acme\'s "best" partner',
    "PERCIPIO_ORGANIZATION_ID": "0f3c-org",
    "PERCIPIO_CLIENT_ID": "1234567",
    "PERCIPIO_CLIENT_SECRET": "s3cret{}'\"\\",
    "PERCIPIO_LEARNERS": "sso:tpa-saml",
}
LMS_SETTINGS = ("apps/openedx/settings/lms/production.py", "apps/openedx/settings/lms/development.py")
CMS_SETTINGS = ("apps/openedx/settings/cms/production.py", "apps/openedx/settings/cms/development.py")


class Settings(dict[str, Any]):
    """The names of a settings module; those that edx-platform would have set are there, whatever they are."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        return self.setdefault(name, MagicMock())


def settings_of(rendered: Rendered, path: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Run a rendered settings file, without edx-platform under it."""
    tree = ast.parse(rendered.text(path))
    for name in imported(tree):
        if name.partition(".")[0] not in sys.stdlib_module_names:
            for stub in itertools.accumulate(name.split("."), "{}.{}".format):
                monkeypatch.setitem(sys.modules, stub, stand_in(stub))
    for effect in ("os.makedirs", "warnings.filterwarnings", "logging.disable"):
        monkeypatch.setattr(effect, lambda *_, **__: None)
    settings = Settings(EVENT_TRACKING_BACKENDS={"tracking_logs": {}, "event_transformer": {}})
    exec(compile(tree, path, "exec"), {}, settings)  # that it runs is the test
    return settings


def imported(tree: ast.Module) -> set[str]:
    """The modules that a file imports."""
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def stand_in(name: str) -> types.ModuleType:
    """A module of edx-platform in which every name is found, and from which ``*`` brings none."""
    module = types.ModuleType(name)
    module.__dict__.update(__all__=[], __getattr__=lambda _: MagicMock())
    return module


def save(rendered: Rendered, **given: str) -> None:
    arguments = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    rendered.tutor("config", "save", *arguments)


def quoted(values: dict[str, str]) -> dict[str, str]:
    """As YAML strings, which is how Tutor reads values."""
    return {name: "'" + value.replace("'", "''") + "'" for name, value in values.items()}


def test_the_six_values_reach_the_lms_unchanged(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    save(rendered, **quoted(SIX))
    for path in LMS_SETTINGS:
        settings = settings_of(rendered, path, monkeypatch)
        assert {name: settings[name] for name in SIX} == SIX
        assert settings["PERCIPIO_ENABLED"] is True


def test_a_client_id_of_digits_is_a_text(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    save(rendered, PERCIPIO_CLIENT_ID="1234567")
    assert settings_of(rendered, LMS_SETTINGS[0], monkeypatch)["PERCIPIO_CLIENT_ID"] == "1234567"


def test_untouched_values_render_the_settings_own_defaults(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    save(rendered)
    settings = settings_of(rendered, LMS_SETTINGS[0], monkeypatch)
    ours = {name: value for name, value in settings.items() if name.startswith("PERCIPIO_")}
    assert ours == {name: default for name, default in defaults().items() if name in ours}
    assert len(ours) == 9


def test_further_settings_are_python_values(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    further = {"PERCIPIO_COMPLETED_ON": "certificate", "PERCIPIO_SEND_NAMES": False, "PERCIPIO_PROGRESS_STEP": 25}
    save(rendered, PERCIPIO_SETTINGS=str(further))
    settings = settings_of(rendered, LMS_SETTINGS[0], monkeypatch)
    assert {name: settings[name] for name in further} == further
    assert set(further) <= set(defaults())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{'PERCIPIO_ENABLED': false}", "is set by the Tutor value of the same name"),
        ("{'PERCIPIO_ENCRYPTION_KEYS': ['x']}", "is set by the Tutor value of the same name"),
        ("{'os.x = 1; PERCIPIO_A': 1}", "is not the name of a PERCIPIO_* setting"),
        ("{'PERCIPIO_COMPLETED_OM': 'passed'}", "did you mean PERCIPIO_COMPLETED_ON?"),
        ("[1]", "must be a mapping"),
    ],
)
def test_a_wrong_further_setting_stops_the_rendering(rendered: Rendered, wrong: str, said: str) -> None:
    done = rendered.attempt("config", "save", "--set", f"PERCIPIO_SETTINGS={wrong}")
    assert done.returncode != 0
    assert "PERCIPIO_SETTINGS" in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("PERCIPIO_COMPLETED_ON", "goes into PERCIPIO_SETTINGS"),
        ("PERCIPIO_CLIENTSECRET", "did you mean PERCIPIO_CLIENT_SECRET?"),
        ("PERCIPIO_COMPLETED_OM", "did you mean PERCIPIO_COMPLETED_ON?"),
        ("PERCIPIO_XYZ", "is no value of this Tutor plugin"),
    ],
)
def test_a_value_that_would_do_nothing_stops_the_rendering(rendered: Rendered, name: str, said: str) -> None:
    done = rendered.attempt("config", "save", "--set", f"{name}=passed")
    assert done.returncode != 0
    assert f"{name} is no value of this Tutor plugin" in done.stderr
    assert said in done.stderr
    rendered.tutor("config", "save", "--unset", name)


def test_every_setting_of_the_lms_can_be_given() -> None:
    assert sorted(values.OWN + values.FURTHER) == sorted(defaults())
    assert set(values.OWN) < set(values.DEFAULTS)


def test_the_keys_reach_the_lms_unchanged(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ["new key with 'quotes' and \\", "1234567890123456"]
    save(rendered, PERCIPIO_ENCRYPTION_KEYS=json.dumps(keys))
    for path in LMS_SETTINGS:
        assert settings_of(rendered, path, monkeypatch)["PERCIPIO_ENCRYPTION_KEYS"] == keys
    for path in CMS_SETTINGS:
        assert "PERCIPIO_ENCRYPTION_KEYS" not in rendered.text(path)


def test_the_container_s_own_keys_win(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    save(rendered, PERCIPIO_ENCRYPTION_KEYS='["of the configuration"]')
    monkeypatch.setenv("PERCIPIO_ENCRYPTION_KEYS", " newest\nolder ")
    settings = settings_of(rendered, LMS_SETTINGS[0], monkeypatch)
    assert settings["PERCIPIO_ENCRYPTION_KEYS"] == ["newest", "older"]


@pytest.mark.parametrize("wrong", ["one-text", "[null]", "['']", "{'a': 'b'}"])
def test_keys_that_are_no_list_of_texts_stop_the_rendering(rendered: Rendered, wrong: str) -> None:
    done = rendered.attempt("config", "save", "--set", f"PERCIPIO_ENCRYPTION_KEYS={wrong}")
    assert done.returncode != 0
    assert "PERCIPIO_ENCRYPTION_KEYS must be a list of texts" in done.stderr


def test_the_secret_can_stay_out_of_the_configuration(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered.tutor("config", "save", TUTOR_PERCIPIO_CLIENT_SECRET="from the shell")
    assert "from the shell" not in (rendered.root / "config.yml").read_text(encoding="utf-8")
    settings = settings_of(rendered, LMS_SETTINGS[0], monkeypatch)
    assert settings["PERCIPIO_CLIENT_SECRET"] == "from the shell"


def test_the_container_s_own_secret_wins(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    save(rendered, **quoted(SIX))
    monkeypatch.setenv("PERCIPIO_CLIENT_SECRET", "from the container")
    settings = settings_of(rendered, LMS_SETTINGS[0], monkeypatch)
    assert settings["PERCIPIO_CLIENT_SECRET"] == "from the container"


def test_the_cms_gets_no_credentials(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    save(rendered, **quoted(SIX))
    for path in CMS_SETTINGS:
        settings = settings_of(rendered, path, monkeypatch)
        assert [name for name in settings if name.startswith("PERCIPIO")] == ["PERCIPIO_KEEP_EVENT_ROUTING"]
        assert SIX["PERCIPIO_CLIENT_ID"] not in rendered.text(path)


@pytest.mark.parametrize(("value", "set_to"), [("", None), ("null", None), ("true", True), ("false", False)])
def test_what_becomes_of_event_routing_is_left_to_lms_and_cms(
    rendered: Rendered, monkeypatch: pytest.MonkeyPatch, value: str, set_to: bool | None
) -> None:
    """They find out who uses it, when their settings are final and they have a database, or do as they are told."""
    save(rendered, **({"PERCIPIO_KEEP_EVENT_ROUTING": value} if value else {}))
    for path in LMS_SETTINGS + CMS_SETTINGS:
        settings = settings_of(rendered, path, monkeypatch)
        assert settings["PERCIPIO_KEEP_EVENT_ROUTING"] is set_to, path
        assert sorted(settings["EVENT_TRACKING_BACKENDS"]) == ["event_transformer", "tracking_logs"]


def kustomized(rendered: Rendered) -> list[dict[str, Any]]:
    """What `tutor k8s` would apply, by kubectl's own kustomize."""
    command = ["kubectl", "kustomize", str(rendered.root / "env")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def files_with(rendered: Rendered, text: str) -> dict[str, str]:
    """The files below Tutor's root that hold a text, with their modes."""
    return {
        path.relative_to(rendered.root).as_posix(): oct(path.stat().st_mode & 0o777)
        for path in rendered.root.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    }


def test_where_tutor_writes_the_secret(rendered: Rendered) -> None:
    """As docs/tutor.md says: in three files that everybody on the machine may read, and in a ConfigMap."""
    mask = os.umask(0o022)
    try:
        save(rendered, PERCIPIO_CLIENT_SECRET="canary-7f3a")
    finally:
        os.umask(mask)
    assert files_with(rendered, "canary-7f3a") == dict.fromkeys(
        ["config.yml", *(f"env/{path}" for path in LMS_SETTINGS)], "0o644"
    )


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
class TestKubernetes:
    """What stands in the objects of a cluster."""

    def test_a_secret_of_tutors_configuration_is_in_a_configmap(self, rendered: Rendered) -> None:
        save(rendered, PERCIPIO_CLIENT_SECRET="canary-7f3a")
        holding = {item["kind"] for item in kustomized(rendered) if "canary-7f3a" in str(item)}
        assert holding == {"ConfigMap"}

    @pytest.mark.parametrize("runner", ["true", "false"])
    def test_a_secret_of_the_cluster_reaches_whatever_runs_the_lms(self, rendered: Rendered, runner: str) -> None:
        save(rendered, PERCIPIO_KUBERNETES_SECRET="percipio", PERCIPIO_RUNNER=runner)
        wanted = {
            "name": "PERCIPIO_CLIENT_SECRET",
            "valueFrom": {"secretKeyRef": {"name": "percipio", "key": "client-secret"}},
        }
        found = {
            item["metadata"]["name"]
            for item in kustomized(rendered)
            if item["kind"] in ("Deployment", "Job")
            and wanted in item["spec"]["template"]["spec"]["containers"][0].get("env", [])
        }
        assert found == {"lms", "lms-worker", "lms-job"} | ({"percipio-runner"} if runner == "true" else set())

    def test_also_a_job_that_tutor_has_given_its_number(self, rendered: Rendered) -> None:
        save(rendered, PERCIPIO_KUBERNETES_SECRET="percipio")
        jobs = rendered.root / "env" / "k8s" / "jobs.yml"
        jobs.write_text(jobs.read_text(encoding="utf-8").replace("name: lms-job", "name: lms-job-20261128174700"))
        (job,) = [item for item in kustomized(rendered) if item["metadata"]["name"] == "lms-job-20261128174700"]
        assert "secretKeyRef" in str(job)

    def test_none_is_asked_for_unless_it_is_named(self, rendered: Rendered) -> None:
        save(rendered)
        assert "secretKeyRef" not in str(kustomized(rendered))


def test_every_patch_is_one_that_tutor_has(rendered: Rendered) -> None:
    known = set(re.findall(r"^[a-z0-9-]+", rendered.tutor("config", "patches", "list"), re.MULTILINE))
    assert set(PATCHES) - known == set()


def test_the_runner_is_the_lms_worker_with_another_command(rendered: Rendered) -> None:
    save(rendered)
    services = rendered.yaml("local/docker-compose.prod.yml")["services"]
    command = ["./manage.py", "lms", "percipio_run", "--loop"]
    assert services["percipio-runner"] == {**services["lms-worker"], "command": command}


def test_the_runner_in_kubernetes_is_the_lms_worker_with_another_command(rendered: Rendered) -> None:
    save(rendered)
    worker = rendered.kubernetes("k8s/deployments.yml", "lms-worker")
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    container["name"], container["args"] = "percipio-runner", ["./manage.py", "lms", "percipio_run", "--loop"]
    worker["metadata"]["name"] = "percipio-runner"
    name = {"app.kubernetes.io/name": "percipio-runner"}
    worker["metadata"]["labels"] = worker["spec"]["selector"]["matchLabels"] = name
    worker["spec"]["template"]["metadata"]["labels"] = name
    assert rendered.kubernetes("k8s/deployments.yml", "percipio-runner") == worker


def test_without_the_runner_no_service_is_left(rendered: Rendered) -> None:
    save(rendered, PERCIPIO_RUNNER="false")
    assert "percipio-runner" not in rendered.yaml("local/docker-compose.prod.yml")["services"]
    assert "percipio" not in rendered.text("k8s/deployments.yml")


def test_in_development_there_is_no_runner(rendered: Rendered) -> None:
    save(rendered)
    assert "percipio-runner" not in rendered.text("local/docker-compose.yml") + rendered.text("dev/docker-compose.yml")


def test_the_package_is_installed_into_the_image(rendered: Rendered) -> None:
    save(rendered, PERCIPIO_PACKAGE="git+https://example.com/percipio_openedx.git@main")
    dockerfile = rendered.text("build/openedx/Dockerfile")
    command = "$PIP_COMMAND install 'git+https://example.com/percipio_openedx.git@main'"
    assert [line.strip() for line in dockerfile.splitlines() if "percipio" in line] == [command]


@pytest.mark.parametrize("name", ["percipio_openedx", "percipio-openedx"])
def test_a_mounted_checkout_is_installed_instead(rendered: Rendered, tmp_path: Path, name: str) -> None:
    checkout = tmp_path / name
    checkout.mkdir()
    rendered.tutor("mounts", "add", str(checkout))
    dockerfile = rendered.text("build/openedx/Dockerfile")
    assert f'$PIP_COMMAND install -e "/mnt/{name}"' in dockerfile
    installs = set(re.findall(r"^.*install.*percipio.*", dockerfile, re.MULTILINE))
    assert installs == {f'RUN $PIP_COMMAND install -e "/mnt/{name}"'}
    services = rendered.yaml("local/docker-compose.prod.yml")["services"]
    assert f"{checkout}:/mnt/{name}:z" in services["percipio-runner"]["volumes"]
    assert services["percipio-runner"]["volumes"] == services["lms-worker"]["volumes"]


def test_the_tutor_plugin_s_own_folder_is_no_checkout_of_the_package(rendered: Rendered, tmp_path: Path) -> None:
    folder = tmp_path / "percipio_openedx_docs"
    folder.mkdir()
    rendered.tutor("mounts", "add", str(folder))
    assert "/mnt/percipio_openedx_docs" not in rendered.text("build/openedx/Dockerfile")


def test_a_disabled_plugin_leaves_nothing_behind(rendered: Rendered) -> None:
    save(rendered)
    rendered.tutor("plugins", "disable", "percipio")
    rendered.tutor("config", "save")
    for path in (*LMS_SETTINGS, *CMS_SETTINGS, "local/docker-compose.prod.yml", "k8s/deployments.yml"):
        assert "percipio" not in rendered.text(path).lower()


def test_this_tutor_is_one_that_the_plugin_supports() -> None:
    assert importlib.metadata.version("tutor").partition(".")[0] in {"21", "22"}


def defaults() -> dict[str, Any]:
    """The settings and their defaults, from the one file of them: the LMS's packages are not installed here."""
    path = REPOSITORY / "percipio_openedx" / "settings" / "common.py"
    return dict(runpy.run_path(str(path))["DEFAULTS"])
