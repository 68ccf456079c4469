"""``percipio_metrics``: print the Prometheus metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from percipio_openedx.management.exit_codes import ExitCode
from percipio_openedx.management.operator import OperatorCommand
from percipio_openedx.operations import metrics


class Command(OperatorCommand):
    help = (
        "Prints the figures that /percipio/metrics shows, in Prometheus's text form (for the node exporter's textfile "
        "collector, for instance; needs the metrics extra), or with --json as JSON."
    )

    def operate(self, options: Mapping[str, Any]) -> bool:
        if self.as_json:
            for gauge in metrics.gauges():
                samples = [
                    {"labels": dict(zip(gauge.labels, labels, strict=True)), "value": value}
                    for labels, value in gauge.values.items()
                ]
                self.emit({"name": metrics.PREFIX + gauge.name, "meaning": gauge.meaning, "samples": samples})
            return True
        if not metrics.is_available():
            text = _("prometheus_client is missing: pip install 'percipio-openedx[metrics]', or use --json")
            raise CommandError(text, returncode=ExitCode.PROBLEM)
        self.stdout.write(metrics.text().decode(), ending="")
        return True
