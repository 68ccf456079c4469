"""Makes the harness's LMS ready: tables, sites and courses. ``python -m benchmarks.proof.school`` does it by itself."""

from __future__ import annotations

import os

import django


def main() -> None:
    """Make everything that a class needs, with whatever version of the plugin this process finds."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.proof.settings")
    django.setup()
    from django.core.management import call_command

    from benchmarks.proof.courses import PLANS
    from demo.learning.publishing import publish

    call_command("setup_demo")
    for plan in PLANS:
        publish(plan)


if __name__ == "__main__":
    main()
