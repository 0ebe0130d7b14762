"""Measure the latency of /predict, for the canary's simulation.

Starts as many ``python app.py`` as a canary run has pods, on free ports of this machine, and sends
labelled cases in random order at the run's rate, each to a random process over a connection of its
own. The durations are the service's own, from its log: exact, where /metrics has only buckets.
Prints JSON, in milliseconds: quantiles of the durations relative to their process's median, and
each process's median.
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
from tqdm import trange

from bc_model import artifact
from scripts.running import ROOT, running_service

WARM_UP = 20
"""How many requests to each process are not counted."""

CLOSE = {"Connection": "close"}

QUANTILES = (
    0, 0.001, 0.01, *(round(0.05 * step, 2) for step in range(1, 20)), 0.97, 0.98, 0.99, 0.995,
    0.999, 1,
)  # fmt: skip


def measure(model: Path, processes: int, requests: int, rate: float) -> list[list[float]]:
    """Return the durations, in seconds, of the requests that each process answered.

    Raises:
        RuntimeError: a process did not start; the message has its output.
        httpx2.HTTPStatusError: a request was refused.
    """
    reference = artifact.load_reference(model, artifact.read_manifest(model))
    cases = [{"features": case} for case in reference.cases.tolist()]
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as directory:
        logs = [Path(directory, f"{number}.log") for number in range(processes)]
        with ExitStack() as running:
            services = [
                running.enter_context(running_service({"MODEL_DIR": str(model)}, log))
                for log in logs
            ]
            for service in services * WARM_UP:
                service.post("/predict", json=cases[0], headers=CLOSE).raise_for_status()
            started = time.monotonic()
            for number in trange(requests, disable=None):
                time.sleep(max(0, started + number / rate - time.monotonic()))
                service = services[generator.integers(processes)]
                case = cases[generator.integers(len(cases))]
                service.post("/predict", json=case, headers=CLOSE).raise_for_status()
        return [durations(log)[WARM_UP:] for log in logs]


def durations(log: Path) -> list[float]:
    """Return how long each request to /predict took, in seconds."""
    lines = map(msgspec.json.decode, log.read_bytes().splitlines())
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
