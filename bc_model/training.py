"""The pipeline and its fit: by scikit-learn, and as the arrays that are served.

``log1p(x / training median)`` → StandardScaler → SVC (RBF) → sigmoid calibration on out-of-fold
scores. The bootstrap refits share transform, scaling and gamma with the full fit: one kernel row
scores all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from bc_model.arrays import BENIGN, MALIGNANT, BoolArray, FloatArray, IntArray
from bc_model.consistency import ratio_limits
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_COUNT
from bc_model.manifest import Parameters
from bc_model.metrics import bootstrap_weights
from bc_model.predictor import ModelArrays, closeness, kernel

CALIBRATION_FOLDS = 5

MOST_DRAWS = 1000
"""How often chance may fall short of what a fit needs; at 13 cases it does once in 3,000 draws."""

GAMMA = 1 / FEATURE_COUNT
"""The kernel's inverse squared width: SVC's "scale" for standardised features, in every fold."""

UNSEEN_SHARE = 0.2
SPLIT_SEED = 42
"""Not a parameter: models that are to be compared must leave the same cases unseen."""

T = TypeVar("T")


class Progress(Protocol):
    """Wraps an iterable to show how far it has come; ``iter`` shows nothing."""

    def __call__(self, iterable: Iterable[T], /) -> Iterable[T]:
        """Return ``iterable``, watched."""
        ...


class MedianLog(TransformerMixin, BaseEstimator):
    """``log1p(x / median)``: skewed measurements become nearly symmetric, and 0 stays 0."""

    def fit(self, X: FloatArray, y: object = None) -> Self:
        """Learn the medians (d,) of ``X`` (n, d)."""
        self.median_ = np.median(X, axis=0)
        return self

    def transform(self, X: FloatArray) -> FloatArray:
        """Return ``X`` (n, d) transformed."""
        transformed: FloatArray = np.log1p(np.asarray(X) / self.median_)
        return transformed


def build_scaler() -> Pipeline:
    """Return the unfitted transform and scaling."""
    return make_pipeline(MedianLog(), StandardScaler())


def build_classifier(parameters: Parameters, gamma: float | str = GAMMA) -> CalibratedClassifierCV:
    """Return the unfitted classifier with its calibration, for scaled cases."""
    folds = StratifiedKFold(CALIBRATION_FOLDS, shuffle=True, random_state=parameters.seed)
    classifier = SVC(C=parameters.C, gamma=gamma)
    return CalibratedClassifierCV(classifier, method="sigmoid", ensemble=False, cv=folds)


def build_pipeline(parameters: Parameters) -> Pipeline:
    """Return the whole unfitted pipeline."""
    return Pipeline([("scaler", build_scaler()), ("classifier", build_classifier(parameters))])


def unseen_cases(y: IntArray) -> BoolArray:
    """Return which cases (n,) are kept from the served model: a stratified fifth."""
    _, unseen = train_test_split(
        np.arange(len(y)), test_size=UNSEEN_SHARE, random_state=SPLIT_SEED, stratify=y
    )
    return np.isin(np.arange(len(y)), unseen)


@dataclass(frozen=True)
class FittedModel:
    """The fitted scikit-learn objects, and the same model as arrays."""

    scaler: Pipeline
    classifier: CalibratedClassifierCV
    arrays: ModelArrays


class BasisLimits(NamedTuple):
    """Beyond which an answer has no basis: kernel closeness, and Mahalanobis distance."""

    closeness: float = 0.0
    distance: float = np.inf


def fit(
    dataset: Dataset, parameters: Parameters, limits: BasisLimits, progress: Progress = iter
) -> FittedModel:
    """Fit the pipeline and its bootstrap refits to all cases of ``dataset``.

    ``limits`` come from cross-validation; ``progress`` is wrapped around the refits.
    """
    X, y = dataset.X, dataset.y
    scaler = build_scaler().fit(X)
    Z = scaler.transform(X)
    classifier = build_classifier(parameters).fit(Z, y)
    rows = [_linear_in_kernel(classifier, np.arange(len(y)), len(y))]
    generator = np.random.default_rng(parameters.seed)
    for _ in progress(range(parameters.refits)):
        weights = _resample(y, generator)
        drawn = np.flatnonzero(weights)
        refit = build_classifier(parameters)
        refit.fit(Z[drawn], y[drawn], sample_weight=weights[drawn])
        rows.append(_linear_in_kernel(refit, drawn, len(y)))
    arrays = ModelArrays(
        median=scaler.named_steps["medianlog"].median_,
        mean=scaler.named_steps["standardscaler"].mean_,
        scale=scaler.named_steps["standardscaler"].scale_,
        gamma=np.asarray(GAMMA),
        cases=Z,
        coefficients=np.array([coefficients for coefficients, _ in rows]),
        intercepts=np.array([intercept for _, intercept in rows]),
        closeness=np.sort(closeness(_kernel_without_self(Z))),
        closeness_floor=np.asarray(limits.closeness),
        centres=centres(Z, y),
        whitening=whitening(Z, y),
        distance_limit=np.asarray(limits.distance),
        ratio_limits=ratio_limits(X),
        lowest=X.min(axis=0),
        highest=X.max(axis=0),
    )
    return FittedModel(scaler, classifier, arrays)


def centres(Z: FloatArray, y: IntArray) -> FloatArray:
    """Return the means (2, d) of the malignant and of the benign cases of ``Z`` (n, d)."""
    return np.stack([Z[y == target].mean(axis=0) for target in (MALIGNANT, BENIGN)])


def whitening(Z: FloatArray, y: IntArray) -> FloatArray:
    """Return the matrix (d, d) that whitens ``Z`` (n, d) within its two classes.

    They share one covariance, as in linear discriminant analysis. A direction in which the cases do
    not differ at all says nothing, and is left out.
    """
    within = Z - centres(Z, y)[np.where(y == MALIGNANT, 0, 1)]
    variances, directions = np.linalg.eigh(within.T @ within / (len(y) - 2))
    is_known = variances > variances[-1] * len(y) * np.finfo(float).eps
    factors = np.where(is_known, 1 / np.sqrt(np.where(is_known, variances, 1)), 0)
    matrix: FloatArray = directions * factors @ directions.T
    return matrix


def _resample(y: IntArray, generator: np.random.Generator) -> FloatArray:
    """Return how often each case (n,) is drawn, with enough of each class to calibrate with.

    Weights instead of repeated rows keep copies of a case from standing in two calibration folds.
    """
    draws = (bootstrap_weights(y, 1, generator)[0] for _ in range(MOST_DRAWS))
    return next(
        drawn for drawn in draws if min(np.unique_counts(y[drawn > 0]).counts) >= CALIBRATION_FOLDS
    )


def _linear_in_kernel(
    classifier: CalibratedClassifierCV, cases: IntArray, total: int
) -> tuple[FloatArray, float]:
    """Return coefficients (total,) and intercept of the log-odds of malignant.

    scikit-learn's sigmoid is ``1 / (1 + exp(a * score + b))`` for benign, so the log-odds of
    malignant are ``a * score + b``, and the score is linear in the kernel.
    """
    (calibrated,) = classifier.calibrated_classifiers_
    (sigmoid,) = calibrated.calibrators
    svc = calibrated.estimator
    coefficients = np.zeros(total)
    coefficients[cases[svc.support_]] = sigmoid.a_ * svc.dual_coef_[0]
    return coefficients, float(sigmoid.a_ * svc.intercept_[0] + sigmoid.b_)


def _kernel_without_self(Z: FloatArray) -> FloatArray:
    similarity = kernel(Z, Z, GAMMA)
    np.fill_diagonal(similarity, -np.inf)
    return similarity
