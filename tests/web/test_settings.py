"""The settings: defaults, parsing, and the errors for wrong values."""

from pathlib import Path

import pytest

from web.settings import (
    Settings,
    SettingsError,
    describe_settings,
    load_settings,
)


def test_defaults() -> None:
    assert load_settings({}) == Settings(
        host="127.0.0.1",
        port=8000,
        model_dir=Path("artifacts/current"),
        threshold=None,
        version="stable",
        log_level="info",
        max_body_bytes=2**20,
        max_batch_rows=5000,
        drain_seconds=0,
        shutdown_seconds=20,
    )


def test_values_come_from_the_environment() -> None:
    settings = load_settings(
        {"PORT": "1234", "THRESHOLD": "0.3", "VERSION": "canary", "LOG_LEVEL": "DEBUG"}
    )
    assert (settings.port, settings.threshold) == (1234, 0.3)
    assert (settings.version, settings.log_level) == ("canary", "DEBUG")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"PORT": ""}).port == 8000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "8000.5"),
        ("PORT", "８０００"),
        ("THRESHOLD", "0"),
        ("THRESHOLD", "1"),
        ("THRESHOLD", "nan"),
        ("THRESHOLD", "half"),
        ("VERSION", "not a label"),
        ("VERSION", "x" * 64),
        ("VERSION", "--"),
        ("VERSION", "a\n"),
        ("LOG_LEVEL", "loud"),
        ("MAX_BODY_BYTES", "0"),
        ("SHUTDOWN_SECONDS", "soon"),
    ],
)
def test_a_wrong_value_is_refused_with_name_and_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    assert str(caught.value).startswith(f"{name}={value!r} must be ")


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"PORT='x' .*; LOG_LEVEL='y' "):
        load_settings({"PORT": "x", "LOG_LEVEL": "y"})


def test_every_setting_is_described() -> None:
    lines = describe_settings().splitlines()
    assert [line.split()[0].lower() for line in lines] == list(Settings.__struct_fields__)
    assert lines[1].split(maxsplit=1)[1] == "port to listen on (default: 8000)"
    assert "empty: the model's (default: empty)" in lines[4]
