"""Time a single case and a batch with more training cases than there are: what grows with them."""

from dataclasses import replace
from functools import partial

import numpy as np

from bc_model.artifact import load_model, read_manifest
from bc_model.dataset import load_dataset
from bc_model.predictor import ModelArrays, Predictor
from bench.steps import fastest
from scripts.running import ROOT

FACTORS = (1, 10, 100)


def grown(arrays: ModelArrays, factor: int) -> ModelArrays:
    """Return the model as if it had been trained on so many times the cases.

    Each case is there so many times, with a thousandth of a standard deviation between them, and a
    share of the coefficient: the answers are nearly the same, and scoring has as much to do.
    """
    noise = np.random.default_rng(0).normal(0, 1e-3, (factor * len(arrays.cases), 1))
    return replace(
        arrays,
        cases=np.repeat(arrays.cases, factor, axis=0) + noise,
        coefficients=np.repeat(arrays.coefficients, factor, axis=1) / factor,
        closeness=np.repeat(arrays.closeness, factor),
    )


def measure() -> list[list[str]]:
    """Return a row a factor: training cases, µs of a single case, µs of one in a batch of 256."""
    directory = ROOT / "artifacts/current"
    arrays = load_model(directory, read_manifest(directory))
    X = load_dataset(None).X[:256]
    rows = []
    for factor in FACTORS:
        predictor = Predictor(grown(arrays, factor))
        one, many = (fastest(partial(predictor.score, cases)) for cases in (X[:1], X))
        rows.append([f"{factor * len(arrays.cases):,}", f"{one:,.0f}", f"{many / len(X):,.1f}"])
    return rows
