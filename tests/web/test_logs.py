"""Lines of requests are written together, soon, and none is lost when the service stops."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.conftest import ROOT, START_SECONDS, free_port

REQUESTS = 50


@pytest.mark.parametrize(("level", "expected"), [("info", REQUESTS), ("warning", 0)])
def test_every_request_has_its_line_when_the_service_has_stopped(
    model_dir: Path, level: str, expected: int
) -> None:
    port = free_port()
    environment = {"PORT": str(port), "MODEL_DIR": str(model_dir), "DRAIN_SECONDS": "0"}
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, **environment, "LOG_LEVEL": level},
        stdout=subprocess.PIPE,
        text=True,
    )
    transport = httpx2.HTTPTransport(retries=30)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", transport=transport) as client:
        for _ in range(REQUESTS):
            client.get("/livez")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=START_SECONDS)
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["message"] for line in lines].count("request") == expected
    times = [line["time"] for line in lines if line["message"] == "request"]
    assert times == sorted(times)
