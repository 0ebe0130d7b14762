"""What comes in, against what the model was trained on: quantile bins of each feature.

Counts by bin can be added up over processes and over time, so drift across all pods is a matter
of one sum.
"""

import numpy as np
import numpy.typing as npt

from bc_model.predictor import FloatArray

BINS = 10


def bin_edges(X: FloatArray) -> FloatArray:
    """Return the inner deciles (d, 9) of the training cases ``X`` (n, d)."""
    edges: FloatArray = np.quantile(X, np.linspace(0, 1, BINS + 1)[1:-1], axis=0).T.copy()
    return edges


def bin_numbers(X: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    """Return the bin, 0 to 9, of each value of ``X`` (n, d): how many edges lie below it."""
    numbers: npt.NDArray[np.int64] = (X[:, :, None] > edges).sum(axis=2)
    return numbers


def bin_counts(X: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    """Return how many values of ``X`` (n, d) fall into each bin (d, 10)."""
    numbers = bin_numbers(X, edges)
    counts: npt.NDArray[np.int64] = (numbers[:, :, None] == np.arange(BINS)).sum(axis=0)
    return counts
