"""Scoring with NumPy alone, from the fitted pipeline as arrays.

The pipeline is ``log1p(x / training median)``, standardisation, an RBF support vector classifier
and sigmoid calibration. The calibration is linear in log-odds, so it is folded into the
classifier's coefficients: row 0 of ``coefficients`` is the model, the rows below it are its
bootstrap refits, and one product with the kernel row gives the log-odds of all of them.
"""

from dataclasses import dataclass

import numpy as np

from bc_model.arrays import BoolArray, FloatArray
from bc_model.consistency import below_mean, out_of_proportion

NEIGHBOURS = 5
"""Nearest training cases whose closeness decides whether an answer has a basis."""

INTERVAL_LEVEL = 0.9

MOST_AT_ONCE = 256
"""Cases that are scored at once by a model with up to 8,192 training cases."""

_KERNEL_BYTES = 2**24
"""A larger kernel matrix takes longer to get from the system than to compute."""


@dataclass(frozen=True)
class ModelArrays:
    """A fitted model; d = 30 features, n training cases, B bootstrap refits."""

    median: FloatArray
    """(d,) training medians, in the data set's units"""
    mean: FloatArray
    """(d,) means of the transformed training cases"""
    scale: FloatArray
    """(d,) standard deviations of the transformed training cases"""
    gamma: FloatArray
    """() of the kernel ``exp(-gamma * distance²)``: an inverse squared width"""
    cases: FloatArray
    """(n, d) training cases, transformed and standardised"""
    coefficients: FloatArray
    """(1 + B, n) log-odds of malignant per unit of kernel"""
    intercepts: FloatArray
    """(1 + B,) log-odds of malignant"""
    closeness: FloatArray
    """(n,) ascending: how close each training case is to its nearest neighbours"""
    closeness_floor: FloatArray
    """() the lowest closeness of a held-out case in cross-validation"""
    centres: FloatArray
    """(2, d) means of the malignant and of the benign training cases, standardised"""
    whitening: FloatArray
    """(d, d) maps standardised cases to where their Mahalanobis distance is the Euclidean one"""
    distance_limit: FloatArray
    """() from the nearer centre; few held-out cases of cross-validation lay further away"""
    ratio_limits: FloatArray
    """(2, 4) lowest and highest ratios of `bc_model.consistency` that hang together"""
    lowest: FloatArray
    """(d,) training minima"""
    highest: FloatArray
    """(d,) training maxima"""


@dataclass(frozen=True)
class Scores:
    """The answers to n cases; every array is (n,) unless it says otherwise."""

    log_odds: FloatArray
    malignant: FloatArray
    low: FloatArray
    high: FloatArray
    support: FloatArray
    """0 to 100: the share of training cases that lie no closer to their neighbours"""
    has_basis: BoolArray
    outside: BoolArray
    """which values lie outside the training range"""
    below_mean: BoolArray
    """(n, 10) which worst values lie below their mean"""
    out_of_proportion: BoolArray
    """(n, 4) which ratios of radius, perimeter and area are not those of an outline"""


def standardise(X: FloatArray, arrays: ModelArrays) -> FloatArray:
    """Return ``X`` (n, d) as the kernel sees it."""
    # log1p(X / median) in a form that does not overflow for the largest floats
    logarithms = np.log(X + arrays.median) - np.log(arrays.median)
    standardised: FloatArray = (logarithms - arrays.mean) / arrays.scale
    return standardised


def kernel(Z: FloatArray, cases: FloatArray, gamma: float) -> FloatArray:
    """Return the RBF kernel (n, m) between standardised ``Z`` (n, d) and ``cases`` (m, d)."""
    squares = (Z * Z).sum(1)[:, None] + (cases * cases).sum(1) - 2 * (Z @ cases.T)
    similarity: FloatArray = np.exp(-gamma * np.maximum(squares, 0))
    return similarity


def closeness(similarity: FloatArray) -> FloatArray:
    """Return the mean kernel value (n,) of the nearest of ``similarity`` (n, m)."""
    mean: FloatArray = np.partition(similarity, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:].mean(1)
    return mean


def distances(Z: FloatArray, centres: FloatArray, whitening: FloatArray) -> FloatArray:
    """Return the Mahalanobis distance (n,) of standardised ``Z`` (n, d) to the nearer centre.

    Closeness by the kernel misses a case whose values are each usual but not together, such as one
    with another patient's block of values; this finds most of them.
    """
    difference = (Z @ whitening)[:, None] - centres @ whitening
    distance: FloatArray = np.sqrt((difference**2).sum(2).min(1))
    return distance


def expit(log_odds: FloatArray) -> FloatArray:
    """Return probabilities; written with tanh, which cannot overflow."""
    probability: FloatArray = 0.5 * (1 + np.tanh(0.5 * log_odds))
    return probability


def interval(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends (n,) of the interval around column 0 of ``values`` (n, 1 + B).

    The other columns are the bootstrap refits'.
    """
    refits = np.sort(values[:, 1:], axis=1)
    tail = (1 - INTERVAL_LEVEL) / 2
    last = refits.shape[1] - 1
    # The point lies within its own interval also where all refits happen to lie to one side.
    low = np.minimum(_at_rank(refits, tail * last), values[:, 0])
    high = np.maximum(_at_rank(refits, (1 - tail) * last), values[:, 0])
    return low, high


class Predictor:
    """Answers for cases of 30 measurements, in the order of the model's features."""

    def __init__(self, arrays: ModelArrays) -> None:
        """Prepare the fitted model ``arrays`` for scoring.

        The kernel's exponent is ``2 gamma z·c - gamma |z|² - gamma |c|²``: its factors are folded
        into the cases ``c``. The support vectors come first, since only they need their
        exponential and have coefficients.
        """
        self.arrays = arrays
        self._gamma = float(arrays.gamma)
        is_used = (arrays.coefficients != 0).any(axis=0)
        cases = arrays.cases[np.argsort(~is_used, kind="stable")]
        self._used = int(is_used.sum())
        self._cases = 2 * self._gamma * cases.T
        self._squares = self._gamma * (cases * cases).sum(1)
        self._coefficients = arrays.coefficients[:, is_used].T.copy()
        # A power of two, so that it divides MOST_AT_ONCE and chunks of both give the same digits.
        rows = max(_KERNEL_BYTES // (arrays.cases.itemsize * len(arrays.cases)), 1)
        self._at_once = min(1 << (rows.bit_length() - 1), MOST_AT_ONCE)
        self._floor = float(arrays.closeness_floor)
        self._limit = float(arrays.distance_limit)

    def score(self, X: FloatArray) -> Scores:
        """Return the answers for ``X`` (n, 30), finite and not negative."""
        starts = range(0, max(len(X), 1), self._at_once)
        chunks = [self._score(X[start : start + self._at_once]) for start in starts]
        if len(chunks) == 1:
            return chunks[0]
        columns = zip(*(vars(chunk).values() for chunk in chunks), strict=True)
        return Scores(*(np.concatenate(column) for column in columns))

    def log_odds(self, X: FloatArray) -> FloatArray:
        """Return the log-odds of malignant (n, 1 + B) by the model and its bootstrap refits."""
        return self._log_odds(self._exponents(standardise(X, self.arrays)))

    def _exponents(self, Z: FloatArray) -> FloatArray:
        """Return the exponents of the kernel (n, m), the support vectors' first."""
        exponents: FloatArray = Z @ self._cases
        exponents -= self._squares
        exponents -= self._gamma * (Z * Z).sum(1)[:, None]
        return np.minimum(exponents, 0, out=exponents)

    def _log_odds(self, exponents: FloatArray) -> FloatArray:
        log_odds: FloatArray = np.exp(exponents[:, : self._used]) @ self._coefficients
        log_odds += self.arrays.intercepts
        return log_odds

    def _score(self, X: FloatArray) -> Scores:
        arrays = self.arrays
        Z = standardise(X, arrays)
        exponents = self._exponents(Z)
        log_odds = self._log_odds(exponents)
        model, low, high = log_odds[:, 0], *interval(log_odds)
        malignant, lowest, highest = expit(np.array([model, low, high]))
        exponents.partition(-NEIGHBOURS, axis=1)  # in place: a copy would double the time
        close = np.exp(exponents[:, -NEIGHBOURS:]).sum(1) / NEIGHBOURS
        ranks = arrays.closeness.searchsorted(close, side="right")
        return Scores(
            log_odds=model,
            malignant=malignant,
            low=lowest,
            high=highest,
            support=100.0 * ranks / len(arrays.closeness),
            has_basis=(close >= self._floor)
            & (distances(Z, arrays.centres, arrays.whitening) <= self._limit),
            outside=(arrays.lowest > X) | (arrays.highest < X),
            below_mean=below_mean(X),
            out_of_proportion=out_of_proportion(X, arrays.ratio_limits),
        )


def _at_rank(ascending: FloatArray, rank: float) -> FloatArray:
    """Return the value (n,) at a fractional rank of ``ascending`` (n, B), interpolated."""
    below = int(rank)
    above = min(below + 1, ascending.shape[1] - 1)
    fraction = rank - below
    value: FloatArray = (1 - fraction) * ascending[:, below] + fraction * ascending[:, above]
    return value
