"""Whether the measurements of a case hang together.

"Worst" is the mean of the three largest values, so it is never below the mean. A radius, a
perimeter and an area belong to one outline: for a circle the area is π times the radius squared,
and the perimeter 2π times the radius. Nuclei are nearly circles, so both ratios stay within narrow
limits, which are measured at training.
"""

import numpy as np

from bc_model.arrays import BoolArray, FloatArray
from bc_model.features import FEATURE_NAMES, MEASUREMENTS

MARGIN = 0.25
"""How far beyond the training cases' a ratio may lie, as a share of their range."""

_MEANS, _WORST = slice(0, len(MEASUREMENTS)), slice(-len(MEASUREMENTS), None)
RATIOS = tuple(
    (f"{statistic} {name}", f"{statistic} radius", formula)
    for statistic in ("mean", "worst")
    for name, formula in (
        ("perimeter", "perimeter / (2π × radius)"),
        ("area", "area / (π × radius²)"),
    )
)
"""The ratios: what is measured, against what, and how."""


_MEASURED, _RADII = (
    [FEATURE_NAMES.index(name) for name in names] for names in list(zip(*RATIOS, strict=True))[:2]
)
_FACTORS, _POWERS = np.array([2 * np.pi, np.pi] * 2), np.array([1, 2] * 2)


def ratios(X: FloatArray) -> FloatArray:
    """Return each of ``RATIOS`` (n, 4) of the cases ``X`` (n, 30); not finite for a radius of 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        measured: FloatArray = X[:, _MEASURED] / (_FACTORS * X[:, _RADII] ** _POWERS)
    return measured


def ratio_limits(X: FloatArray) -> FloatArray:
    """Return the lowest and the highest ratios (2, 4) that agree with the training cases ``X``.

    Where no case has a radius, nothing can be said, and nothing is out of proportion.
    """
    measured = ratios(X)
    measured = measured[np.isfinite(measured).all(axis=1)]
    if not len(measured):
        return np.repeat([[-np.inf], [np.inf]], len(RATIOS), axis=1)
    lowest, highest = measured.min(axis=0), measured.max(axis=0)
    margin = MARGIN * (highest - lowest)
    return np.stack([lowest - margin, highest + margin])


def below_mean(X: FloatArray) -> BoolArray:
    """Return which worst values of the ten measurements (n, 10) lie below their mean."""
    below: BoolArray = X[:, _WORST] < X[:, _MEANS]
    return below


def out_of_proportion(X: FloatArray, limits: FloatArray) -> BoolArray:
    """Return which of ``RATIOS`` (n, 4) lie outside ``limits`` (2, 4)."""
    measured = ratios(X)
    is_inside: BoolArray = (measured >= limits[0]) & (measured <= limits[1])
    return ~is_inside
