"""What Tutor is told: values and their defaults, patches, the mount rule, migrations and jobs."""

from __future__ import annotations

from pathlib import Path

from tutor import hooks

from tutorpercipio import __version__, jobs, settings

# Every value needs a default: a missing one stops Tutor from rendering anything. README.md explains each.
DEFAULTS = {
    "VERSION": __version__,
    "PACKAGE": "percipio-openedx",
    "ENABLED": True,
    "REGION": "us",
    "PARTNER_NAME": "",
    "ORGANIZATION_ID": "",
    "CLIENT_ID": "",
    "CLIENT_SECRET": "",
    "SETTINGS": {},
    "RUNNER": True,
    "KEEP_EVENT_ROUTING": None,
    "KUBERNETES_SECRET": "",
}

hooks.Filters.CONFIG_DEFAULTS.add_items([(f"PERCIPIO_{name}", default) for name, default in DEFAULTS.items()])

for patch in sorted((Path(__file__).parent / "patches").iterdir()):
    hooks.Filters.ENV_PATCHES.add_item((patch.name, patch.read_text(encoding="utf-8")))

hooks.Filters.ENV_TEMPLATE_FILTERS.add_items(
    [("percipio_text", settings.text), ("percipio_literal", settings.literal), ("percipio_further", settings.further)]
)

# `tutor mounts add .../percipio_openedx` installs a checkout into the image and mounts it into every container.
hooks.Filters.MOUNTED_DIRECTORIES.add_item(("openedx", r"percipio[-_]openedx$"))

# event-routing-backends comes with the package, and its router reads a table of its own.
hooks.Filters.CLI_DO_INIT_TASKS.add_item(
    ("lms", "./manage.py lms migrate event_routing_backends\n./manage.py lms migrate percipio_openedx\n")
)
hooks.Filters.CLI_DO_COMMANDS.add_items(jobs.all_jobs())
