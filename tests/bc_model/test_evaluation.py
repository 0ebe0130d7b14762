"""Cross-validation and its summaries, against scikit-learn, and the figures it has measured."""

import math
from collections.abc import Iterable
from functools import partial

import joblib
import numpy as np
import pytest
from sklearn import metrics as reference_metrics
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from bc_model.arrays import BENIGN, MALIGNANT
from bc_model.artifact import Reference
from bc_model.classifier import Classifier
from bc_model.dataset import MINIMUM_PER_CLASS, Dataset
from bc_model.evaluation import (
    FAR_QUANTILE,
    FOLDS,
    PIPELINES,
    REPEATS,
    THRESHOLDS,
    OutOfFold,
    Summary,
    _drawn_labels,
    basis_limits,
    cross_validate,
    interval_coverage,
    operating_points,
    splits,
    summarise,
    unseen_estimates,
)
from bc_model.manifest import Parameters
from bc_model.metrics import LOWER_IS_BETTER, METRICS, wilson
from bc_model.predictor import ModelArrays, distances
from bc_model.training import (
    CALIBRATION_FOLDS,
    T,
    build_pipeline,
    build_scaler,
    centres,
    unseen_cases,
    whitening,
)


@pytest.fixture(scope="module")
def out_of_fold(dataset: Dataset) -> OutOfFold:
    """Two repeats of answers that are right more often than not."""
    generator = np.random.default_rng(0)
    shift = np.where(dataset.y == MALIGNANT, 1.5, -1.5)
    folds = np.zeros((2, len(dataset.y)), dtype=np.int64)
    for repeat, fold, _, held_out in splits(dataset.y, 2):
        folds[repeat, held_out] = fold
    scores = shift + generator.normal(size=(2, len(dataset.y)))
    return OutOfFold(1 / (1 + np.exp(-scores)), folds)


def test_every_repeat_holds_out_every_case_once(dataset: Dataset) -> None:
    held = np.zeros((3, len(dataset.y)))
    for repeat, _, train, held_out in splits(dataset.y, 3):
        held[repeat, held_out] += 1
        assert sorted([*train, *held_out]) == list(range(len(dataset.y)))
    assert (held == 1).all()


def test_folds_are_stratified(dataset: Dataset) -> None:
    for _, _, _, held_out in splits(dataset.y, REPEATS):
        for target in (MALIGNANT, BENIGN):
            expected = (dataset.y == target).sum() / FOLDS
            assert abs((dataset.y[held_out] == target).sum() - expected) < 1


def test_folds_are_the_same_at_every_call_and_others_in_every_repeat(dataset: Dataset) -> None:
    first, again = (
        {(repeat, fold): set(held_out.tolist()) for repeat, fold, _, held_out in splits(y, 3)}
        for y in (dataset.y, dataset.y)
    )
    assert first == again
    assert len({frozenset(held_out) for held_out in first.values()}) == 3 * FOLDS


def test_cross_validation_answers_as_scikit_learn_does(dataset: Dataset) -> None:
    lengths = []

    def progress(iterable: Iterable[T], /) -> Iterable[T]:
        items = list(iterable)
        lengths.append(len(items))
        return items

    build = partial(PIPELINES["logistic regression"], Parameters())
    answers = cross_validate(dataset, build, 2, progress)
    assert lengths == [2 * FOLDS]
    for repeat in (0, 1):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        expected = cross_val_predict(
            build(), dataset.X, dataset.y, cv=folds, method="predict_proba"
        )[:, MALIGNANT]
        np.testing.assert_allclose(answers.malignant[repeat], expected, rtol=1e-12)
        for fold, (_, held_out) in enumerate(folds.split(dataset.X, dataset.y)):
            assert (answers.folds[repeat, held_out] == fold).all()


def test_a_summary_is_the_mean_over_repeats_and_the_spread_over_folds(
    dataset: Dataset, out_of_fold: OutOfFold
) -> None:
    positive = dataset.y == MALIGNANT
    summaries = summarise(dataset.y, out_of_fold, 0.3)
    areas = [reference_metrics.roc_auc_score(positive, p) for p in out_of_fold.malignant]
    over_folds = [
        reference_metrics.accuracy_score(positive[fold], p[fold] >= 0.3)
        for p, folds in zip(out_of_fold.malignant, out_of_fold.folds, strict=True)
        for fold in (folds == number for number in range(FOLDS))
    ]
    assert summaries["roc_auc"].estimate.value == pytest.approx(np.mean(areas))
    assert summaries["accuracy"].spread == pytest.approx(np.std(over_folds, ddof=1))
    assert tuple(summaries) == METRICS


def test_the_interval_of_a_summary_is_as_wide_as_theory_says(
    dataset: Dataset, out_of_fold: OutOfFold
) -> None:
    once = OutOfFold(out_of_fold.malignant[:1], out_of_fold.folds[:1])
    summary = summarise(dataset.y, once, 0.5)["sensitivity"]
    cases = int((dataset.y == MALIGNANT).sum())
    width = 2 * 1.96 * math.sqrt(summary.estimate.value * (1 - summary.estimate.value) / cases)
    assert summary.estimate.high - summary.estimate.low == pytest.approx(width, rel=0.15)
    assert summary.estimate.low < summary.estimate.value < summary.estimate.high


@pytest.mark.parametrize(
    ("metric", "documented", "tolerance"),
    [
        # Tolerances are about the spread over the 50 folds, divided by its root.
        ("log_loss", 0.068, 0.004),
        ("brier", 0.0171, 0.001),
        ("accuracy", 0.979, 0.002),
        ("roc_auc", 0.9956, 0.0006),
    ],
)
def test_the_pipeline_is_as_good_as_documented(
    classifier: Classifier, metric: str, documented: float, tolerance: float
) -> None:
    figure = classifier.manifest.cross_validation[metric]
    assert figure.value == pytest.approx(documented, abs=tolerance)
    assert figure.low < figure.value < figure.high


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "ece"])
def test_the_pipeline_is_better_than_the_originals(
    classifier: Classifier, original: dict[str, Summary], metric: str
) -> None:
    ours, theirs = (
        classifier.manifest.cross_validation[metric].value,
        original[metric].estimate.value,
    )
    assert ours < theirs if metric in LOWER_IS_BETTER else ours > theirs


@pytest.mark.parametrize(
    ("metric", "documented"), [("log_loss", 0.081), ("brier", 0.0212), ("accuracy", 0.973)]
)
def test_the_originals_pipeline_is_as_good_as_documented(
    original: dict[str, Summary], metric: str, documented: float
) -> None:
    summary = original[metric]
    standard_error = summary.spread / math.sqrt(FOLDS * REPEATS)
    assert summary.estimate.value == pytest.approx(documented, abs=standard_error)


def test_shuffled_labels_cannot_be_learnt(dataset: Dataset) -> None:
    shuffled = np.random.default_rng(0).permutation(dataset.y)
    guesses = cross_validate(
        Dataset(dataset.X, shuffled, "shuffled"), lambda: build_pipeline(Parameters()), repeats=1
    )
    summaries = summarise(shuffled, guesses, 0.5)
    share = (shuffled == MALIGNANT).mean()
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert summaries["roc_auc"].estimate.value == pytest.approx(0.5, abs=0.1)
    assert summaries["log_loss"].estimate.value == pytest.approx(entropy, abs=0.02)


def test_operating_points_are_means_over_repeats_with_wilson_intervals(
    dataset: Dataset, out_of_fold: OutOfFold
) -> None:
    positive = dataset.y == MALIGNANT
    points = operating_points(dataset.y, out_of_fold.malignant)
    assert [point.threshold for point in points] == list(THRESHOLDS)
    for point in points:
        called = out_of_fold.malignant >= point.threshold
        found = called[:, positive].sum(axis=1).mean()
        cleared = (~called)[:, ~positive].sum(axis=1).mean()
        for figure, expected in (
            (point.sensitivity, wilson(found, int(positive.sum()))),
            (point.specificity, wilson(cleared, int((~positive).sum()))),
        ):
            assert vars_of(figure) == pytest.approx(vars_of(expected))


def vars_of(figure: object) -> list[float]:
    return [getattr(figure, name) for name in ("value", "low", "high")]


def test_a_higher_threshold_finds_fewer_and_clears_more(classifier: Classifier) -> None:
    points = classifier.manifest.operating_points
    sensitivity = [point.sensitivity.value for point in points]
    specificity = [point.specificity.value for point in points]
    assert sensitivity == sorted(sensitivity, reverse=True)
    assert specificity == sorted(specificity)
    at_default = points[THRESHOLDS.index(0.5)]
    figures = classifier.manifest.cross_validation
    assert at_default.sensitivity.value == pytest.approx(figures["sensitivity"].value)
    assert at_default.specificity.value == pytest.approx(figures["specificity"].value)


def test_the_unseen_cases_are_measured_as_scikit_learn_does(
    classifier: Classifier, reference: Reference
) -> None:
    y, malignant = reference.targets[reference.unseen], reference.malignant[reference.unseen]
    figures = unseen_estimates(y, malignant, 0.5)
    assert figures == classifier.manifest.unseen
    assert figures["accuracy"].value == np.mean((malignant >= 0.5) == (y == MALIGNANT))
    assert figures["roc_auc"].value == pytest.approx(
        reference_metrics.roc_auc_score(y == MALIGNANT, malignant)
    )
    assert all(figures[name].low < figures[name].high for name in METRICS)


def test_the_basis_ends_at_the_most_isolated_held_out_cases(small: Dataset) -> None:
    lowest: list[float] = []
    far: list[float] = []
    for _, _, train, held_out in splits(small.y, 2):
        scaler = build_scaler().fit(small.X[train])
        seen, unseen = (scaler.transform(small.X[cases]) for cases in (train, held_out))
        for case in unseen:
            nearest = np.sort(((seen - case) ** 2).sum(axis=1))[:5]
            lowest.append(np.exp(-nearest / 30).mean())
        y = small.y[train]
        far.extend(distances(unseen, centres(seen, y), whitening(seen, y)))
    limits = basis_limits(small, repeats=2)
    assert limits.closeness == pytest.approx(min(lowest), rel=1e-9)
    assert limits.distance == pytest.approx(np.quantile(far, FAR_QUANTILE))


def test_the_artifacts_basis_comes_from_the_cases_it_was_fitted_on(
    dataset: Dataset, arrays: ModelArrays
) -> None:
    seen = ~unseen_cases(dataset.y)
    limits = basis_limits(Dataset(dataset.X[seen], dataset.y[seen], "seen"))
    assert limits.closeness == arrays.closeness_floor
    assert limits.distance == arrays.distance_limit
    assert basis_limits(dataset, repeats=1).closeness >= arrays.closeness_floor


def test_the_interval_holds_the_truth_about_as_often_as_it_says(dataset: Dataset) -> None:
    # In this process, so that a coverage report sees what the others do otherwise.
    with joblib.parallel_config("sequential"):
        coverage = interval_coverage(dataset, Parameters(refits=10), simulations=3)
    assert 0.7 < coverage.value <= 1
    assert coverage.low < coverage.value <= coverage.high <= 1


def test_simulated_labels_have_enough_of_each_class_to_fit_a_model() -> None:
    malignant = np.full(56, 0.1)
    for seed in range(20):
        y = _drawn_labels(malignant, seed)
        assert np.bincount(y).min() >= 2 * CALIBRATION_FOLDS


def test_simulated_labels_are_drawn_from_the_probabilities() -> None:
    malignant = np.linspace(0.1, 0.9, 60)
    drawn = np.stack([_drawn_labels(malignant, seed) == MALIGNANT for seed in range(300)])
    np.testing.assert_allclose(drawn.mean(axis=0), malignant, atol=4 * 0.5 / math.sqrt(300))
    np.testing.assert_array_equal(_drawn_labels(malignant, 0) == MALIGNANT, drawn[0])


def test_the_smallest_data_that_is_taken_can_be_evaluated(dataset: Dataset) -> None:
    cases = np.concatenate(
        [np.flatnonzero(dataset.y == target)[:MINIMUM_PER_CLASS] for target in (MALIGNANT, BENIGN)]
    )
    smallest = Dataset(dataset.X[cases], dataset.y[cases], "smallest")
    coverage = interval_coverage(smallest, Parameters(refits=40), simulations=4)
    assert 0 < coverage.value <= 1
