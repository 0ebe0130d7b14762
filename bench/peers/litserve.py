# /// script
# requires-python = ">=3.11"
# dependencies = ["litserve", "scikit-learn", "joblib"]
# ///
"""The same pipeline in LitServe, which collects what waits into batches of at most 16."""

import sys
from pathlib import Path

import joblib
import litserve
import numpy as np

FILE = Path(sys.prefix, "model.joblib")


class Api(litserve.LitAPI):
    """The steps of an answer, by LitServe's names."""

    def setup(self, device: str) -> None:
        """Load the model."""
        self.model = joblib.load(FILE)

    def decode_request(self, request: dict[str, list[float]]) -> list[float]:
        """Return the case."""
        return request["features"]

    def batch(self, inputs: list[list[float]]) -> np.ndarray:
        """Return the cases as an array."""
        return np.array(inputs)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the probabilities of malignant."""
        return self.model.predict_proba(X)[:, 0]

    def unbatch(self, output: np.ndarray) -> list[float]:
        """Return them one by one."""
        return output.tolist()

    def encode_response(self, output: float) -> dict[str, float]:
        """Return the answer."""
        return {"prediction": int(output < 0.5), "probability_malignant": output}


if __name__ == "__main__":
    api = Api(max_batch_size=16, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
