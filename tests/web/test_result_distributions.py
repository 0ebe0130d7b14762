"""Shares, positions and histograms are those of the labelled cases."""

import re

import numpy as np
import pytest

from bc_model.arrays import BENIGN, MALIGNANT
from bc_model.artifact import Reference
from bc_model.metrics import wilson
from web.result import BINS, HEIGHT, Distributions


@pytest.fixture(scope="module")
def distributions(reference: Reference) -> Distributions:
    return Distributions(reference)


def test_shares_are_those_of_lower_cases(
    distributions: Distributions, reference: Reference
) -> None:
    x = reference.cases[7]
    for column, place in enumerate(distributions.places(x)):
        for target, share in (
            (BENIGN, place.share_of_benign),
            (MALIGNANT, place.share_of_malignant),
        ):
            values = reference.cases[reference.targets == target, column]
            assert share == wilson(float((values < x[column]).sum()), len(values))


def test_positions_run_from_the_least_to_the_greatest(
    distributions: Distributions, reference: Reference
) -> None:
    X = reference.cases
    for x, expected in ((X.min(axis=0), 0), (X.max(axis=0), 100)):
        places = distributions.places(x)
        assert {place.x for place in places} == {expected}
        assert not any(place.is_outside for place in places)
    middle = [place.x for place in distributions.places(np.median(X, axis=0))]
    assert all(0 < x < 100 for x in middle)


def test_beyond_the_ends_a_value_is_outside(
    distributions: Distributions, reference: Reference
) -> None:
    for place in distributions.places(2 * reference.cases.max(axis=0)):
        assert (place.x, place.is_outside) == (100, True)
        for share in (place.share_of_benign, place.share_of_malignant):
            assert share.value == 1
            assert 0.97 < share.low < 1
    below = distributions.places(np.zeros(30))
    assert (below[0].x, below[0].is_outside) == (0, True)


def test_histograms_rise_and_fall_from_the_middle(
    distributions: Distributions, reference: Reference
) -> None:
    for column, place in enumerate(distributions.places(reference.cases[0])):
        for path, peak, target in (
            (place.benign_path, 0, BENIGN),
            (place.malignant_path, 2 * HEIGHT, MALIGNANT),
        ):
            steps = [float(y) for y in re.findall(r"V([\d.]+)H", path)]
            assert len(steps) == BINS
            values = reference.cases[reference.targets == target, column]
            median = np.median(reference.cases[:, column])
            scaled = np.log1p(values / median)
            ends = np.log1p(np.percentile(reference.cases[:, column], [0, 100]) / median)
            counts, _ = np.histogram(scaled, np.linspace(ends[0], ends[1], BINS + 1))
            assert steps.index(peak) in np.flatnonzero(counts >= counts.max() - 1)
            assert min(steps) >= 0
            assert max(steps) <= 2 * HEIGHT
