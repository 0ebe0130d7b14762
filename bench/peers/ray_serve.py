# /// script
# requires-python = ">=3.11"
# dependencies = ["ray[serve]", "scikit-learn", "joblib"]
# ///
"""The same pipeline in Ray Serve, one replica."""

import signal
import sys
from pathlib import Path

import joblib
import numpy as np
import ray
from ray import serve
from starlette.requests import Request

FILE = Path(sys.prefix, "model.joblib")


class Classifier:
    """The service."""

    def __init__(self) -> None:
        """Load the model."""
        self.model = joblib.load(FILE)

    async def __call__(self, request: Request) -> dict[str, float]:
        """Answer a case."""
        features = (await request.json())["features"]
        malignant = float(self.model.predict_proba(np.array([features]))[0, 0])
        return {"prediction": int(malignant < 0.5), "probability_malignant": malignant}


if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    deployment = serve.deployment(num_replicas=1, max_ongoing_requests=100)(Classifier)
    serve.run(deployment.bind(), route_prefix="/predict")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()
