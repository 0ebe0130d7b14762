"""A model of a hundred times the cases gives the same answers, in a bounded memory."""

import tracemalloc
from pathlib import Path

import pytest

from bc_model.artifact import load_model, read_manifest
from bc_model.dataset import Dataset
from bc_model.predictor import MOST_AT_ONCE, Predictor
from bench.growth import FACTORS, grown

MOST_BYTES = 2**26


def test_a_grown_model_answers_alike_in_bounded_memory(model_dir: Path, dataset: Dataset) -> None:
    arrays = load_model(model_dir, read_manifest(model_dir))
    X = dataset.X[:MOST_AT_ONCE]
    expected = Predictor(arrays).score(X)
    predictor = Predictor(grown(arrays, max(FACTORS)))
    tracemalloc.start()
    try:
        scores = predictor.score(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert scores.malignant == pytest.approx(expected.malignant, abs=0.01)
    assert peak < MOST_BYTES < 8 * len(X) * len(predictor.arrays.cases)
