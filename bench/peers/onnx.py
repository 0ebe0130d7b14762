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


def prepare() -> None:
    """Convert the pipeline that train.py wrote."""
    import joblib
    from skl2onnx import to_onnx

    pipeline = joblib.load(FILE.with_suffix(".joblib"))
    case = np.zeros((1, 30), dtype=np.float32)
    model = to_onnx(pipeline, case, options={id(pipeline): {"zipmap": False}})
    FILE.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
    else:
        uvicorn.run(application(), port=int(sys.argv[1]), log_level="warning", access_log=False)
