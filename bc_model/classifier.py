"""A loaded model and its answers, shared by the service, the page and `predict`.

Only NumPy, msgspec and threadpoolctl are imported.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, Self

import msgspec
import numpy as np

from bc_model import artifact
from bc_model.arrays import BENIGN, MALIGNANT, FloatArray
from bc_model.artifact import Reference
from bc_model.consistency import RATIOS
from bc_model.explanation import Explainer
from bc_model.features import MEASUREMENTS
from bc_model.manifest import Manifest
from bc_model.predictor import ModelArrays, Predictor, Scores, interval
from bc_model.verdict import WARNED, Diagnosis, Reason, Reasons, Verdict, doubts

NO_BASIS = (
    "the model has no basis for this case: it lies further from the training cases than nearly all "
    "held-out cases of cross-validation did"
)

PARITY = 1e-9
"""How far an answer may lie from the one recorded at training: libraries round differently."""


class Caution(msgspec.Struct, frozen=True, gc=False):
    """Something to know before relying on an answer; ``feature`` is None for the whole case."""

    code: Literal["out_of_range", "inconsistent", "no_basis"]
    feature: str | None
    detail: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer to one case."""

    prediction: Literal[0, 1]
    diagnosis: Diagnosis
    probability_benign: float
    probability_malignant: float
    interval_malignant: tuple[float, float]
    support: float
    verdict: Verdict
    reasons: list[Reason]
    threshold: float
    model_version: str
    warnings: list[Caution]

    @property
    def is_uncertain(self) -> bool:
        """Whether the verdict is neither diagnosis."""
        return self.verdict == "uncertain"

    @property
    def has_basis(self) -> bool:
        """Whether the case is near enough to the training cases for an answer to mean something."""
        return all(caution.code != "no_basis" for caution in self.warnings)


class Contribution(msgspec.Struct, frozen=True):
    """What a feature's value adds to the log-odds, compared with the training median.

    ``interval`` is the 90 % bootstrap interval.
    """

    feature: str
    value: float
    baseline: float
    contribution: float
    interval: tuple[float, float]


class Explanation(msgspec.Struct, frozen=True):
    """Exact Shapley values: ``baseline + sum = log_odds``.

    The baseline is the case in which every feature has its training median; ``measurements`` are
    the sums over mean, error and worst of the ten measurements. Intervals are 90 % bootstrap
    intervals.
    """

    unit: str
    baseline: float
    sum: float
    log_odds: float
    baseline_interval: tuple[float, float]
    log_odds_interval: tuple[float, float]
    measurements: dict[str, float]
    measurement_intervals: dict[str, tuple[float, float]]
    features: list[Contribution]


class Classifier:
    """One model, ready to answer."""

    def __init__(self, manifest: Manifest, arrays: ModelArrays, threshold: float) -> None:
        """Answer malignant from a probability of ``threshold`` on."""
        self.manifest = manifest
        self.threshold = threshold
        self.names = [feature.name for feature in manifest.features]
        self._predictor = Predictor(arrays)
        self._ratio_limits = arrays.ratio_limits
        self._reasons = Reasons(manifest.verdict, threshold)
        self._explainer = Explainer(arrays)
        measurements = [feature.measurement for feature in manifest.features]
        self._measurements = list(dict.fromkeys(measurements))
        self._belongs = np.array([[m == name for name in self._measurements] for m in measurements])

    @classmethod
    def load(cls, directory: Path, threshold: float | None = None, public_key: str = "") -> Self:
        """Load the artifact in ``directory``; ``threshold`` replaces the one stored in it.

        Raises:
            ArtifactError: a file that is needed is missing or altered, or not signed by the owner
                of the ``public_key``, if there is one.
        """
        manifest = artifact.read_manifest(directory, public_key)
        arrays = artifact.load_model(directory, manifest)
        return cls(manifest, arrays, manifest.threshold if threshold is None else threshold)

    def load_reference(self, directory: Path) -> Reference:
        """Return the reference of this model, which is in ``directory``.

        Raises:
            ArtifactError: it is missing or altered, or this model answers its cases otherwise than
                it did at training.
        """
        reference = artifact.load_reference(directory, self.manifest)
        with np.errstate(all="ignore"):  # what comes of senseless arrays is found below
            malignant = self.score(reference.cases).malignant
        if not (np.abs(malignant - reference.malignant) <= PARITY).all():  # as NaN is not
            raise artifact.unusable(directory, artifact.MODEL, "does not answer as at training")
        return reference

    def score(self, X: FloatArray) -> Scores:
        """Return the answers to ``X`` (n, 30) as arrays."""
        return self._predictor.score(X)

    def answers(self, X: FloatArray) -> list[Answer]:
        """Return the answer to each case of ``X`` (n, 30), finite and not negative."""
        return self.worded(X, self.score(X))

    def worded(
        self, X: FloatArray, scores: Scores, most_warnings: int | None = None
    ) -> list[Answer]:
        """Return the answers to ``X`` (n, 30) that ``scores`` make.

        At most ``most_warnings`` of the values of a case are listed, the others counted.
        """
        doubted = doubts(scores, self.manifest.verdict, self.threshold)
        is_uncertain = doubted.any(axis=1)
        is_noted = scores.outside.any(axis=1) | doubted[:, WARNED].any(axis=1)
        columns = (
            scores.malignant, scores.low, scores.high, scores.support, is_uncertain, is_noted,
        )  # fmt: skip
        answers = []
        for row, (malignant, low, high, support, uncertain, noted) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            is_malignant = malignant >= self.threshold
            diagnosis: Diagnosis = "malignant" if is_malignant else "benign"
            answers.append(
                Answer(
                    prediction=MALIGNANT if is_malignant else BENIGN,
                    diagnosis=diagnosis,
                    probability_benign=1 - malignant,
                    probability_malignant=malignant,
                    interval_malignant=(low, high),
                    support=support,
                    verdict="uncertain" if uncertain else diagnosis,
                    reasons=(
                        self._reasons.of(diagnosis, doubted[row])
                        if uncertain
                        else self._reasons.certain[diagnosis]
                    ),
                    threshold=self.threshold,
                    model_version=self.manifest.model_version,
                    warnings=self._warnings(X, scores, row, most_warnings) if noted else [],
                )
            )
        return answers

    def explain(self, x: FloatArray) -> Explanation:
        """Return what each value of ``x`` (30,) contributes to its answer."""
        baseline = self._explainer.baseline
        ends = self._predictor.log_odds(np.stack([x, baseline]))
        log_odds, baseline_log_odds = ends[:, 0].tolist()
        log_odds_interval, baseline_interval = _intervals(ends)
        contributions = self._explainer.contributions(x)
        names, by_measurement = self._measurements, contributions @ self._belongs
        return Explanation(
            unit="log-odds of malignant",
            baseline=baseline_log_odds,
            sum=sum(contributions[0].tolist()),
            log_odds=log_odds,
            baseline_interval=baseline_interval,
            log_odds_interval=log_odds_interval,
            measurements=dict(zip(names, by_measurement[0].tolist(), strict=True)),
            measurement_intervals=dict(zip(names, _intervals(by_measurement.T), strict=True)),
            features=[
                Contribution(*columns)
                for columns in zip(
                    self.names,
                    x.tolist(),
                    baseline.tolist(),
                    contributions[0].tolist(),
                    _intervals(contributions.T),
                    strict=True,
                )
            ],
        )

    def _warnings(self, X: FloatArray, scores: Scores, row: int, most: int | None) -> list[Caution]:
        cautions = list(islice(self._value_warnings(X, scores, row), most))
        if most and len(cautions) == most:
            found = (scores.outside, scores.below_mean, scores.out_of_proportion)
            more = sum(int(each[row].sum()) for each in found) - most
            if more:
                detail = f"{more} more warnings about values"
                cautions.append(Caution(cautions[-1].code, None, detail))
        if not scores.has_basis[row]:
            cautions.append(Caution("no_basis", None, NO_BASIS))
        return cautions

    def _value_warnings(self, X: FloatArray, scores: Scores, row: int) -> Iterator[Caution]:
        for column in np.flatnonzero(scores.outside[row]):
            feature = self.manifest.features[column]
            detail = (
                f"{X[row, column]:g} is outside the training range, "
                f"{feature.minimum:g} to {feature.maximum:g}"
            )
            yield Caution("out_of_range", feature.name, detail)
        for place in np.flatnonzero(scores.below_mean[row]):
            name = f"worst {MEASUREMENTS[place].name}"
            detail = "below its mean, though it is the mean of the three largest values"
            yield Caution("inconsistent", name, detail)
        for place in np.flatnonzero(scores.out_of_proportion[row]):
            name, radius, formula = RATIOS[place]
            low, high = self._ratio_limits[:, place]
            detail = f"does not fit the {radius}; {formula} is not within {low:.2f} to {high:.2f}"
            yield Caution("inconsistent", name, detail)


def _intervals(values: FloatArray) -> list[tuple[float, float]]:
    low, high = interval(values)
    return list(zip(low.tolist(), high.tolist(), strict=True))
