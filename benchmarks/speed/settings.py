"""The demo LMS on the servers that the measurements were given, reporting to their own receiver."""

from __future__ import annotations

import os

from edx_django_utils.plugins import registry

if os.environ.get("BENCH_WITHOUT_PLUGIN"):
    _all = registry.get_plugin_app_configs
    registry.get_plugin_app_configs = lambda project: [one for one in _all(project) if one.name != "percipio_openedx"]

from demo.settings import *  # noqa: F403
from demo.settings import CACHES, EVENT_TRACKING_BACKENDS, INSTALLED_APPS, LOGGING

# What the LMS tracks is no part of what is measured.
LOGGING["loggers"]["tracking"] = {"handlers": [], "level": "CRITICAL", "propagate": False}

# Tables from the models, without history: nothing here tests a migration.
MIGRATION_MODULES = {name.removesuffix(".apps").split(".")[-1]: None for name in INSTALLED_APPS}
MIGRATION_MODULES.update({app.split(".apps.")[0].rsplit(".", 1)[-1]: None for app in INSTALLED_APPS})

BROKER_POOL_LIMIT = 10
PERCIPIO_OBSERVE_AFTER = int(os.environ.get("PERCIPIO_OBSERVE_AFTER", "0"))
PERCIPIO_BATCH_SIZE = 100

# What is compared with event-routing-backends has it at work; nothing else has, with the plugin and without it.
if os.environ.get("BENCH_EVENT_ROUTING"):
    PERCIPIO_KEEP_EVENT_ROUTING = True
else:
    EVENT_TRACKING_BACKENDS.pop("event_transformer", None)

if os.environ.get("BENCH_PEER_BATCHING"):
    EVENT_ROUTING_BACKEND_BATCHING_ENABLED = True
    # Its batches lie in Redis, which it reaches through this class of cache only.
    CACHES["default"]["BACKEND"] = "django_redis.cache.RedisCache"
