"""Draining: after SIGTERM the service keeps answering, and closes each connection after it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
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


def started(model_dir: Path, **settings: str) -> tuple[subprocess.Popen[str], int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), "MODEL_DIR": str(model_dir), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    transport = httpx2.HTTPTransport(retries=30)
    with httpx2.Client(transport=transport) as client:
        assert client.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    return process, port


@pytest.fixture
def _heard() -> Iterator[None]:
    """The signals of a terminal are heard, even if these tests were started to ignore them."""
    heard = (signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)
    former = {sent: signal.signal(sent, signal.default_int_handler) for sent in heard}
    yield
    for sent, handler in former.items():
        signal.signal(sent, handler)


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signals_of_a_terminal_stop_it_without_a_traceback(
    model_dir: Path, sent: signal.Signals
) -> None:
    process, _ = started(model_dir)
    process.send_signal(sent)
    output, errors = process.communicate(timeout=START_SECONDS)
    assert errors == ""
    assert "Traceback" not in output
    assert json.loads(output.splitlines()[-1])["message"].startswith("Finished server process")


def test_a_hangup_that_is_to_be_ignored_is_ignored(model_dir: Path) -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does for what it starts
    try:
        process, port = started(model_dir)
    finally:
        signal.signal(signal.SIGHUP, former)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    with httpx2.Client() as client:
        assert client.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    process.terminate()
    process.communicate(timeout=START_SECONDS)


@pytest.mark.parametrize("signals", [1, 2])
def test_what_is_not_done_in_time_is_told_so(model_dir: Path, signals: int) -> None:
    """One signal waits for the request as long as is set, a second one for nobody."""
    process, port = started(model_dir, SHUTDOWN_SECONDS="2", IDLE_SECONDS="60")
    with closing(socket.create_connection(("127.0.0.1", port), 10)) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9\r\n\r\n{"
        )
        time.sleep(0.3)
        began = time.monotonic()
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        answer = b"".join(iter(lambda: connection.recv(2**16), b"")) if signals == 1 else b""
        output, errors = process.communicate(timeout=START_SECONDS)
    assert (time.monotonic() - began < 2) == (signals == 2)
    assert "Traceback" not in output + errors
    if signals == 1:
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'"type":"/problems/overloaded"' in answer
