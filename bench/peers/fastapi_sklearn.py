# /// script
# requires-python = ">=3.11"
# dependencies = ["fastapi", "uvicorn", "uvloop", "httptools", "scikit-learn", "joblib"]
# ///
"""The same pipeline as it is usually served today: current FastAPI and scikit-learn, one call."""

import sys
from pathlib import Path
from typing import Annotated

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

FILE = Path(sys.prefix, "model.joblib")

app = FastAPI()
model = joblib.load(FILE)


class PredictRequest(BaseModel):
    """A case."""

    features: Annotated[
        list[Annotated[float, Field(ge=0, allow_inf_nan=False)]],
        Field(min_length=30, max_length=30),
    ]


class Answer(BaseModel):
    """Its answer."""

    prediction: int
    probability_malignant: float


@app.post("/predict")
async def predict(request: PredictRequest) -> Answer:
    """Answer a case."""
    malignant = float(model.predict_proba(np.array([request.features]))[0, 0])
    return Answer(prediction=int(malignant < 0.5), probability_malignant=malignant)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
