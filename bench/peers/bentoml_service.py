# /// script
# requires-python = ">=3.11"
# dependencies = ["bentoml", "scikit-learn", "joblib"]
# ///
"""The same pipeline in BentoML, one worker."""

import os
import sys
from pathlib import Path
from typing import Annotated

import bentoml
import joblib
import numpy as np
from pydantic import Field

FILE = Path(sys.prefix, "model.joblib")


@bentoml.service(workers=1)
class Classifier:
    """The service."""

    def __init__(self) -> None:
        """Load the model."""
        self.model = joblib.load(FILE)

    @bentoml.api(route="/predict")
    def predict(
        self, features: Annotated[list[float], Field(min_length=30, max_length=30)]
    ) -> dict[str, float]:
        """Answer a case."""
        malignant = float(self.model.predict_proba(np.array([features]))[0, 0])
        return {"prediction": int(malignant < 0.5), "probability_malignant": malignant}


if __name__ == "__main__":
    target = f"{Path(__file__).stem}:Classifier"
    os.execvp("bentoml", ["bentoml", "serve", target, "--port", sys.argv[1]])
