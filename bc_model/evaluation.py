"""Evaluation of pipelines by repeated stratified cross-validation, with spread and intervals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import joblib
import numpy as np
from msgspec import structs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from bc_model.arrays import MALIGNANT, FloatArray, IntArray
from bc_model.dataset import Dataset
from bc_model.manifest import Estimate, OperatingPoint, Parameters
from bc_model.metrics import (
    METRICS,
    RESAMPLES,
    Z_95,
    bootstrap_estimate,
    bootstrap_weights,
    measure,
    operating_point,
)
from bc_model.predictor import Predictor, closeness, distances, kernel
from bc_model.training import (
    CALIBRATION_FOLDS,
    GAMMA,
    MOST_DRAWS,
    BasisLimits,
    Progress,
    build_classifier,
    build_pipeline,
    build_scaler,
    centres,
    fit,
    unseen_cases,
    whitening,
)

FOLDS = 5
REPEATS = 10

FAR_QUANTILE = 0.995
"""Of the held-out cases' distances; the few beyond it are called without basis wrongly."""

THRESHOLDS = (0.01, 0.02, *(round(0.05 * step, 2) for step in range(1, 20)), 0.98, 0.99)

PIPELINES: dict[str, Callable[[Parameters], Pipeline]] = {
    "this pipeline": build_pipeline,
    "StandardScaler + SVC": lambda parameters: make_pipeline(
        StandardScaler(), build_classifier(parameters, gamma="scale")
    ),
    "logistic regression": lambda _: make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000)
    ),
}
"""Pipelines that `evaluate` compares; the second is the original's, with sigmoid calibration."""


class Summary(NamedTuple):
    """A metric's mean over repeats with its 95 % interval, and its spread (SD) over folds."""

    estimate: Estimate
    spread: float


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of malignancy (repeats, n) by models that did not see the case.

    ``folds`` (repeats, n) tells which fold each case was held out in.
    """

    malignant: FloatArray
    folds: IntArray


def splits(y: IntArray, repeats: int) -> Iterator[tuple[int, int, IntArray, IntArray]]:
    """Yield (repeat, fold, training cases, held-out cases); the same ones at every call."""
    for repeat in range(repeats):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        for fold, (train, held_out) in enumerate(folds.split(y, y)):
            yield repeat, fold, train, held_out


def cross_validate(
    dataset: Dataset,
    build: Callable[[], Pipeline],
    repeats: int = REPEATS,
    progress: Progress = iter,
) -> OutOfFold:
    """Return out-of-fold probabilities of the pipelines that ``build`` returns."""
    malignant = np.zeros((repeats, len(dataset.y)))
    folds = np.zeros((repeats, len(dataset.y)), dtype=np.int64)
    for repeat, fold, train, held_out in progress(list(splits(dataset.y, repeats))):
        model = build().fit(dataset.X[train], dataset.y[train])
        malignant[repeat, held_out] = model.predict_proba(dataset.X[held_out])[:, MALIGNANT]
        folds[repeat, held_out] = fold
    return OutOfFold(malignant, folds)


def summarise(y: IntArray, out_of_fold: OutOfFold, threshold: float) -> dict[str, Summary]:
    """Return each metric's summary; the interval is a percentile bootstrap over the cases."""
    resampled = bootstrap_weights(y, RESAMPLES, np.random.default_rng(0))
    everything = np.ones((1, len(y)))
    means, over_folds, over_resamples = [], [], []
    for malignant, folds in zip(out_of_fold.malignant, out_of_fold.folds, strict=True):
        by_fold = (np.arange(FOLDS)[:, None] == folds).astype(float)
        means.append(measure(y, malignant, everything, threshold))
        over_folds.append(measure(y, malignant, by_fold, threshold))
        over_resamples.append(measure(y, malignant, resampled, threshold))
    summaries = {}
    for name in METRICS:
        resamples = np.mean([figures[name] for figures in over_resamples], axis=0)
        mean = float(np.mean([figures[name] for figures in means]))
        spread = float(np.std([figures[name] for figures in over_folds], ddof=1))
        summaries[name] = Summary(bootstrap_estimate(mean, resamples), spread)
    return summaries


def operating_points(y: IntArray, malignant: FloatArray) -> list[OperatingPoint]:
    """Return what each of ``THRESHOLDS`` does to the repeats of ``malignant`` (r, n)."""
    return [operating_point(y, malignant, threshold) for threshold in THRESHOLDS]


def unseen_estimates(y: IntArray, malignant: FloatArray, threshold: float) -> dict[str, Estimate]:
    """Return each metric of the served model on its unseen cases, with a bootstrap interval."""
    weights = np.vstack(
        [np.ones(len(y)), bootstrap_weights(y, RESAMPLES, np.random.default_rng(0))]
    )
    return {
        name: bootstrap_estimate(values[0], values[1:])
        for name, values in measure(y, malignant, weights, threshold).items()
    }


def basis_limits(dataset: Dataset, repeats: int = REPEATS) -> BasisLimits:
    """Return how far from its fold a held-out case of cross-validation lay.

    The lowest closeness of all, and the distance that ``FAR_QUANTILE`` of them did not exceed.
    """
    lowest, far = 1.0, []
    for _, _, train, held_out in splits(dataset.y, repeats):
        scaler = build_scaler().fit(dataset.X[train])
        Z, y = scaler.transform(dataset.X[train]), dataset.y[train]
        unseen = scaler.transform(dataset.X[held_out])
        lowest = min(lowest, float(closeness(kernel(unseen, Z, GAMMA)).min()))
        far.append(distances(unseen, centres(Z, y), whitening(Z, y)))
    return BasisLimits(lowest, float(np.quantile(np.concatenate(far), FAR_QUANTILE)))


def interval_coverage(
    dataset: Dataset, parameters: Parameters, simulations: int, progress: Progress = iter
) -> Estimate:
    """Return how often the 90 % interval holds the true probability, where that is known.

    The fitted model is taken for the truth: labels are drawn from its probabilities, a model is
    fitted to them with its bootstrap, and its intervals for the unseen cases are compared with
    the probabilities that the labels were drawn from. The interval around the mean is 1.96
    standard errors over simulations.
    """
    unseen = unseen_cases(dataset.y)
    seen = Dataset(dataset.X[~unseen], dataset.y[~unseen], dataset.source)
    without_interval = structs.replace(parameters, refits=1)
    truth = Predictor(fit(seen, without_interval, BasisLimits()).arrays)
    by_seen, by_unseen = (truth.score(dataset.X[cases]).malignant for cases in (~unseen, unseen))

    def covered(simulation: int) -> float:
        drawn = Dataset(seen.X, _drawn_labels(by_seen, simulation), "simulated")
        scores = Predictor(fit(drawn, parameters, BasisLimits()).arrays).score(dataset.X[unseen])
        return float(np.mean((scores.low <= by_unseen) & (by_unseen <= scores.high)))

    shares = joblib.Parallel(n_jobs=-1, return_as="generator")(
        joblib.delayed(covered)(simulation) for simulation in range(simulations)
    )
    coverage = [share for share, _ in zip(shares, progress(range(simulations)), strict=True)]
    mean = float(np.mean(coverage))
    error = float(Z_95 * np.std(coverage, ddof=1) / np.sqrt(simulations))
    return Estimate(mean, mean - error, min(mean + error, 1.0))


def _drawn_labels(malignant: FloatArray, seed: int) -> IntArray:
    """Return labels (n,) drawn from probabilities, with enough of each class for a fit."""
    generator = np.random.default_rng(seed)
    draws = (generator.random(len(malignant)) >= malignant for _ in range(MOST_DRAWS))
    return next(
        benign.astype(np.int64)
        for benign in draws
        if min(benign.sum(), (~benign).sum()) >= 2 * CALIBRATION_FOLDS
    )


def evaluate(
    dataset: Dataset, repeats: int, simulations: int, progress: Callable[[str], Progress]
) -> str:
    """Return what `evaluate` prints; ``progress`` returns a wrapper for a named step's iterable."""
    parameters = Parameters()
    summaries = {}
    for name, build in PIPELINES.items():
        out_of_fold = cross_validate(dataset, partial(build, parameters), repeats, progress(name))
        summaries[name] = summarise(dataset.y, out_of_fold, parameters.threshold)
    coverage = interval_coverage(dataset, parameters, simulations, progress("interval coverage"))
    return f"""\
{dataset.source}: {len(dataset.y)} cases, {repeats} × {FOLDS} repeated stratified \
cross-validation, threshold {parameters.threshold:g}.
Mean over repeats ± standard deviation over folds [95 % bootstrap interval over cases].

{comparison_table(summaries)}

The 90 % interval of the probability held the true one in {coverage.value:.1%} \
[{coverage.low:.1%}, {coverage.high:.1%}] of the unseen cases of {simulations} simulations."""


def comparison_table(summaries: Mapping[str, Mapping[str, Summary]]) -> str:
    """Return a Markdown table with a row per metric and a column per pipeline."""
    return markdown_table(
        ["", *summaries],
        *([name, *(_cell(summary[name]) for summary in summaries.values())] for name in METRICS),
    )


def markdown_table(head: Sequence[str], *rows: Sequence[str]) -> str:
    """Return rows of cells as a table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _cell(summary: Summary) -> str:
    mean = summary.estimate
    return f"{mean.value:.4f} ± {summary.spread:.4f} [{mean.low:.4f}, {mean.high:.4f}]"
