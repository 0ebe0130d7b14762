# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "fastapi==0.104.1", "uvicorn==0.24.0", "scikit-learn==1.3.2", "numpy==1.26.2",
#     "joblib==1.3.2", "prometheus-client==0.19.0",
# ]
# ///
"""The design this project started from, with the releases of its time (late 2023).

FastAPI with a pickled SVC; `predict` and `predict_proba` are called one after the other.
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from prometheus_client import Counter, Histogram
from pydantic import BaseModel

FILE = Path(sys.prefix, "model.joblib")

app = FastAPI()
pipeline = joblib.load(FILE)
scaler, model = pipeline[0], pipeline[1]
requests = Counter("app_requests_total", "Requests.", ["method", "endpoint"])
latency = Histogram("app_prediction_latency_seconds", "Latency.")


class PredictRequest(BaseModel):
    """A case."""

    features: list[float]


@app.post("/predict")
def predict(request: PredictRequest) -> dict[str, object]:
    """Answer a case."""
    requests.labels("POST", "/predict").inc()
    if len(request.features) != 30:
        raise HTTPException(400, "needs 30 features")
    with latency.time():
        X = scaler.transform(np.array(request.features).reshape(1, -1))
        prediction = int(model.predict(X)[0])
        benign = float(model.predict_proba(X)[0][1])
    return {
        "prediction": prediction,
        "diagnosis": "benign" if prediction else "malignant",
        "probability_benign": benign,
        "probability_malignant": 1 - benign,
    }


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
