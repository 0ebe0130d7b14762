"""Exact Shapley values of the log-odds, for a kernel that is a product over the features.

For one support vector the coalition value is a product of one-dimensional kernels, and its
Shapley value is the integral over q in [0, 1] of the multilinear extension's partial derivative
(Owen, "Multilinear extensions of games", Management Science 18, 1972). The integrand is a
polynomial of degree d - 1 in q, so Gauss-Legendre quadrature with ceil(d / 2) nodes is exact.
"""

from functools import cache

import numpy as np

from bc_model.arrays import FloatArray
from bc_model.predictor import ModelArrays, standardise


def shapley_values(
    z: FloatArray, baseline: FloatArray, cases: FloatArray, coefficients: FloatArray, gamma: float
) -> FloatArray:
    """Return the contributions (d,) of ``z`` (d,) against ``baseline`` (d,).

    The function explained is ``kernel(z, cases) @ coefficients`` with ``cases`` (n, d); the
    contributions add up to its difference between ``z`` and ``baseline``. Rows of
    ``coefficients`` (k, n) are functions of their own, each with its contributions (k, d).
    """
    # Features come first, so that every product below is one of long contiguous rows.
    present = np.exp(-gamma * (z[:, None] - cases.T) ** 2)
    absent = np.exp(-gamma * (baseline[:, None] - cases.T) ** 2)
    difference = present - absent
    nodes, weights = _quadrature(z.size)
    factors = absent[:, None] + nodes[:, None] * difference[:, None]
    others = _products_of_the_others(factors)
    per_case = difference * np.einsum("q,dqn->dn", weights, others)
    contributions: FloatArray = coefficients @ per_case.T
    return contributions


@cache
def _quadrature(features: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights on [0, 1], exact to degree ``features`` - 1."""
    nodes, weights = np.polynomial.legendre.leggauss((features + 1) // 2)
    return (nodes + 1) / 2, weights / 2


def _products_of_the_others(factors: FloatArray) -> FloatArray:
    """Return for each entry of the first axis the product of all others, without dividing by it.

    Far from every case a factor underflows to 0, where a division would give NaN.
    """
    products = np.ones_like(factors)
    for place in range(1, len(factors)):
        np.multiply(products[place - 1], factors[place - 1], out=products[place])
    after = np.ones_like(factors[0])
    for place in reversed(range(len(factors))):
        products[place] *= after
        after *= factors[place]
    return products


class Explainer:
    """Explains a model's answers against the case in which every feature has its median."""

    def __init__(self, arrays: ModelArrays) -> None:
        """Keep of the fitted model ``arrays`` what carries weight in its answer."""
        used = (arrays.coefficients != 0).any(axis=0)
        self._arrays = arrays
        self._cases = np.ascontiguousarray(arrays.cases[used])
        self._coefficients = arrays.coefficients[:, used]
        self.baseline = arrays.median

    def contributions(self, x: FloatArray) -> FloatArray:
        """Return what each feature of ``x`` (30,) adds to the log-odds of malignant (1 + B, 30).

        Row 0 is the model's, the rows below are those of its bootstrap refits.
        """
        z, baseline = standardise(np.stack([x, self.baseline]), self._arrays)
        gamma = float(self._arrays.gamma)
        return shapley_values(z, baseline, self._cases, self._coefficients, gamma)
