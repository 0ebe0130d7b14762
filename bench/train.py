"""Train the peers' pipeline, with the Python and scikit-learn of each: `python train.py`.

Its probabilities are Platt's, as this service's and the original's are.
"""

import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

if __name__ == "__main__":
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), SVC(probability=True, random_state=42)).fit(X, y)
    joblib.dump(pipeline, Path(sys.prefix, "model.joblib"))
