"""What the environment says about the demo: database, cache, broker, and the plugin's settings."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf.locale import LANG_INFO
from django.utils.translation import to_language

import percipio_openedx

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
PLUGIN_PREFIX = "PERCIPIO_"
# Seconds that a writer waits for SQLite's one write lock.
SQLITE_TIMEOUT_SECONDS = 30


def is_true(text: str) -> bool:
    """Whether a word of the environment means yes."""
    return text.strip().lower() in TRUE_WORDS


def database(url: str, file: Path) -> dict[str, Any]:
    """Django's database dict for `mysql://user:password@host:port/name`; for an SQLite file without a URL.

    Raises ValueError for another kind of database.
    """
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(file),
            "ATOMIC_REQUESTS": True,
            "OPTIONS": {
                "timeout": SQLITE_TIMEOUT_SECONDS,
                # Else a transaction that reads first and writes later fails where it should wait.
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    parts = urlsplit(url)
    if parts.scheme != "mysql":
        raise ValueError(f"the demo knows mysql:// databases, not {parts.scheme}://")
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "127.0.0.1",
        "PORT": str(parts.port or 3306),
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"charset": "utf8mb4"},
    }


def migration_modules(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Apps whose migrations this database cannot run."""
    return {} if chosen["ENGINE"].endswith("mysql") else {"completion_aggregator": None}


def cache(url: str, directory: Path) -> dict[str, Any]:
    """Django's cache dict: Redis for a `redis://` address, else files, which several processes can share."""
    if url:
        return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    return {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": str(directory)}


def file_broker(directory: Path) -> dict[str, Any]:
    """Kombu's options for a broker that is a folder: no server to install."""
    messages, control = directory / "messages", directory / "control"
    for folder in (messages, control):
        folder.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "control_folder": str(control),
        "store_processed": False,
        "polling_interval": 0.2,
    }


def languages() -> list[tuple[str, str]]:
    """Code and own name of English and of each language that the plugin is translated into, as `LANGUAGES` has them."""
    folders = Path(percipio_openedx.__file__).parent.glob("conf/locale/*/LC_MESSAGES")
    codes = sorted({"en", *(to_language(folder.parent.name) for folder in folders)})
    return [(code, LANG_INFO[code]["name_local"]) for code in codes if code in LANG_INFO]


def override(settings: MutableMapping[str, Any], environ: Mapping[str, str]) -> None:
    """Lay every `PERCIPIO_*` variable over the setting of that name, read as the default's type says."""
    for name, text in environ.items():
        if name.startswith(PLUGIN_PREFIX):
            settings[name] = _read(text, settings.get(name))


def _read(text: str, default: Any) -> Any:
    if isinstance(default, bool):
        return is_true(text)
    if isinstance(default, int):
        return int(text)
    if isinstance(default, float):
        return float(text)
    if isinstance(default, list):
        return text.split()
    return text
