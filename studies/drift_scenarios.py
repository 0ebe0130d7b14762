"""What may become of the cases that come in: the scenarios that drift is measured by."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray, IntArray
from bc_model.artifact import Parameters, Reference
from bc_model.drift import score_counts
from bc_model.evaluation import splits
from bc_model.features import MEASUREMENTS, STATISTICS
from bc_model.training import build_pipeline

UNCHANGED = "the population of training"


@dataclass(frozen=True)
class Scenario:
    """New cases (k, d): the labelled ones, with the ``changed`` (d,) features measured otherwise.

    ``weights`` (k,) is how often each is drawn, ``scores`` (k, b) the bucket its answer falls into.
    """

    name: str
    cases: FloatArray
    changed: BoolArray
    weights: FloatArray
    scores: FloatArray


def scenarios(reference: Reference, parameters: Parameters) -> list[Scenario]:
    """Return the scenarios for the labelled cases of ``reference``; the first changes nothing.

    Answers are out of fold: each case's, as changed, by a model that has not seen it.
    """
    X, y = reference.cases, reference.targets
    answer = _out_of_fold(X, y, parameters)
    even = np.full(len(y), 1 / len(y))
    is_malignant = y == MALIGNANT
    rarer = np.where(is_malignant, even / 2, 0)
    rarer += ~is_malignant * (1 - rarer.sum()) / (~is_malignant).sum()

    def scaled(name: str, **factors: float) -> Scenario:
        by_measurement = [factors.get(measurement.name, 1) for measurement in MEASUREMENTS]
        factor = np.tile(by_measurement, len(STATISTICS))
        return Scenario(name, X * factor, factor != 1, even, answer(X * factor))

    return [
        scaled(UNCHANGED),
        scaled("lengths 5 % larger", radius=1.05, perimeter=1.05, area=1.05**2),
        scaled("lengths 10 % larger", radius=1.1, perimeter=1.1, area=1.1**2),
        scaled("texture 10 % higher", texture=1.1),
        scaled("smoothness 10 % lower", smoothness=0.9),
        Scenario(
            "half as many malignant", X, np.ones(X.shape[1], dtype=np.bool_), rarer, answer(X)
        ),
    ]


def _out_of_fold(
    X: FloatArray, y: IntArray, parameters: Parameters
) -> Callable[[FloatArray], FloatArray]:
    """Return what tells the buckets (k, b) that cases (k, d), numbered as in ``X``, fall into."""
    folds = [
        (build_pipeline(parameters).fit(X[train], y[train]), held_out)
        for _, _, train, held_out in splits(y, repeats=1)
    ]

    def answer(cases: FloatArray) -> FloatArray:
        malignant = np.zeros(len(cases))
        for model, held_out in folds:
            malignant[held_out] = model.predict_proba(cases[held_out])[:, MALIGNANT]
        return score_counts(malignant[:, None])

    return answer
