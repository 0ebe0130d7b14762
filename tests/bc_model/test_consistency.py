"""Measurements that contradict one another are found, and those of real cases are not."""

import numpy as np
import pytest

from bc_model.classifier import Caution, Classifier
from bc_model.consistency import RATIOS, below_mean, out_of_proportion, ratio_limits, ratios
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES, MEASUREMENTS
from bc_model.predictor import ModelArrays

COLUMN = {name: column for column, name in enumerate(FEATURE_NAMES)}
CIRCLE = {"radius": 10.0, "perimeter": 20 * np.pi, "area": 100 * np.pi}


def test_no_worst_value_of_the_data_is_below_its_mean(dataset: Dataset) -> None:
    assert not below_mean(dataset.X).any()


def test_a_worst_value_below_the_mean_is_found(dataset: Dataset) -> None:
    X = dataset.X[:1].copy()
    X[0, COLUMN["worst texture"]] = X[0, COLUMN["mean texture"]] - 0.01
    found = below_mean(X)[0]
    assert [MEASUREMENTS[place].name for place in np.flatnonzero(found)] == ["texture"]


def test_the_ratios_of_a_circle_are_1() -> None:
    X = np.ones((1, 30))
    for statistic in ("mean", "worst"):
        for name, value in CIRCLE.items():
            X[0, COLUMN[f"{statistic} {name}"]] = value
    np.testing.assert_allclose(ratios(X), 1)


def test_the_cases_of_the_data_are_in_proportion_out_of_sample(dataset: Dataset) -> None:
    """Limits from half of the cases hold for the other half but for a few."""
    limits = ratio_limits(dataset.X[::2])
    assert out_of_proportion(dataset.X[1::2], limits).any(axis=1).mean() < 0.01
    assert not out_of_proportion(dataset.X[::2], limits).any()


@pytest.mark.parametrize(("place", "name"), [(p, name) for p, (name, *_) in enumerate(RATIOS)])
def test_what_does_not_fit_its_radius_is_named(
    classifier: Classifier, arrays: ModelArrays, dataset: Dataset, place: int, name: str
) -> None:
    X = dataset.X[:1].copy()
    X[0, COLUMN[name]] *= 0.5 if name.startswith("mean") else 2  # worst stays above mean
    assert np.flatnonzero(out_of_proportion(X, arrays.ratio_limits)[0]).tolist() == [place]
    (answer,) = classifier.answers(X)
    found = [caution for caution in answer.warnings if caution.code == "inconsistent"]
    low, high = arrays.ratio_limits[:, place]
    _, radius, formula = RATIOS[place]
    detail = f"does not fit the {radius}; {formula} is not within {low:.2f} to {high:.2f}"
    assert found == [Caution("inconsistent", name, detail)]
    assert answer.verdict == "uncertain"


def test_swapped_means_and_worst_values_are_uncertain(
    classifier: Classifier, dataset: Dataset
) -> None:
    X = dataset.X[:, [*range(20, 30), *range(10, 20), *range(10)]]
    is_told_apart = (dataset.X[:, :10] != dataset.X[:, 20:]).any(axis=1)
    assert (~is_told_apart).sum() == 2  # have the same means and worst values in the data
    answers = classifier.answers(X[is_told_apart])
    assert {answer.verdict for answer in answers} == {"uncertain"}
    cautions = [caution for caution in answers[0].warnings if caution.code == "inconsistent"]
    assert cautions[0] == Caution(
        "inconsistent",
        "worst radius",
        "below its mean, though it is the mean of the three largest values",
    )


def test_cases_without_a_radius_set_no_limits(dataset: Dataset) -> None:
    X = dataset.X.copy()
    X[:, COLUMN["mean radius"]] = 0
    limits = ratio_limits(X)
    assert not out_of_proportion(X, limits).any()
    assert not out_of_proportion(dataset.X, limits).any()


@pytest.mark.parametrize("value", [0.0, 5e-324, 1e300])
def test_impossible_sizes_are_out_of_proportion(arrays: ModelArrays, value: float) -> None:
    found = out_of_proportion(np.full((1, 30), value), arrays.ratio_limits)[0]
    areas = [place for place, (name, *_) in enumerate(RATIOS) if name.endswith("area")]
    assert found[areas].all()
