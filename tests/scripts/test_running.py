"""The service that the scripts run says why it does not start."""

from pathlib import Path

import pytest

from scripts.running import running_service


def test_a_service_that_does_not_start(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with (
        pytest.raises(RuntimeError, match=f"(?s)did not start:.*{missing}"),
        running_service({"MODEL_DIR": str(missing)}, tmp_path / "log"),
    ):
        raise AssertionError
