"""All that the page says about one case."""

from typing import NamedTuple

from bc_model.answer_table import support_share
from bc_model.arrays import FloatArray
from bc_model.artifact import Estimate, OperatingPoint, Reference
from bc_model.classifier import Answer, Classifier, Explanation
from bc_model.features import MEASUREMENTS, STATISTICS, feature_name
from bc_model.metrics import operating_point
from web.distributions import Distributions, Place


class Bar(NamedTuple):
    """A contribution as a bar; positions are percentages of the chart's width."""

    label: str
    contribution: float
    interval: tuple[float, float]
    start: float
    width: float
    low: float
    high: float


class Chart(NamedTuple):
    """Bars on one scale; ``zero`` is where they start from."""

    bars: list[Bar]
    zero: float


class Located(NamedTuple):
    """A measurement's values with where they lie, by mean, error and worst."""

    measurement: str
    values: list[tuple[str, float, Place]]


class Result(NamedTuple):
    """A case, answered; ``point`` is what the threshold was measured to do.

    ``support_share`` is the answer's support as a share of the training cases, with its 95 % Wilson
    interval.
    """

    answer: Answer
    point: OperatingPoint
    support_share: Estimate
    explanation: Explanation
    measurements: Chart
    features: Chart
    located: list[Located]


class Results:
    """Makes results of one model."""

    def __init__(self, classifier: Classifier, reference: Reference) -> None:
        """Compare cases with those of ``reference``."""
        self._classifier = classifier
        self._distributions = Distributions(reference)
        self.point = operating_point(reference.targets, reference.out_of_fold, classifier.threshold)

    def result(self, x: FloatArray, answer: Answer) -> Result:
        """Return what to say about the case ``x`` (30,), which was answered with ``answer``."""
        explanation = self._classifier.explain(x)
        places = dict(zip(self._classifier.names, self._distributions.places(x), strict=True))
        values = dict(zip(self._classifier.names, x.tolist(), strict=True))
        located = [
            Located(
                measurement.name,
                [
                    (statistic, values[name], places[name])
                    for statistic in STATISTICS
                    for name in [feature_name(measurement.name, statistic)]
                ],
            )
            for measurement in MEASUREMENTS
        ]
        return Result(
            answer=answer,
            point=self.point,
            support_share=support_share(self._classifier, answer),
            explanation=explanation,
            measurements=chart([
                (name, contribution, explanation.measurement_intervals[name])
                for name, contribution in explanation.measurements.items()
            ]),
            features=chart([
                (feature.feature, feature.contribution, feature.interval)
                for feature in explanation.features
            ]),
            located=located,
        )  # fmt: skip


def chart(contributions: list[tuple[str, float, tuple[float, float]]]) -> Chart:
    """Return (label, contribution, interval) as bars, the longest first."""
    least = min(0.0, *(low for _, _, (low, _) in contributions))
    greatest = max(0.0, *(high for _, _, (_, high) in contributions))
    span = (greatest - least) or 1.0

    def position(value: float) -> float:
        return round(100 * (value - least) / span, 2)

    bars = []
    for label, contribution, (low, high) in contributions:
        ends = sorted((position(0), position(contribution)))
        bars.append(
            Bar(label, contribution, (low, high), ends[0], round(ends[1] - ends[0], 2),
                position(low), position(high))
        )  # fmt: skip
    bars.sort(key=lambda bar: -abs(bar.contribution))
    return Chart(bars, position(0))
