"""The settings: each with its name, default and help, read from the environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class SettingsError(Exception):
    """Settings have values they cannot have; the message names each with its value."""


class Setting(NamedTuple):
    """One setting; ``parse`` raises ValueError with what a value must be."""

    name: str
    default: str
    help: str
    parse: Callable[[str], Any]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The parsed settings; ``threshold`` is None for the artifact's own."""

    host: str
    port: int
    model_dir: Path
    threshold: float | None
    version: str
    log_level: str
    max_body_bytes: int
    max_batch_rows: int
    drain_seconds: int
    shutdown_seconds: int


LOG_LEVELS = ("debug", "info", "warning", "error")


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _threshold(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise ValueError("must be a number between 0 and 1")
    return value


def _track(text: str) -> str:
    if not (len(text) <= 63 and text.replace("-", "").isalnum() and text.isascii()):
        raise ValueError("must be letters, digits and dashes, like stable")
    return text


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.lower()


SETTINGS = (
    Setting("HOST", "127.0.0.1", "address to listen on; 0.0.0.0 for all", str),
    Setting("PORT", "8000", "port to listen on", _whole_number(1, 65535)),
    Setting("MODEL_DIR", "artifacts/current", "directory of the model to serve", Path),
    Setting("THRESHOLD", "", "malignant from this probability on; empty: the model's", _threshold),
    Setting("VERSION", "stable", "deployment track that /health and metrics name", _track),
    Setting("LOG_LEVEL", "info", f"one of {', '.join(LOG_LEVELS)}", _log_level),
    Setting("MAX_BODY_BYTES", "1048576", "largest request body", _whole_number(1, 2**30)),
    Setting("MAX_BATCH_ROWS", "5000", "most cases in one request", _whole_number(1, 2**20)),
    Setting("DRAIN_SECONDS", "0", "how long to go on answering after SIGTERM",
            _whole_number(0, 3600)),
    Setting("SHUTDOWN_SECONDS", "20", "patience with open requests after that",
            _whole_number(0, 3600)),
)  # fmt: skip


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; an empty variable counts as not set.

    Raises:
        SettingsError: at least one value is wrong.
    """
    values, errors = {}, []
    for setting in SETTINGS:
        text = environment.get(setting.name) or setting.default
        try:
            values[setting.name.lower()] = setting.parse(text)
        except ValueError as error:
            errors.append(f"{setting.name}={text!r} {error}")
    if errors:
        raise SettingsError("; ".join(errors))
    return Settings(**values)


def describe_settings() -> str:
    """Return the list of settings for ``--help``."""
    width = max(len(setting.name) for setting in SETTINGS)
    return "\n".join(
        f"  {setting.name:{width}}  {setting.help} (default: {setting.default or 'empty'})"
        for setting in SETTINGS
    )
