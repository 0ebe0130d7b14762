"""Draining: after SIGTERM the service keeps answering, and closes each connection after it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.cases import MALIGNANT
from tests.conftest import ROOT, START_SECONDS, free_port

DRAIN_SECONDS = 2


@pytest.mark.parametrize("signals", [1, 2])
def test_it_drains_before_it_stops(model_dir: Path, signals: int) -> None:
    port = free_port()
    environment = {"PORT": str(port), "MODEL_DIR": str(model_dir)}
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, **environment, "DRAIN_SECONDS": str(DRAIN_SECONDS)},
        stdout=subprocess.DEVNULL,
    )
    transport = httpx2.HTTPTransport(retries=30)
    base = f"http://127.0.0.1:{port}"
    with httpx2.Client(base_url=base, transport=transport) as client:
        response = client.get("/readyz")
        assert response.status_code == 200
        assert "connection" not in response.headers

        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        response = client.post("/predict", json={"features": MALIGNANT})
        assert response.json()["diagnosis"] == "malignant"
        assert response.headers["connection"] == "close"
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {"status": "draining"}

        if signals == 2:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=START_SECONDS) in (0, -signal.SIGTERM)
        assert (time.monotonic() - started >= DRAIN_SECONDS) == (signals == 1)
