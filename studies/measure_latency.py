"""Measure the latency of /predict, for the canary's simulation.

Starts as many ``python app.py`` as a canary run has pods, on free ports of this machine, and sends
labelled cases in random order at the run's rate, each to a random process over a connection of its
own. The durations are the service's own, from its log: exact, where /metrics has only buckets.
Prints JSON, in milliseconds: quantiles of the durations relative to their process's median, and
each process's median.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
from tqdm import trange

from bc_model import artifact

ROOT = Path(__file__).parents[1]
START_SECONDS = 30
WARM_UP = 20
"""How many requests to each process are not counted."""

QUANTILES = (
    0, 0.001, 0.01, *(round(0.05 * step, 2) for step in range(1, 20)), 0.97, 0.98, 0.99, 0.995,
    0.999, 1,
)  # fmt: skip


@contextmanager
def service(model: Path, log: IO[bytes]) -> Iterator[int]:
    """Run the service, and yield its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    settings = {"PORT": str(port), "HOST": "127.0.0.1", "MODEL_DIR": str(model)}
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **settings}, stdout=log
    )
    try:
        wait_until_ready(process, port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the service answers."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            ask(port, "GET", "/readyz", None)
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    sys.exit("the service did not start")


def ask(port: int, method: str, path: str, body: bytes | None) -> None:
    """Send one request over a connection of its own; the answer has to be 200."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)) as connection:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    if answer.status != 200:
        sys.exit(f"{method} {path} was answered with {answer.status}")


def measure(model: Path, processes: int, requests: int, rate: float) -> list[list[float]]:
    """Return the durations, in seconds, of the requests that each process answered."""
    reference = artifact.load_reference(model, artifact.read_manifest(model))
    bodies = [msgspec.json.encode({"features": case}) for case in reference.cases.tolist()]
    generator = np.random.default_rng(0)
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(processes)]
        with ExitStack() as running:
            ports = [running.enter_context(service(model, log)) for log in logs]
            for port in ports * WARM_UP:
                ask(port, "POST", "/predict", bodies[0])
            started = time.monotonic()
            for number in trange(requests, disable=None):
                time.sleep(max(0, started + number / rate - time.monotonic()))
                port = ports[generator.integers(processes)]
                ask(port, "POST", "/predict", bodies[generator.integers(len(bodies))])
        return [durations(log)[WARM_UP:] for log in logs]


def durations(log: IO[bytes]) -> list[float]:
    """Return how long each request to /predict took, in seconds."""
    log.seek(0)
    lines = [json.loads(line) for line in log]
    return [line["seconds"] for line in lines if line.get("path") == "/predict"]


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description="Measure how long /predict takes.")
    parser.add_argument("--model", type=Path, default=ROOT / "artifacts/current", metavar="DIR")
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=20, help="requests a second to all of them")
    options = parser.parse_args()
    found = measure(options.model, options.processes, options.requests, options.rate)
    medians = [1000 * float(np.median(of_one)) for of_one in found]
    relative = np.concatenate(
        [1000 * np.array(of_one) / median for of_one, median in zip(found, medians, strict=True)]
    )
    quantiles = np.quantile(relative, QUANTILES).round(3).tolist()
    print(json.dumps({
        "requests": relative.size,
        "medians": [round(median, 3) for median in medians],
        "quantiles": dict(zip(map(str, QUANTILES), quantiles, strict=True)),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
