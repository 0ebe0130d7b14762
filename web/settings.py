"""The settings, read from the environment: each with its default, its bounds and its help."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct


class SettingsError(Exception):
    """Settings have values they cannot have; the message names each with its value."""


class Settings(Struct, frozen=True, kw_only=True):
    """The settings; each is read from the variable of its name in capitals."""

    host: Annotated[str, Meta(description="address to listen on; 0.0.0.0 for all")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="port to listen on")] = 8000
    model_dir: Annotated[Path, Meta(description="directory of the model to serve")] = Path(
        "artifacts/current"
    )
    model_public_key: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z0-9+/]{43}=)?\Z",
            description="key that the model must be signed with; empty: it need not be signed",
            extra={"must": "the base64 of 32 bytes, as `python -m bc_model sign` prints it"},
        ),
    ] = ""
    threshold: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(
            description="malignant from this probability on; empty: the model's",
            extra={"must": "a number between 0 and 1"},
        ),
    ] = None
    version: Annotated[
        str,
        Meta(
            pattern=r"^(?=.*[A-Za-z0-9])[A-Za-z0-9-]{1,63}\Z",
            description="deployment track that /health and metrics name",
            extra={"must": "letters, digits and dashes, like stable"},
        ),
    ] = "stable"
    pod_name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9.-]{0,253}\Z",
            description="name that answers give in X-Served-By, after the track",
            extra={"must": "letters, digits, dots and dashes"},
        ),
    ] = ""
    log_level: Annotated[
        str,
        Meta(
            pattern=r"(?i)^(debug|info|warning|error)\Z",
            description="least level of what is logged",
            extra={"must": "debug, info, warning or error"},
        ),
    ] = "info"
    max_body_bytes: Annotated[int, Meta(ge=1, le=2**30, description="largest request body")] = 2**20
    max_batch_rows: Annotated[
        int, Meta(ge=1, le=2**20, description="most cases in one request")
    ] = 5000
    max_head_bytes: Annotated[
        int, Meta(ge=1024, le=2**20, description="largest head of a request")
    ] = 2**16
    max_head_fields: Annotated[
        int, Meta(ge=1, le=10_000, description="most header fields of a request")
    ] = 100
    max_target_bytes: Annotated[
        int, Meta(ge=64, le=2**16, description="longest target of a request, with its query")
    ] = 2**13
    max_refused_bytes: Annotated[
        int, Meta(ge=0, le=2**40, description="most bytes of a refused body that are read")
    ] = 2**26
    max_connections: Annotated[
        int, Meta(ge=1, le=100_000, description="most connections at a time")
    ] = 1000
    max_buffered_bytes: Annotated[
        int,
        Meta(ge=2**20, le=2**40, description="most bytes of unread answers, and requests behind"),
    ] = 2**25
    max_batches: Annotated[
        int, Meta(ge=1, le=1000, description="most batches in work at a time")
    ] = 2
    max_waiting_batches: Annotated[
        int, Meta(ge=0, le=100_000, description="most batches that wait for their turn")
    ] = 16
    head_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="how long the head of a request may take")
    ] = 10
    idle_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="how long a client may pause in a body or an answer")
    ] = 30
    keep_alive_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="how long an idle connection is kept open")
    ] = 5
    drain_seconds: Annotated[
        int, Meta(ge=0, le=3600, description="how long to go on answering after SIGTERM")
    ] = 0
    shutdown_seconds: Annotated[
        int, Meta(ge=0, le=3600, description="how long open requests may take after that")
    ] = 20


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; an empty variable counts as not set.

    Raises:
        SettingsError: at least one value is wrong.
    """
    values: dict[str, Any] = {}
    errors = []
    kinds = get_type_hints(Settings, include_extras=True)
    for field in _fields():
        text = environment.get(field.name.upper())
        if not text:
            continue
        try:
            values[field.name] = msgspec.convert(
                text, kinds[field.name], strict=False, dec_hook=lambda path, given: path(given)
            )
        except msgspec.ValidationError:
            errors.append(f"{field.name.upper()}={text!r} must be {_values(field.type)}")
    if errors:
        raise SettingsError("; ".join(errors))
    return Settings(**values)


def describe_settings() -> str:
    """Return the list of settings for ``--help``."""
    fields = _fields()
    width = max(len(field.name) for field in fields)
    return "\n".join(
        f"  {field.name.upper():{width}}  {field.type.extra_json_schema['description']}"
        f" (default: {'empty' if field.default in (None, '') else field.default})"
        for field in fields
    )


def _fields() -> Any:
    kind: Any = msgspec.inspect.type_info(Settings)
    return kind.fields


def _values(kind: Any) -> str:
    """Return what a value of that kind must be."""
    if kind.extra:
        return str(kind.extra["must"])
    return f"a whole number from {kind.type.ge} to {kind.type.le}"
