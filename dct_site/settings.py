"""Django settings: everything an operator may set comes from DCT_* variables; the rest is fixed here or lives in the
database.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from dct_site import environment
from dct_site.admin_site.appearance import UNFOLD as UNFOLD  # the theme looks for it here

BASE_DIR = Path(__file__).resolve().parent.parent


DCT_ENV = environment.kind()
PRODUCTION = DCT_ENV == "production"
DEBUG = False

DCT_DATA_DIR = Path(os.environ.get("DCT_DATA_DIR") or BASE_DIR / "data").resolve()
DCT_PUBLIC_URL = environment.public_url()
DCT_BROKER_URL, DCT_CHANNEL_URL = environment.broker_and_channel_urls()
DCT_METRICS_ALLOW = environment.metrics_allow()
DCT_LOG_FORMAT = environment.log_format(production=PRODUCTION)

SECRET_KEY = environment.secret_key(production=PRODUCTION, kept=DCT_DATA_DIR / "keys")
DCT_ENCRYPTION_KEYS = environment.encryption_keys(production=PRODUCTION, kept=DCT_DATA_DIR / "keys")

ALLOWED_HOSTS = environment.allowed_hosts(production=PRODUCTION)
CSRF_TRUSTED_ORIGINS = [DCT_PUBLIC_URL] if DCT_PUBLIC_URL else []

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "dct_site.admin_site.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "guardian",
    "axes",
    "csp",
    "channels",
    "django_htmx",
    "django_cotton",
    "django_celery_beat",
    "accounts",
    "workspaces",
    "deliverables",
    "agents",
    "triggers",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "dct_site.urls"
ASGI_APPLICATION = "dct_site.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dct_site.navigation.navigation",
            ],
            "libraries": {"dct": "dct_site.templatetags.dct"},
        },
    }
]

DATABASES: dict[str, Any] = {"default": environment.database(data=DCT_DATA_DIR)}

SCALED = bool(DCT_BROKER_URL)
environment.must_agree(
    production=PRODUCTION,
    engine=DATABASES["default"]["ENGINE"],
    broker=DCT_BROKER_URL,
    hosts=ALLOWED_HOSTS,
    public=DCT_PUBLIC_URL,
)
DCT_WAKE_BACKEND = "dct_site.wakeups.backend"
CHANNEL_LAYERS = (
    {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [{"address": DCT_CHANNEL_URL, "socket_timeout": 20}], "capacity": 1000},
        }
    }
    if DCT_CHANNEL_URL
    else {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
)

CELERY_BROKER_URL = DCT_BROKER_URL or "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A killed worker's message came back after 92 s by default, 11 s with these; rows are the truth, a message is a
# wake-up.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "library"
LOGOUT_REDIRECT_URL = "login"
ANONYMOUS_USER_NAME = None
GUARDIAN_RAISE_403 = False
# Object grants are asked by the one permission rule, never through has_perm.
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "accounts.views.signing.locked_out"

KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105
REST_KNOX = {"TOKEN_TTL": timedelta(days=365), "AUTH_HEADER_PREFIX": "Bearer", "TOKEN_MODEL": "accounts.ApiToken"}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "accounts.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.OperationPermission"],
    "DEFAULT_PARSER_CLASSES": ["dct_site.kernel.rest.parsers.SafeJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "dct_site.kernel.rest.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "dct_site.kernel.rest.problems.handle",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Dynamic Context Triggers",
    "DESCRIPTION": "Every event gets an answer.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {
        "Role": "accounts.enums.Role",
        "SourceId": "accounts.enums.Source",
        "TokenScope": "accounts.enums.TokenScope",
        "ToggleKey": "accounts.enums.Toggle",
        "Via": "accounts.enums.Via",
        "ItemKind": "workspaces.enums.ItemKind",
        "ContextKind": "workspaces.enums.ContextKind",
        "TrustTier": "workspaces.enums.TrustTier",
        "ContextRefreshMode": "workspaces.enums.ContextRefreshMode",
        "WorkspaceStatus": "workspaces.enums.WorkspaceStatus",
        "DeliverableKind": "deliverables.enums.DeliverableKind",
        "DeliverableStatus": "deliverables.enums.DeliverableStatus",
        "CheckStatus": "deliverables.enums.CheckStatus",
        "AgentStatus": "agents.enums.AgentStatus",
        "RunStatus": "agents.enums.RunStatus",
        "MessageKind": "agents.enums.MessageKind",
        "Pool": "agents.enums.Pool",
        "TriggerStatus": "triggers.enums.TriggerStatus",
        "ListenerStatus": "triggers.enums.ListenerStatus",
        "ListenerType": "triggers.enums.ListenerType",
        "DeliveryStatus": "triggers.enums.DeliveryStatus",
        "Origin": "triggers.enums.Origin",
        "Outcome": "triggers.enums.Outcome",
        "Suppression": "triggers.enums.Suppression",
        "ExecutionStatus": "triggers.enums.ExecutionStatus",
        "BulkKind": "triggers.enums.BulkKind",
        "BulkStatus": "triggers.enums.BulkStatus",
        "ErasureKind": "triggers.enums.ErasureKind",
        "ErasureStatus": "triggers.enums.ErasureStatus",
        "Attention": "triggers.enums.Attention",
        "StepName": "triggers.enums.StepName",
        "StepStatus": "triggers.enums.StepStatus",
        "Verification": "triggers.enums.Verification",
        "LegState": "triggers.api.executions.LEG_STATES",
        "HealthState": "triggers.api.status.STATES",
        "MakeableSource": "triggers.api.connections.MAKEABLE",
    },
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "dct_site" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "dct_site.static_files.VersionedStorage"},
}
MEDIA_ROOT = DCT_DATA_DIR / "media"

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
# The admin's theme evaluates expressions in the browser; only its own pages get the looser policy.
DCT_ADMIN_CSP = {"script-src": [SELF, UNSAFE_EVAL, NONCE], "style-src": [SELF, UNSAFE_INLINE]}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

LOGGING_CONFIG = None

MIGRATION_LINTER_OPTIONS: dict[str, Any] = {"exclude_apps": ["django_celery_beat", "guardian", "axes", "knox"]}
