"""Blunders change what they say, and the model notices as many as its card claims."""

import numpy as np
import pytest

from bc_model.artifact import Reference
from bc_model.blunders import BLUNDERS, noticed
from bc_model.dataset import Dataset
from bc_model.manifest import Manifest
from bc_model.predictor import ModelArrays, Predictor


@pytest.mark.parametrize("name", [name for name in BLUNDERS if not name.startswith("none")])
def test_a_blunder_changes_nearly_every_case(dataset: Dataset, name: str) -> None:
    before = dataset.X.copy()
    changed = BLUNDERS[name](dataset.X, np.random.default_rng(0))
    np.testing.assert_array_equal(dataset.X, before)
    assert changed.shape == dataset.X.shape
    assert (changed != dataset.X).any(axis=1).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("two columns swapped", 2),
        ("another patient's means", 10),
        ("another patient's worst values", 10),
        ("one value × 10", 1),
        ("mean area halved", 1),
        ("lengths × 2, areas × 2²", 9),
    ],
)
def test_a_blunder_changes_no_more_than_it_says(dataset: Dataset, name: str, values: int) -> None:
    changed = BLUNDERS[name](dataset.X, np.random.default_rng(0)) != dataset.X
    assert changed.sum(axis=1).max() == values


def test_the_manifest_has_what_the_model_notices(
    manifest: Manifest, arrays: ModelArrays, reference: Reference
) -> None:
    unseen = reference.cases[reference.unseen]
    assert noticed(Predictor(arrays), unseen, manifest.parameters.seed) == manifest.blunders


def test_gross_blunders_are_noticed_and_a_scale_error_is_not(manifest: Manifest) -> None:
    share = {name: estimate.value for name, estimate in manifest.blunders.items()}
    assert share["none: the cases as they are"] < 0.05
    for gross in ("each value from another patient", "mean and worst swapped",
                  "columns shifted by one", "mean area halved", "one value × 10"):  # fmt: skip
        assert share[gross] > 0.95
    assert share["lengths × 1.25, areas × 1.25²"] < 0.1
