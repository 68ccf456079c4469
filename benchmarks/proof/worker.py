"""Entry of the harness's Celery worker: the demo's, with a clock that can be moved."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.proof import clock

clock.install(Path(os.environ["CHAOS_CLOCK"]))

from demo.worker import app  # noqa: E402

__all__ = ["app"]
