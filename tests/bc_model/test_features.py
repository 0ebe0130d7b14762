"""The features and their names, against scikit-learn's and UCI's."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from bc_model.arrays import FloatArray
from bc_model.dataset import Dataset
from bc_model.features import (
    FEATURE_COUNT,
    FEATURE_NAMES,
    MEASUREMENTS,
    STATISTICS,
    canonical_name,
    feature_name,
    nearest_name,
)

UCI = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
    "concave_points", "symmetry", "fractal_dimension",
)  # fmt: skip

DESCRIPTIONS = {measurement.name: measurement.description for measurement in MEASUREMENTS}


def test_names_and_order_are_those_of_scikit_learn() -> None:
    assert list(FEATURE_NAMES) == load_breast_cancer().feature_names.tolist()
    assert FEATURE_COUNT == 30


def test_names_go_through_the_statistics_one_after_the_other() -> None:
    assert [
        feature_name(measurement.name, statistic)
        for statistic in STATISTICS
        for measurement in MEASUREMENTS
    ] == list(FEATURE_NAMES)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(FEATURE_NAMES, id="scikit-learn"),
        pytest.param([f"{name}{n}" for n in (1, 2, 3) for name in UCI], id="UCI"),
        pytest.param(
            [f"{name}_{s}" for s in ("mean", "se", "worst") for name in UCI], id="underscores"
        ),
        pytest.param(
            [f"{name.replace('_', '.')}.{s}" for s in ("mean", "se", "worst") for name in UCI],
            id="points",
        ),
        pytest.param(
            [f"{name.replace('_', ' ')}_{s}" for s in ("mean", "se", "worst") for name in UCI],
            id="blanks and underscores",
        ),
    ],
)
@pytest.mark.parametrize("spelling", [str, str.upper, str.title, "  {}\t".format])
def test_every_common_header_means_its_feature(headers: list[str], spelling: type[str]) -> None:
    assert [canonical_name(spelling(header)) for header in headers] == list(FEATURE_NAMES)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "id",
        "diagnosis",
        "radius",
        "mean",
        "radius0",
        "radius4",
        "radius_median",
        "1radius",
        "x",
    ],
)
def test_other_headers_mean_no_feature(header: str) -> None:
    assert canonical_name(header) is None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("concave.points_mean", "mean concave points"),
        ("concavepoints_worst", "worst concave points"),
        ("concave_pts_se", "concave points error"),
        ("x.radius_mean", "mean radius"),
        ("x.fractal_dim_worst", "worst fractal dimension"),
        ("RadiusMean", "mean radius"),
        ("se-area", "area error"),
        ("Standard Error: texture", "texture error"),
    ],
)
def test_separators_and_abbreviations_do_not_matter(header: str, name: str) -> None:
    assert canonical_name(header) == name


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("raduis_mean", "mean radius"),
        ("worst concave point", "worst concave points"),
        ("fractal_dimention_se", "fractal dimension error"),
        ("radius", None),
        ("age", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_one_that_the_table_of_names_would_take(
    name: str, nearest: str | None
) -> None:
    assert nearest_name(name) == nearest


def test_a_known_name_is_nearest_to_its_own_feature() -> None:
    spellings = [f"{name}_{s}" for s in ("mean", "se", "worst") for name in UCI]
    assert [nearest_name(f"{name}x") for name in spellings] == list(FEATURE_NAMES)


def test_lengths_share_a_unit_and_areas_are_its_square(dataset: Dataset) -> None:
    unit = {measurement.name: measurement.unit for measurement in MEASUREMENTS}
    assert unit["perimeter"] == unit["radius"]
    assert unit["area"] == unit["radius"] + "²"
    radius, perimeter, area = (
        dataset.X[:, FEATURE_NAMES.index(f"mean {name}")]
        for name in ("radius", "perimeter", "area")
    )
    assert np.median(area / radius**2) == pytest.approx(math.pi, rel=0.03)
    assert np.median(perimeter / radius) == pytest.approx(2 * math.pi, rel=0.06)


def test_every_measurement_is_described() -> None:
    assert all(measurement.unit and measurement.description for measurement in MEASUREMENTS)


@pytest.fixture(scope="module")
def means(dataset: Dataset) -> dict[str, FloatArray]:
    return {
        measurement.name: dataset.X[:, FEATURE_NAMES.index(f"mean {measurement.name}")]
        for measurement in MEASUREMENTS
    }


def test_the_formula_of_compactness_is_that_of_the_data(means: dict[str, FloatArray]) -> None:
    """Not to the digit, as the data's value is the mean of the nuclei's."""
    assert DESCRIPTIONS["compactness"] == "perimeter² / (4π × area) − 1"
    by_formula = means["perimeter"] ** 2 / (4 * math.pi * means["area"]) - 1
    assert np.corrcoef(by_formula, means["compactness"])[0, 1] > 0.96
    assert np.median(means["compactness"] / by_formula) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("name", ["smoothness", "symmetry"])
def test_what_is_relative_does_not_grow_with_the_radius(
    means: dict[str, FloatArray], name: str
) -> None:
    assert DESCRIPTIONS[name].startswith("relative ")
    assert abs(np.corrcoef(means[name], means["radius"])[0, 1]) < 0.2


def test_shares_and_dimensions_are_within_their_range(means: dict[str, FloatArray]) -> None:
    """A number of concave portions would be a whole one, and a coastline's dimension is 1 to 2."""
    assert DESCRIPTIONS["concave points"].startswith("share of ")
    assert means["concave points"].max() < 1
    assert DESCRIPTIONS["fractal dimension"].endswith("− 1")
    assert 0 < means["fractal dimension"].min() <= means["fractal dimension"].max() < 1
