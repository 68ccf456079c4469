"""Settings of the tests: the demo LMS without its files, its broker and the caller's environment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# What a developer has set for the demo must not decide what the tests see.
for _name in [name for name in os.environ if name.startswith(("PERCIPIO_", "DEMO_"))]:
    if not _name.startswith(("PERCIPIO_TEST_", "PERCIPIO_POISON_")):
        del os.environ[_name]

from demo.settings import *  # noqa: E402, F403
from demo.settings import DATABASES, LANGUAGES, LOGGING, MIDDLEWARE, ProjectType, SettingsType, add_plugins, environment  # noqa: E402
from percipio_openedx.settings.common import DEFAULTS  # noqa: E402

# The plugin as it comes, not as the demo sets it up; a test that reports says to whom.
globals().update(DEFAULTS)
# But for the sweep, which looks at what a test has hidden from the notices; its own tests switch it on.
PERCIPIO_SWEEP = False
# A test says in which language a page is asked for, whatever its browser speaks and whichever the demo offers.
del LANGUAGES
MIDDLEWARE = [name for name in MIDDLEWARE if name != "django.middleware.locale.LocaleMiddleware"]
# Addresses of the tests' own servers, and a seed, which the demo takes for settings of the plugin.
for _name in [name for name in globals() if name.startswith(("PERCIPIO_TEST_", "PERCIPIO_POISON_"))]:
    del globals()[_name]

# What the LMS tracks goes to whichever test listens.
LOGGING["loggers"]["tracking"]["handlers"] = []

# A file, and not memory: threads and processes then meet the same locks as they do on a real site.
_FILE = Path(tempfile.gettempdir()) / f"percipio-openedx-tests-{os.getpid()}.sqlite3"

DATABASES["default"] = environment.database(os.environ.get("PERCIPIO_TEST_DATABASE_URL", ""), _FILE)
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
    DATABASES["default"]["TEST"] = {"NAME": str(_FILE)}
else:
    DATABASES["default"]["TEST"] = {"CHARSET": "utf8mb4"}
MIGRATION_MODULES = environment.migration_modules(DATABASES["default"])
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Two thirds of the time of making the tables; on MariaDB all of these migrations do run.
    _THIRD_PARTY = (
        "celery_utils",
        "completion",
        "event_routing_backends",
        "oauth2_provider",
        "social_django",
        "waffle",
    )
    MIGRATION_MODULES |= dict.fromkeys(_THIRD_PARTY)

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "tests"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

BROKER_URL = "memory://localhost/"
BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}

add_plugins(__name__, ProjectType.LMS, SettingsType.TEST)
