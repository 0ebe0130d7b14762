"""Floors: the performance in cross-validation that a model needs to be published."""

from collections.abc import Mapping

from bc_model.metrics import LOWER_IS_BETTER

DEFAULT_FLOORS = {
    "accuracy": 0.95,
    "sensitivity": 0.93,
    "specificity": 0.95,
    "roc_auc": 0.98,
    "log_loss": 0.12,
}
"""Lower bounds in cross-validation; an upper bound for log loss.

Each lies just beyond the worse end of the 95 % interval of StandardScaler + SVC on the bundled
data, so a model that fails is worse by more than chance explains.
"""


class FloorError(Exception):
    """The model is not good enough to be published; the message names every metric below."""


def check_floors(means: Mapping[str, float], floors: Mapping[str, float]) -> None:
    """Compare the ``means`` of cross-validation with ``floors``.

    Raises:
        FloorError: at least one metric is worse than its floor.
    """
    failures = []
    for name, floor in floors.items():
        mean = means[name]
        worse, word = (
            (mean > floor, "above its ceiling")
            if name in LOWER_IS_BETTER
            else (mean < floor, "below its floor")
        )
        if worse:
            failures.append(f"{name} is {mean:.4f}, {word} of {floor:g}")
    if failures:
        raise FloorError(
            "nothing was published: in cross-validation "
            + "; ".join(failures)
            + ". A model of other data may have floors of its own: --floor METRIC=VALUE"
        )
