"""The figures in Prometheus's text form."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from django.core.cache import cache

from percipio_openedx.metrics.figures import PREFIX, figures

# Seconds for which the text is kept, so that several scrapers cost one count.
KEPT = 15
KEY = "percipio_openedx:metrics"


def is_available() -> bool:
    """Whether ``prometheus_client`` is installed: it comes with the ``metrics`` extra."""
    return find_spec("prometheus_client") is not None


def text() -> tuple[bytes, str]:
    """The page and its content type, at most a few seconds old."""
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    kept: bytes | None = cache.get(KEY)
    if kept is None:
        kept = _written()
        cache.set(KEY, kept, timeout=KEPT)
    return kept, CONTENT_TYPE_LATEST


def _written() -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector

    class Figures(Collector):
        """Reads the database when asked, and keeps nothing: every process would say the same."""

        def collect(self) -> Iterator[GaugeMetricFamily]:
            """Each figure as a gauge."""
            for figure in figures():
                family = GaugeMetricFamily(PREFIX + figure.name, figure.meaning, labels=figure.labels)
                for labels, value in figure.values.items():
                    family.add_metric(labels, value)
                yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures())
    return generate_latest(registry)
