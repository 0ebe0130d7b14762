# /// script
# requires-python = ">=3.11"
# dependencies = ["mlflow", "scikit-learn"]
# ///
"""The same pipeline in MLflow's scoring server, one worker."""

import os
import sys
from pathlib import Path

FOLDER = Path(sys.prefix, "model")


def prepare() -> None:
    """Write the pipeline that train.py wrote as MLflow has it."""
    import joblib
    import mlflow.sklearn

    mlflow.sklearn.save_model(joblib.load(Path(sys.prefix, "model.joblib")), FOLDER)


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
    else:
        os.execvp("mlflow", [
            "mlflow", "models", "serve", f"--model-uri={FOLDER}", f"--port={sys.argv[1]}",
            "--env-manager=local", "--workers=1",
        ])  # fmt: skip
