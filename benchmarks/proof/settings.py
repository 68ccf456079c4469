"""The demo LMS with queues of the harness's own, short time-outs, and short waits."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from demo.settings import *  # noqa: F403
from demo.settings import DATABASES, LOGGING

_PREFIX = os.environ.get("CHAOS_QUEUES", "chaos")
HIGH_PRIORITY_QUEUE = f"{_PREFIX}.high"
DEFAULT_PRIORITY_QUEUE = f"{_PREFIX}.default"
HIGH_MEM_QUEUE = f"{_PREFIX}.high_mem"
CELERY_DEFAULT_QUEUE = CELERY_DEFAULT_EXCHANGE = CELERY_DEFAULT_ROUTING_KEY = DEFAULT_PRIORITY_QUEUE
CELERY_QUEUES = {HIGH_PRIORITY_QUEUE: {}, DEFAULT_PRIORITY_QUEUE: {}, HIGH_MEM_QUEUE: {}}

# What the LMS tracks is no part of what is tried.
LOGGING["loggers"]["tracking"] = {"handlers": [], "level": "CRITICAL", "propagate": False}

DATABASES["default"].setdefault("OPTIONS", {})["connect_timeout"] = 5
PERCIPIO_TIMEOUT = 2
PERCIPIO_OBSERVE_AFTER = 1
# Statements are distinguished by their number here, so small batches meet the faults in more combinations.
PERCIPIO_BATCH_SIZE = 20

if os.environ.get("CHAOS_CATALOG"):
    # The catalog is sent, too; a comparison each time that the clock has jumped.
    PERCIPIO_CATALOG = "all visible"
    PERCIPIO_CATALOG_PUSH = True
    PERCIPIO_CATALOG_DURATION = 3600
    PERCIPIO_CATALOG_INTERVAL = 60
    PERCIPIO_ORGANIZATION_ID = "demo-academy-organization"

# Which version of the plugin this process runs, for a harness that has several of them.
if "CHAOS_PRESENCE" in os.environ:
    _plugin = Path(str(sys.modules["percipio_openedx"].__file__)).parent
    _head = sorted(path.stem for path in (_plugin / "migrations").glob("[0-9]*.py"))[-1]
    with Path(os.environ["CHAOS_PRESENCE"]).open("a", encoding="utf-8") as _list:
        _list.write(f"{os.environ['CHAOS_PROCESS']}\t{_plugin}\t{_head}\n")
