"""``python -m scripts.dashboard_pictures`` draws docs/monitoring: the dashboards after traffic.

A Prometheus watches a stable pod and a canary, both with the model in ``artifacts/current``. Users'
and generated requests go to both; after a while all lengths of users' cases are 10 % larger.
"""

import tempfile
import time
from pathlib import Path

import httpx2
import numpy as np

from bc_model.arrays import FloatArray
from bc_model.artifact import Reference, load_reference, read_manifest
from bc_model.features import FEATURE_NAMES
from scripts.draw_dashboards import Asked, draw_all
from scripts.running import ROOT, running_service, watched

TARGET = ROOT / "docs" / "monitoring"
MODEL = ROOT / "artifacts" / "current"

TURNS, LARGER_AFTER = 1200, 150
SECONDS = 0.1
"""Between turns."""

LARGER = 1.1
CANARY_EVERY, REFUSED_EVERY, PAGE_EVERY = 4, 25, 10
GENERATED = {"X-Traffic": "generated"}


def sizes() -> FloatArray:
    """Return by how much each feature (30,) grows when lengths do."""
    areas = np.array(["area" in name for name in FEATURE_NAMES])
    lengths = np.array(["radius" in name or "perimeter" in name for name in FEATURE_NAMES])
    return np.where(areas, LARGER**2, np.where(lengths, LARGER, 1.0))


def send(stable: httpx2.Client, canary: httpx2.Client, reference: Reference) -> None:
    """Send a user's and a generated request at every turn, to the canary at some."""
    generator = np.random.default_rng(0)
    for turn in range(TURNS):
        case, generated = reference.cases[generator.integers(len(reference.cases), size=2)]
        if turn >= LARGER_AFTER:
            case = case * sizes()
        pod = stable if turn % CANARY_EVERY else canary
        pod.post("/predict", json={"features": case.tolist()})
        pod.post("/predict", json={"features": generated.tolist()}, headers=GENERATED)
        if turn % REFUSED_EVERY == 0:
            pod.post("/predict", json={"features": case[1:].tolist()})
        if turn % PAGE_EVERY == 0:
            pod.get("/")
        time.sleep(SECONDS)


def main() -> None:
    """Draw all of them."""
    reference = load_reference(MODEL, read_manifest(MODEL))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        of_model = {"MODEL_DIR": str(MODEL)}
        with (
            running_service({**of_model, "VERSION": "stable"}, directory / "stable") as stable,
            running_service({**of_model, "VERSION": "canary"}, directory / "canary") as canary,
            watched(directory, stable=stable, canary=canary) as url,
        ):
            started = time.time()
            send(stable, canary, reference)
            ended = time.time()
            draw_all(Asked(url, "n", (ended - started) / 60, ended), TARGET)


if __name__ == "__main__":
    main()
