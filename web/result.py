"""The result of one case as the page shows and exports it, and the examples to try."""

import io
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bc_model.answer_table import INTENDED_USE, AnswerWriter, support_share
from bc_model.arrays import BENIGN, MALIGNANT, FloatArray
from bc_model.artifact import Reference
from bc_model.classifier import Answer, Classifier, Explanation
from bc_model.features import MEASUREMENTS, STATISTICS, feature_name
from bc_model.manifest import Estimate, OperatingPoint, VerdictShares
from bc_model.metrics import operating_point, wilson
from bc_model.verdict import unseen_shares

BINS = 24
HEIGHT = 20
"""Of each class's half of a distribution, in units of the plot; the plot is 100 wide."""

NEAREST = 30
"""Labelled cases that were answered most like a case: few enough to be near, enough to count."""

_DIAGNOSES = {MALIGNANT: "malignant", BENIGN: "benign"}


class Place(NamedTuple):
    """Where one value lies; ``x`` is 0 to 100, shares are of the cases with a lower value.

    The shares have 95 % Wilson intervals.
    """

    benign_path: str
    malignant_path: str
    x: float
    is_outside: bool
    share_of_benign: Estimate
    share_of_malignant: Estimate


class Distributions:
    """The values of the labelled cases, by feature and class.

    The axis is ``log1p(x / median)``, as the model sees a value, from the least to the greatest.
    """

    def __init__(self, reference: Reference) -> None:
        """Count the cases of ``reference`` into bins."""
        X = reference.cases
        self._median = np.median(X, axis=0)
        scaled = self._scale(X)
        self._least, self._greatest = scaled.min(axis=0), scaled.max(axis=0)
        by_class = {c: X[reference.targets == c] for c in (BENIGN, MALIGNANT)}
        self._sorted = {c: np.sort(cases, axis=0) for c, cases in by_class.items()}
        self._paths = {c: [self._path(column, c) for column in range(X.shape[1])] for c in by_class}

    def places(self, x: FloatArray) -> list[Place]:
        """Return where each value of ``x`` (30,) lies."""
        along = (self._scale(x) - self._least) / (self._greatest - self._least)
        return [
            Place(
                benign_path=self._paths[BENIGN][column],
                malignant_path=self._paths[MALIGNANT][column],
                x=round(100 * float(np.clip(share, 0, 1)), 1),
                is_outside=not 0 <= share <= 1,
                share_of_benign=self._share_below(BENIGN, column, x[column]),
                share_of_malignant=self._share_below(MALIGNANT, column, x[column]),
            )
            for column, share in enumerate(along)
        ]

    def _scale(self, X: FloatArray) -> FloatArray:
        scaled: FloatArray = np.log(X + self._median) - np.log(self._median)
        return scaled

    def _share_below(self, target: int, column: int, value: float) -> Estimate:
        values = self._sorted[target][:, column]
        return wilson(float(np.searchsorted(values, value)), len(values))

    def _path(self, column: int, target: int) -> str:
        """Return the histogram's outline: benign upwards from the middle, malignant downwards."""
        values = self._scale(self._sorted[target])[:, column]
        edges = np.linspace(self._least[column], self._greatest[column], BINS + 1)
        counts, _ = np.histogram(values, edges)
        heights = HEIGHT * counts / counts.max()
        sign = -1 if target == BENIGN else 1
        steps = "".join(
            f"V{HEIGHT + sign * height:.3g}H{100 * number / BINS:.3g}"
            for number, height in enumerate(heights.tolist(), start=1)
        )
        return f"M0 {HEIGHT}{steps}V{HEIGHT}Z"


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


class Observed(msgspec.Struct, frozen=True):
    """What the labelled cases were whose out-of-fold answers lie nearest to an answer.

    They are ``cases``, whose answers go from ``low`` to ``high``.
    """

    low: float
    high: float
    cases: int
    share_of_malignant: Estimate


class Result(NamedTuple):
    """A case, answered; ``point`` is what the threshold was measured to do.

    ``verdict_shares`` are how often the verdicts on malignant and on benign cases that were kept
    from the model are wrong or uncertain. ``support_share`` is the answer's support as a share of
    the training cases, with its 95 % Wilson interval.
    """

    answer: Answer
    point: OperatingPoint
    verdict_shares: dict[str, VerdictShares]
    observed: Observed
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
        threshold = classifier.threshold
        self.point = operating_point(reference.targets, reference.out_of_fold, threshold)
        unseen = classifier.score(reference.cases[reference.unseen])
        self.verdict_shares = unseen_shares(
            reference.targets[reference.unseen], unseen, classifier.manifest.verdict, threshold
        )
        answers = reference.out_of_fold.mean(axis=0)
        ascending = np.argsort(answers)
        self._answers = answers[ascending]
        self._is_malignant = reference.targets[ascending] == MALIGNANT

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
            verdict_shares=self.verdict_shares,
            observed=self._observed_near(answer.probability_malignant),
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

    def _observed_near(self, malignant: float) -> Observed:
        """Return what was observed of the ``NEAREST`` answers to a probability."""
        distance = np.abs(self._answers - malignant)
        cases = min(NEAREST, len(distance))
        nearest = np.sort(np.argpartition(distance, cases - 1)[:cases])
        return Observed(
            low=float(self._answers[nearest[0]]),
            high=float(self._answers[nearest[-1]]),
            cases=cases,
            share_of_malignant=wilson(float(self._is_malignant[nearest].sum()), cases),
        )


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


def result_as_json(result: Result, label: str) -> bytes:
    """Return the answer, its explanation, and what was measured of others like it."""
    content: dict[str, Any] = {
        "intended_use": INTENDED_USE,
        "case": label or None,
        "answer": result.answer,
        "measured_at_threshold": result.point,
        "measured_verdicts": result.verdict_shares,
        "measured_near": result.observed,
        "support_share": result.support_share,
        "explanation": result.explanation,
    }
    return msgspec.json.format(msgspec.json.encode(content))


def result_as_csv(classifier: Classifier, result: Result, label: str, digits: int) -> bytes:
    """Return the answer as ``python -m bc_model predict`` writes it, the values behind it.

    Numbers have ``digits`` significant digits.
    """
    features = result.explanation.features
    text = io.StringIO()
    names = tuple(feature.feature for feature in features)
    writer = AnswerWriter(text, classifier, digits=digits, more_columns=names)
    writer.write(label or "1", None, result.answer, *(feature.value for feature in features))
    return text.getvalue().encode()


class Example(NamedTuple):
    """A case ``x`` (30,); ``number`` counts the cases of the data set from 1."""

    name: str
    number: int
    diagnosis: str
    x: FloatArray


def choose_examples(classifier: Classifier, reference: Reference) -> dict[str, Example]:
    """Return an example of each kind from the unseen cases, by name.

    Benign and malignant are the cases in the middle of their diagnosis by the model's answer;
    borderline is the one whose answer lies closest to the threshold.
    """
    unseen = np.flatnonzero(reference.unseen)
    log_odds = classifier.score(reference.cases[unseen]).log_odds
    targets = reference.targets[unseen]

    def example(name: str, place: int) -> Example:
        case = int(unseen[place])
        diagnosis = _DIAGNOSES[int(reference.targets[case])]
        return Example(name, case + 1, diagnosis, reference.cases[case])

    def middle(target: int) -> int:
        places = np.flatnonzero(targets == target)
        return int(places[np.argsort(log_odds[places])[len(places) // 2]])

    threshold = np.log(classifier.threshold / (1 - classifier.threshold))
    closest = int(np.argmin(np.abs(log_odds - threshold)))
    return {
        "benign": example("benign", middle(BENIGN)),
        "malignant": example("malignant", middle(MALIGNANT)),
        "borderline": example("borderline", closest),
    }
