# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "starlette", "uvicorn", "uvloop", "httptools", "onnxruntime", "scikit-learn", "skl2onnx",
# ]
# ///
"""The same pipeline in ONNX Runtime behind bare Starlette: no validation, metrics or log."""

import json
import sys
from pathlib import Path

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

FILE = Path(sys.prefix, "model.onnx")


def application() -> Starlette:
    """Return the service."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(FILE, options)

    async def predict(request: Request) -> JSONResponse:
        features = json.loads(await request.body())["features"]
        _, probabilities = session.run(None, {"X": np.array([features], dtype=np.float32)})
        malignant = float(probabilities[0, 0])
        return JSONResponse(
            {"prediction": int(malignant < 0.5), "probability_malignant": malignant}
        )

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


def train() -> None:
    """Write the model."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_breast_cancer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), SVC(probability=True, random_state=42)).fit(X, y)
    options = {id(pipeline): {"zipmap": False}}
    FILE.write_bytes(
        to_onnx(pipeline, X[:1].astype(np.float32), options=options).SerializeToString()
    )


if __name__ == "__main__":
    if sys.argv[1] == "train":
        train()
    else:
        uvicorn.run(application(), port=int(sys.argv[1]), log_level="warning", access_log=False)
