"""Settings of the demo LMS, in the LMS's order: base, plugins, then the operator and the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from edx_django_utils.plugins import add_plugins, get_plugin_apps

from demo import broker, environment, keys

DEMO_DIR = Path(__file__).resolve().parent
STANDINS = DEMO_DIR / "standins"
if str(STANDINS) not in sys.path:
    sys.path.append(str(STANDINS))

from openedx.core.djangoapps.plugins.constants import ProjectType, SettingsType  # noqa: E402

# Everything that the running demo writes: database, cache, queue.
VAR = Path(os.environ.get("DEMO_VAR", DEMO_DIR / "var"))
VAR.mkdir(parents=True, exist_ok=True)

# --- Django ---------------------------------------------------------------------------------------

SECRET_KEY = os.environ.get("DEMO_SECRET_KEY") or keys.secret_key(VAR / "secret-key")
# As in production: with DEBUG on, openedx events let a failing receiver through to the learner.
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "demo.urls"
WSGI_APPLICATION = None
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = os.environ.get("DEMO_LANGUAGE", "en")
# Those that the plugin speaks; whoever looks at the demo can choose (see demo/urls.py).
LANGUAGES = environment.languages()
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
SITE_ID = 1
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"

DATABASES = {"default": environment.database(os.environ.get("DEMO_DATABASE_URL", ""), VAR / "lms.sqlite3")}
# One of the completion aggregator's migrations speaks MySQL only; elsewhere its models make the tables.
MIGRATION_MODULES: dict[str, Any] = environment.migration_modules(DATABASES["default"])
CACHES = {"default": environment.cache(os.environ.get("DEMO_CACHE_URL", ""), VAR / "cache")}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "rest_framework",
    "oauth2_provider",
    "social_django",
    "waffle",
    "config_models",
    "celery_utils",
    "eventtracking.django",
    "openedx_events",
    "common.djangoapps.course_modes.apps.CourseModesConfig",
    "common.djangoapps.student.apps.StudentConfig",
    "common.djangoapps.third_party_auth.apps.ThirdPartyAuthConfig",
    "openedx.core.djangoapps.content.block_structure.apps.BlockStructureConfig",
    "openedx.core.djangoapps.content.course_overviews.apps.CourseOverviewsConfig",
    "openedx.core.djangoapps.course_groups.apps.CourseGroupsConfig",
    "openedx.core.djangoapps.django_comment_common.apps.DjangoCommentCommonConfig",
    "openedx.core.djangoapps.external_user_ids.apps.ExternalUserIDConfig",
    "openedx.core.djangoapps.oauth_dispatch.apps.OAuthDispatchAppConfig",
    "openedx.core.djangoapps.site_configuration.apps.SiteConfigurationConfig",
    "openedx.core.djangoapps.user_api.apps.UserAPIConfig",
    "openedx.core.djangoapps.util.apps.UtilConfig",
    "openedx.features.content_type_gating.apps.ContentTypeGatingConfig",
    "lms.djangoapps.certificates.apps.CertificatesConfig",
    "lms.djangoapps.courseware.apps.CoursewareConfig",
    "lms.djangoapps.grades.apps.GradesConfig",
    "demo.learning.apps.LearningConfig",
    "openedx.core.djangoapps.plugins.apps.PluginsConfig",
]
INSTALLED_APPS.extend(get_plugin_apps(ProjectType.LMS))

MIDDLEWARE = [
    "edx_django_utils.cache.middleware.RequestCacheMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "crum.CurrentRequestUserMiddleware",
    "demo.sites.SiteByHostMiddleware",
    "common.djangoapps.track.middleware.TrackMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [DEMO_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain"},
        "tracking": {
            "class": "logging.handlers.WatchedFileHandler",
            "filename": str(VAR / "tracking.log"),
            "encoding": "utf-8",
            "delay": True,
        },
    },
    "root": {"handlers": ["console"], "level": os.environ.get("DEMO_LOG_LEVEL", "WARNING")},
    "loggers": {"tracking": {"handlers": ["tracking"], "level": "DEBUG", "propagate": False}},
}

# --- the LMS --------------------------------------------------------------------------------------

LMS_ROOT_URL = os.environ.get("DEMO_LMS_ROOT_URL", "https://academy.demo.local")
PLATFORM_NAME = "Demo Academy"
# As the LMS comes: no micro-frontends.
LEARNING_MICROFRONTEND_URL: str | None = None
COURSE_ABOUT_VISIBILITY_PERMISSION = "see_exists"
# No monitoring service watches the demo.
OPENEDX_TELEMETRY: list[str] = []
FEATURES: dict[str, Any] = {}
RETIRED_USER_SALTS = ["demo-salt"]
RETIRED_USERNAME_PREFIX = RETIRED_EMAIL_PREFIX = "retired__user_"
RETIRED_EMAIL_DOMAIN = "retired.invalid"
# edx-platform derives these two from the others when its settings are complete.
RETIRED_USERNAME_FMT = f"{RETIRED_USERNAME_PREFIX}{{}}"
RETIRED_EMAIL_FMT = f"{RETIRED_EMAIL_PREFIX}{{}}@{RETIRED_EMAIL_DOMAIN}"
CLEAR_REQUEST_CACHE_ON_TASK_COMPLETION = True
# Seconds by name of a platform function, to try the plugin on a slow LMS (see demo.learning.costs).
DEMO_PLATFORM_DELAYS: dict[str, float] = {}

# As the LMS has it for everybody: whatever is encrypted with it can be read by everybody.
FERNET_KEYS = ["DUMMY KEY CHANGE BEFORE GOING TO PRODUCTION"]

EVENT_TRACKING_ENABLED = True
TRACKING_IGNORE_URL_PATTERNS = ["^/event", "^/login", "^/heartbeat", "^/segmentio/event", "^/performance"]
EVENT_TRACKING_PROCESSORS: list[Any] = []
EVENT_TRACKING_BACKENDS: dict[str, Any] = {
    "tracking_logs": {
        "ENGINE": "eventtracking.backends.routing.RoutingBackend",
        "OPTIONS": {
            "backends": {
                "logger": {
                    "ENGINE": "eventtracking.backends.logger.LoggerBackend",
                    "OPTIONS": {"name": "tracking", "max_event_size": 50000},
                }
            },
            "processors": [],
        },
    },
}

# --- API clients ----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "edx_rest_framework_extensions.auth.jwt.authentication.JwtAuthentication",
        "edx_rest_framework_extensions.auth.session.authentication.SessionAuthenticationAllowInactiveUser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_RATES": {"user": "60/minute", "service_user": "800/minute"},
    "EXCEPTION_HANDLER": "rest_framework.views.exception_handler",
}
OAUTH2_PROVIDER = {
    "OAUTH2_VALIDATOR_CLASS": "openedx.core.djangoapps.oauth_dispatch.validators.EdxOAuth2Validator",
    "SCOPES_BACKEND_CLASS": "openedx.core.djangoapps.oauth_dispatch.scopes.ApplicationModelScopes",
    "SCOPES": {
        "read": "Read access",
        "write": "Write access",
        "email": "Know your email address",
        "profile": "Know your name and username",
        "certificates:read": "Retrieve your course certificates",
        "grades:read": "Retrieve your grades for your enrolled courses",
        "tpa:read": "Retrieve your third-party authentication username mapping",
        "user_id": "Know your user identifier",
    },
    "DEFAULT_SCOPES": ["read", "write", "email", "profile"],
    "ACCESS_TOKEN_EXPIRE_SECONDS": 36000,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 7776000,
}
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth2_provider.Application"
# Never without public keys: with none, edx-drf-extensions takes any signature for a good one.
_PRIVATE_JWK, _PUBLIC_JWK_SET = keys.signing_keys(VAR / "signing-key.json")
JWT_AUTH = {
    "JWT_PRIVATE_SIGNING_JWK": _PRIVATE_JWK,
    "JWT_PUBLIC_SIGNING_JWK_SET": _PUBLIC_JWK_SET,
    "JWT_SIGNING_ALGORITHM": "RS512",
    "JWT_ISSUER": f"{LMS_ROOT_URL}/oauth2",
    "JWT_AUDIENCE": "demo-lms",
    "JWT_SECRET_KEY": SECRET_KEY,
    "JWT_ALGORITHM": "HS256",
    "JWT_AUTH_HEADER_PREFIX": "JWT",
    "JWT_DECODE_HANDLER": "edx_rest_framework_extensions.auth.jwt.decoder.jwt_decode_handler",
    "JWT_SUPPORTED_VERSION": "1.2.0",
    "JWT_VERIFY_AUDIENCE": False,
    "JWT_LEEWAY": 1,
    "JWT_ISSUERS": [{"ISSUER": f"{LMS_ROOT_URL}/oauth2", "AUDIENCE": "demo-lms", "SECRET_KEY": SECRET_KEY}],
}
JWT_ACCESS_TOKEN_EXPIRE_SECONDS = 3600
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]

# --- Celery, under the old upper-case names that the LMS uses -------------------------------------

HIGH_PRIORITY_QUEUE = "edx.lms.core.high"
DEFAULT_PRIORITY_QUEUE = "edx.lms.core.default"
HIGH_MEM_QUEUE = "edx.lms.core.high_mem"
BROKER_URL = os.environ.get("CELERY_BROKER_URL", "filesystem://localhost/")
BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if BROKER_URL.startswith("filesystem:"):
    BROKER_TRANSPORT_OPTIONS = environment.file_broker(VAR / "broker")
    broker.install()
BROKER_POOL_LIMIT = 0
BROKER_CONNECTION_TIMEOUT = 1
CELERY_ALWAYS_EAGER = False
CELERY_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_MESSAGE_COMPRESSION = "gzip"
CELERY_DEFAULT_QUEUE = DEFAULT_PRIORITY_QUEUE
CELERY_DEFAULT_EXCHANGE = "edx.lms.core"
CELERY_DEFAULT_ROUTING_KEY = DEFAULT_PRIORITY_QUEUE
CELERY_QUEUES: dict[str, dict[str, Any]] = {
    HIGH_PRIORITY_QUEUE: {},
    DEFAULT_PRIORITY_QUEUE: {},
    HIGH_MEM_QUEUE: {},
}
CELERY_CREATE_MISSING_QUEUES = True
CELERY_ROUTES = ["openedx.core.lib.celery.routers.route_task"]
CELERYBEAT_SCHEDULE: dict[str, Any] = {}
CELERYD_PREFETCH_MULTIPLIER = 1
CELERYD_HIJACK_ROOT_LOGGER = False

# --- plugins, then what comes after them ----------------------------------------------------------

add_plugins(__name__, ProjectType.LMS, SettingsType.COMMON)
# What the LMS keeps of its YAML file, for plugins that read it.
ENV_TOKENS: dict[str, Any] = {}
AUTH_TOKENS: dict[str, Any] = {}
add_plugins(__name__, ProjectType.LMS, SettingsType.PRODUCTION)

# As at the end of the LMS's production settings: a plugin cannot set these two.
ALTERNATE_ENV_TASKS: dict[str, Any] = {}
EXPLICIT_QUEUES: dict[str, Any] = {}
# The aggregator's rows are made by its own command, not inside the learner's request.
COMPLETION_AGGREGATOR_ASYNC_AGGREGATION = True

# The default site's credentials; the addresses are those of the sandbox. Any of it gives way to the environment.
PERCIPIO_REGION = "custom"
PERCIPIO_API_URL = "http://127.0.0.1:8899"
PERCIPIO_TOKEN_URL = "http://127.0.0.1:8899/oauth2-provider/token"
PERCIPIO_PARTNER_NAME = "demo-academy"
PERCIPIO_CLIENT_ID = "demo-academy-client"
PERCIPIO_CLIENT_SECRET = "demo-academy-secret"
PERCIPIO_LEARNERS = "all"
PERCIPIO_OBSERVE_AFTER = 2

# The sandbox of another region, where one of the second site's customers is; without it, both are in the same.
DEMO_OTHER_REGION_URL = os.environ.get("DEMO_OTHER_REGION_URL", "")

environment.override(globals(), os.environ)
