"""The floors: where they lie, and that a model below any of them is refused."""

import pytest

from bc_model.classifier import Classifier
from bc_model.evaluation import Summary
from bc_model.floors import DEFAULT_FLOORS, FloorError, check_floors
from bc_model.metrics import LOWER_IS_BETTER


@pytest.mark.parametrize("name", DEFAULT_FLOORS)
def test_floors_lie_just_beyond_what_chance_does_to_the_originals_pipeline(
    original: dict[str, Summary], name: str
) -> None:
    summary = original[name]
    worse_end = summary.estimate.high if name in LOWER_IS_BETTER else summary.estimate.low
    beyond = DEFAULT_FLOORS[name] - worse_end
    if name not in LOWER_IS_BETTER:
        beyond = -beyond
    assert 0 < beyond < summary.estimate.high - summary.estimate.low


def test_the_default_model_is_good_enough(classifier: Classifier) -> None:
    figures = classifier.manifest.cross_validation
    check_floors({name: figure.value for name, figure in figures.items()}, DEFAULT_FLOORS)


@pytest.mark.parametrize("name", DEFAULT_FLOORS)
def test_a_model_may_lie_at_a_floor_but_not_beyond(name: str) -> None:
    check_floors(DEFAULT_FLOORS, DEFAULT_FLOORS)
    worse = 0.001 if name in LOWER_IS_BETTER else -0.001
    with pytest.raises(FloorError) as caught:
        check_floors({**DEFAULT_FLOORS, name: DEFAULT_FLOORS[name] + worse}, DEFAULT_FLOORS)
    word = "above its ceiling" if name in LOWER_IS_BETTER else "below its floor"
    assert f"{name} is {DEFAULT_FLOORS[name] + worse:.4f}, {word}" in str(caught.value)


def test_every_metric_below_its_floor_is_named() -> None:
    with pytest.raises(FloorError) as caught:
        check_floors(
            {"accuracy": 0.5, "brier": 0.4, "roc_auc": 0.9},
            {"accuracy": 0.95, "brier": 0.1, "roc_auc": 0.9},
        )
    assert str(caught.value) == (
        "nothing was published: in cross-validation accuracy is 0.5000, below its floor of 0.95; "
        "brier is 0.4000, above its ceiling of 0.1. "
        "A model of other data may have floors of its own: --floor METRIC=VALUE"
    )
