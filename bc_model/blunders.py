"""Mistakes that are made with a case before it is answered, and how many of them are noticed."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bc_model.arrays import FloatArray
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES, MEASUREMENTS, STATISTICS, feature_name
from bc_model.manifest import Estimate
from bc_model.metrics import wilson
from bc_model.predictor import Predictor
from bc_model.verdict import implausible

DRAWS = 5
"""How often a blunder that is drawn at random is made with each case."""

Blunder = Callable[[FloatArray, np.random.Generator], FloatArray]

_BLOCKS = {
    statistic: [FEATURE_NAMES.index(feature_name(m.name, statistic)) for m in MEASUREMENTS]
    for statistic in STATISTICS
}


def _columns(name: str) -> list[int]:
    return [FEATURE_NAMES.index(feature_name(name, statistic)) for statistic in STATISTICS]


def _keep(X: FloatArray, _: np.random.Generator) -> FloatArray:
    return X


def _permute(X: FloatArray, generator: np.random.Generator) -> FloatArray:
    return generator.permuted(X, axis=0)


def _reorder(X: FloatArray, _: np.random.Generator, order: Sequence[int]) -> FloatArray:
    return X[:, order]


def _swap_two(X: FloatArray, generator: np.random.Generator) -> FloatArray:
    swapped = X.copy()
    for row in swapped:
        pair = generator.choice(FEATURE_COUNT, 2, replace=False)
        row[pair] = row[pair[::-1]]
    return swapped


def _take_block(X: FloatArray, generator: np.random.Generator, statistic: str) -> FloatArray:
    others = (np.arange(len(X)) + generator.integers(1, len(X), len(X))) % len(X)
    mixed = X.copy()
    mixed[:, _BLOCKS[statistic]] = X[others][:, _BLOCKS[statistic]]
    return mixed


def _multiply_one(X: FloatArray, generator: np.random.Generator, factor: float) -> FloatArray:
    factors = np.ones(X.shape)
    factors[np.arange(len(X)), generator.integers(FEATURE_COUNT, size=len(X))] = factor
    return X * factors


def _halve_mean_area(X: FloatArray, _: np.random.Generator) -> FloatArray:
    halved = X.copy()
    halved[:, FEATURE_NAMES.index("mean area")] /= 2
    return halved


def _magnify(X: FloatArray, _: np.random.Generator, factor: float) -> FloatArray:
    factors = np.ones(FEATURE_COUNT)
    factors[[*_columns("radius"), *_columns("perimeter")]] = factor
    factors[_columns("area")] = factor**2
    return X * factors


BLUNDERS: dict[str, Blunder] = {
    "none: the cases as they are": _keep,
    "each value from another patient": _permute,
    "mean and worst swapped": partial(
        _reorder, order=[*_BLOCKS["worst"], *_BLOCKS["error"], *_BLOCKS["mean"]]
    ),
    "columns shifted by one": partial(_reorder, order=[*range(1, FEATURE_COUNT), 0]),
    "two columns swapped": _swap_two,
    "another patient's means": partial(_take_block, statistic="mean"),
    "another patient's standard errors": partial(_take_block, statistic="error"),
    "another patient's worst values": partial(_take_block, statistic="worst"),
    "one value × 10": partial(_multiply_one, factor=10),
    "one value ÷ 10": partial(_multiply_one, factor=0.1),
    "mean area halved": _halve_mean_area,
    "lengths × 1.25, areas × 1.25²": partial(_magnify, factor=1.25),
    "lengths × 1.5, areas × 1.5²": partial(_magnify, factor=1.5),
    "lengths × 2, areas × 2²": partial(_magnify, factor=2),
}


def noticed(predictor: Predictor, X: FloatArray, seed: int) -> dict[str, Estimate]:
    """Return of each blunder with the cases ``X`` (n, 30) how many `implausible` notices.

    The 95 % Wilson intervals are those of n cases, however often a blunder was drawn.
    """
    generator = np.random.default_rng(seed)
    shares = {}
    for name, blunder in BLUNDERS.items():
        cases = np.concatenate([blunder(X, generator) for _ in range(DRAWS)])
        is_noticed = np.any(implausible(predictor.score(cases)), axis=0)
        shares[name] = wilson(float(np.mean(is_noticed)) * len(X), len(X))
    return shares
