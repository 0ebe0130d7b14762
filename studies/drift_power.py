"""Power of drift detection by simulation: how often drift is found, with and without any.

The labelled cases stand for the population. A run draws a training set from it, with deciles of
its own, and then new cases. The thresholds are the artifact's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray, IntArray
from bc_model.artifact import Reference
from bc_model.drift import (
    BINS,
    NULL_SIZES,
    Counts,
    bin_counts,
    bin_edges,
    bin_numbers,
    feature_drift,
    score_counts,
    score_drift,
)
from bc_model.evaluation import markdown_table, splits
from bc_model.features import MEASUREMENTS, STATISTICS
from bc_model.manifest import Parameters
from bc_model.metrics import wilson
from bc_model.training import Progress, build_pipeline

SIZES = (50, 100, 300, 1000, 10_000)
DAYS, LOOKS_A_DAY = 30, 24

UNCHANGED = "the population of training"

LEAST_SHARE = 1e-4
"""What the population stability index takes in place of an empty bin's 0, as is the custom."""


@dataclass(frozen=True)
class Scenario:
    """New cases (k, d): the labelled ones, with the ``changed`` (d,) features measured otherwise.

    ``weights`` (k,) is how often each is drawn, ``scores`` (k, b) the bucket its answer falls into.
    """

    name: str
    cases: FloatArray
    changed: BoolArray
    weights: FloatArray
    scores: FloatArray


def scenarios(reference: Reference, parameters: Parameters) -> list[Scenario]:
    """Return the scenarios for the labelled cases of ``reference``; the first changes nothing.

    Answers are out of fold: each case's, as changed, by a model that has not seen it.
    """
    X, y = reference.cases, reference.targets
    answer = _out_of_fold(X, y, parameters)
    even = np.full(len(y), 1 / len(y))
    is_malignant = y == MALIGNANT
    rarer = np.where(is_malignant, even / 2, 0)
    rarer += ~is_malignant * (1 - rarer.sum()) / (~is_malignant).sum()

    def scaled(name: str, **factors: float) -> Scenario:
        by_measurement = [factors.get(measurement.name, 1) for measurement in MEASUREMENTS]
        factor = np.tile(by_measurement, len(STATISTICS))
        return Scenario(name, X * factor, factor != 1, even, answer(X * factor))

    return [
        scaled(UNCHANGED),
        scaled("lengths 5 % larger", radius=1.05, perimeter=1.05, area=1.05**2),
        scaled("lengths 10 % larger", radius=1.1, perimeter=1.1, area=1.1**2),
        scaled("texture 10 % higher", texture=1.1),
        scaled("smoothness 10 % lower", smoothness=0.9),
        Scenario(
            "half as many malignant", X, np.ones(X.shape[1], dtype=np.bool_), rarer, answer(X)
        ),
    ]


def _out_of_fold(
    X: FloatArray, y: IntArray, parameters: Parameters
) -> Callable[[FloatArray], FloatArray]:
    """Return what tells the buckets (k, b) that cases (k, d), numbered as in ``X``, fall into."""
    folds = [
        (build_pipeline(parameters).fit(X[train], y[train]), held_out)
        for _, _, train, held_out in splits(y, repeats=1)
    ]

    def answer(cases: FloatArray) -> FloatArray:
        malignant = np.zeros(len(cases))
        for model, held_out in folds:
            malignant[held_out] = model.predict_proba(cases[held_out])[:, MALIGNANT]
        return score_counts(malignant[:, None])

    return answer


class Found(NamedTuple):
    """What looks at new cases of each size found: (runs, s, d), (runs, s), (runs, s, d)."""

    features: BoolArray
    answers: BoolArray
    stability: FloatArray


class Simulation:
    """Runs with the cases and thresholds of ``reference``."""

    def __init__(self, reference: Reference, parameters: Parameters, seed: int) -> None:
        """Draw by ``seed``."""
        self.scenarios = scenarios(reference, parameters)
        self._reference = reference
        self._scores = score_counts(reference.out_of_fold.T[:, :, None]).mean(axis=1)
        self._generator = np.random.default_rng(seed)

    def look(self, scenario: Scenario, runs: int, progress: Progress) -> Found:
        """Look at new cases of a scenario, in as many ``runs`` as that."""
        found = [self._run(scenario) for _ in progress(range(runs))]
        features, answers, stability = (np.array(each) for each in zip(*found, strict=True))
        return Found(features, answers, stability)

    def _run(self, scenario: Scenario) -> tuple[BoolArray, BoolArray, FloatArray]:
        edges, reference = self._training()
        drawn = self._generator.multinomial(np.array(SIZES), scenario.weights)
        counts = (drawn @ _by_bin(scenario.cases, edges)).reshape(len(SIZES), -1, BINS)
        k = len(self._scores)
        expected = self._generator.multinomial(k, np.full(k, 1 / k)) @ self._scores
        answers = score_drift(drawn @ scenario.scores, expected)
        return (
            feature_drift(counts, reference) > self._reference.feature_thresholds.max(),
            answers > self._reference.score_thresholds.max(),
            stability_index(counts, reference),
        )

    def quiet_days(self, cases_a_day: int) -> int:
        """Return how many alarms features raise over nothing in ``DAYS`` of hourly looks."""
        edges, reference = self._training()
        cases = self._reference.cases
        mean = cases_a_day / LOOKS_A_DAY / len(cases)
        drawn = self._generator.poisson(mean, size=((DAYS + 1) * LOOKS_A_DAY, len(cases)))
        total = np.cumsum(drawn @ _by_bin(cases, edges), axis=0)
        counts = (total[LOOKS_A_DAY:] - total[:-LOOKS_A_DAY]).reshape(DAYS * LOOKS_A_DAY, -1, BINS)
        drifted = feature_drift(counts, reference) > self._reference.feature_thresholds.max()
        enough = counts.sum(axis=-1) >= NULL_SIZES[0]
        alarm = (drifted & enough).any(axis=-1)
        return int(alarm[0]) + int((alarm[1:] & ~alarm[:-1]).sum())

    def _training(self) -> tuple[FloatArray, Counts]:
        """Return edges and counts of a training set drawn from the labelled cases."""
        cases = self._reference.cases
        drawn = self._generator.integers(len(cases), size=int((~self._reference.unseen).sum()))
        edges = bin_edges(cases[drawn])
        return edges, bin_counts(cases[drawn], edges)


def _by_bin(cases: FloatArray, edges: FloatArray) -> FloatArray:
    """Return which bins the values of ``cases`` (k, d) fall into, as 0 and 1 (k, d * 10)."""
    numbers = bin_numbers(cases, edges)
    by_bin: FloatArray = (numbers[:, :, None] == np.arange(BINS)).reshape(len(cases), -1) * 1.0
    return by_bin


def stability_index(counts: Counts, reference: Counts) -> FloatArray:
    """Return the population stability index of ``counts`` (..., b): the usual measure of drift.

    ``sum((q - p) ln(q / p))``; above 0.1 it is called a moderate and above 0.25 a large shift
    (Siddiqi, Credit Risk Scorecards, 2006).
    """
    q, p = (
        np.maximum(each / each.sum(axis=-1, keepdims=True), LEAST_SHARE)
        for each in (counts, reference)
    )
    index: FloatArray = ((q - p) * np.log(q / p)).sum(axis=-1)
    return index


def drift_tables(
    reference: Reference,
    parameters: Parameters,
    runs: int,
    seed: int,
    progress: Callable[[str], Progress],
) -> str:
    """Return the tables of false alarms and of what is found, as Markdown."""
    simulation = Simulation(reference, parameters, seed)
    unchanged, *changed = (
        (scenario, simulation.look(scenario, runs, progress(scenario.name)))
        for scenario in simulation.scenarios
    )
    return "\n\n".join(
        (
            _table("nothing has changed", _false_alarms(unchanged[1], simulation, runs, progress)),
            _table("found", [row for each in changed for row in _found(*each)]),
        )
    )


def _false_alarms(
    found: Found, simulation: Simulation, runs: int, progress: Callable[[str], Progress]
) -> list[list[str]]:
    index = found.stability
    episodes = [
        np.mean([simulation.quiet_days(size) for _ in progress(f"{size} a day")(range(runs // 10))])
        for size in SIZES
    ]
    alarms = [f"{each * 365 / DAYS:.2f}" for each in episodes]
    return [
        ["a feature has drifted", *_shares(found.features)],
        ["the answers have drifted", *_shares(found.answers)],
        ["alarms by features a year, looking every hour", *alarms],
        ["index of one feature above 0.1", *_shares(index[:, :, 0] > 0.1)],
        ["index of any feature above 0.1", *_shares(index > 0.1)],
        ["index of any feature above 0.25", *_shares(index > 0.25)],
    ]


def _found(scenario: Scenario, found: Found) -> Iterator[list[str]]:
    yield [f"{scenario.name}: these features", *_shares(found.features[..., scenario.changed])]
    if not scenario.changed.all():
        others = _shares(found.features[..., ~scenario.changed])
        yield [f"{scenario.name}: other features", *others]
    yield [f"{scenario.name}: answers", *_shares(found.answers)]


def _shares(raised: BoolArray) -> list[str]:
    """Return the share of runs in which anything (runs, s, ...) was raised, with its interval."""
    cells = []
    for of_size in np.moveaxis(raised, 1, 0):
        share = wilson(sum(map(np.any, of_size)), len(of_size))
        cells.append(f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]")
    return cells


def _table(title: str, rows: list[list[str]]) -> str:
    head = [title, *(f"{size:,} cases" for size in SIZES)]
    return markdown_table(head, *rows)
