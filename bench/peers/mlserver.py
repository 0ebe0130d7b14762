# /// script
# requires-python = ">=3.11"
# dependencies = ["mlserver", "mlserver-sklearn"]
# ///
"""The same pipeline in MLServer with its scikit-learn runtime, by the Open Inference Protocol."""

import json
import os
import sys
from pathlib import Path

FOLDER = Path(sys.prefix, "model")


def prepare() -> None:
    """Write the settings for the pipeline that train.py wrote."""
    FOLDER.mkdir(exist_ok=True)
    settings = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "../model.joblib"},
    }
    (FOLDER / "model-settings.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
    else:
        os.environ |= {
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": sys.argv[1],
            "MLSERVER_GRPC_PORT": str(int(sys.argv[1]) + 1),
            "MLSERVER_METRICS_PORT": str(int(sys.argv[1]) + 2),
            "MLSERVER_PARALLEL_WORKERS": "0",
        }
        os.execvp("mlserver", ["mlserver", "start", str(FOLDER)])
