"""Answers and explanations never contradict themselves or the scores."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bc_model import artifact
from bc_model.arrays import BENIGN, MALIGNANT, FloatArray
from bc_model.artifact import ArtifactError
from bc_model.classifier import NO_BASIS, Answer, Caution, Classifier
from bc_model.dataset import Dataset
from bc_model.explanation import Explainer
from bc_model.features import FEATURE_NAMES, MEASUREMENTS
from bc_model.predictor import ModelArrays
from bc_model.verdict import Reasons, doubts
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def answers(classifier: Classifier, dataset: Dataset) -> list[Answer]:
    return classifier.answers(dataset.X)


def test_answers_are_the_scores(
    classifier: Classifier, dataset: Dataset, answers: list[Answer]
) -> None:
    scores = classifier.score(dataset.X)
    assert [answer.probability_malignant for answer in answers] == scores.malignant.tolist()
    assert [answer.interval_malignant for answer in answers] == list(
        zip(scores.low.tolist(), scores.high.tolist(), strict=True)
    )
    assert [answer.support for answer in answers] == scores.support.tolist()
    assert [answer.has_basis for answer in answers] == scores.has_basis.tolist()
    assert {answer.model_version for answer in answers} == {classifier.manifest.model_version}
    assert {answer.threshold for answer in answers} == {0.5}


@pytest.mark.parametrize("threshold", [0.01, 0.5, 0.9])
def test_prediction_diagnosis_and_probabilities_never_contradict_each_other(
    model_dir: Path, dataset: Dataset, threshold: float
) -> None:
    for answer in Classifier.load(model_dir, threshold).answers(dataset.X):
        is_malignant = answer.probability_malignant >= threshold
        assert answer.prediction == (MALIGNANT if is_malignant else BENIGN)
        assert answer.diagnosis == ("malignant" if is_malignant else "benign")
        assert answer.probability_benign + answer.probability_malignant == 1
        assert answer.threshold == threshold


def test_most_answers_are_right(dataset: Dataset, answers: list[Answer]) -> None:
    right = np.array([answer.prediction for answer in answers]) == dataset.y
    assert right.mean() > 0.97


def test_a_probability_at_the_threshold_is_malignant(
    classifier: Classifier, arrays: ModelArrays, dataset: Dataset, answers: list[Answer]
) -> None:
    probability = answers[0].probability_malignant
    for threshold, diagnosis in (
        (probability, "malignant"),
        (float(np.nextafter(probability, 1)), "benign"),
    ):
        strict = Classifier(classifier.manifest, arrays, threshold)
        assert strict.answers(dataset.X[:1])[0].diagnosis == diagnosis


def test_verdict_and_reasons_are_those_of_the_rule(
    classifier: Classifier, dataset: Dataset, answers: list[Answer]
) -> None:
    limits = classifier.manifest.verdict
    doubted = doubts(classifier.score(dataset.X), limits, 0.5)
    for answer, found in zip(answers, doubted, strict=True):
        assert answer.verdict == ("uncertain" if found.any() else answer.diagnosis)
        assert answer.reasons == Reasons(limits, 0.5).of(answer.diagnosis, found)


def test_an_interval_on_both_sides_of_the_threshold_is_uncertain(answers: list[Answer]) -> None:
    straddling = [
        answer
        for answer in answers
        if answer.interval_malignant[0] < answer.threshold <= answer.interval_malignant[1]
    ]
    assert straddling
    assert {answer.verdict for answer in straddling} == {"uncertain"}


def test_few_answers_to_known_cases_are_uncertain_and_those_are_less_often_right(
    dataset: Dataset, answers: list[Answer]
) -> None:
    uncertain = np.array([answer.is_uncertain for answer in answers])
    right = np.array([answer.prediction for answer in answers]) == dataset.y
    assert 0 < uncertain.mean() < 0.15
    assert right[uncertain].mean() < right[~uncertain].mean()


def test_values_outside_the_training_range_are_named(
    classifier: Classifier, arrays: ModelArrays
) -> None:
    x = arrays.median.copy()
    x[[11, 18]] = 1.001 * arrays.highest[[11, 18]]
    (answer,) = classifier.answers(x[None])
    assert answer.warnings == [
        Caution(
            "out_of_range",
            FEATURE_NAMES[column],
            f"{x[column]:g} is outside the training range, "
            f"{arrays.lowest[column]:g} to {arrays.highest[column]:g}",
        )
        for column in (11, 18)
    ]
    assert answer.has_basis


def test_a_case_far_from_all_others_has_no_basis(classifier: Classifier) -> None:
    (answer,) = classifier.answers(np.full((1, 30), 1e9))
    codes = [caution.code for caution in answer.warnings]
    assert codes == ["out_of_range"] * 30 + ["inconsistent"] * 4 + ["no_basis"]
    assert answer.warnings[-1] == Caution("no_basis", None, NO_BASIS)
    assert not answer.has_basis
    assert answer.support == 0


def test_known_cases_are_answered_without_warnings(
    answers: list[Answer], dataset: Dataset, arrays: ModelArrays
) -> None:
    inside = ((arrays.lowest <= dataset.X) & (arrays.highest >= dataset.X)).all(axis=1)
    assert [not answer.warnings for answer in answers] == inside.tolist()
    assert inside.mean() > 0.9


@pytest.mark.parametrize("row", [0, 19, 100, 568])
def test_an_explanation_adds_up(classifier: Classifier, dataset: Dataset, row: int) -> None:
    x = dataset.X[row]
    explanation = classifier.explain(x)
    contributions = [feature.contribution for feature in explanation.features]
    assert explanation.baseline + explanation.sum == pytest.approx(explanation.log_odds, abs=1e-9)
    assert sum(contributions) == explanation.sum
    assert sum(explanation.measurements.values()) == pytest.approx(explanation.sum)
    (answer,) = classifier.answers(x[None])
    assert 1 / (1 + np.exp(-explanation.log_odds)) == pytest.approx(answer.probability_malignant)


def test_an_explanation_names_values_and_baseline(
    classifier: Classifier, dataset: Dataset, arrays: ModelArrays
) -> None:
    explanation = classifier.explain(dataset.X[0])
    assert explanation.unit == "log-odds of malignant"
    assert [feature.feature for feature in explanation.features] == list(FEATURE_NAMES)
    assert [feature.value for feature in explanation.features] == dataset.X[0].tolist()
    assert [feature.baseline for feature in explanation.features] == arrays.median.tolist()


def test_measurements_are_the_sums_of_mean_error_and_worst(
    classifier: Classifier, dataset: Dataset
) -> None:
    explanation = classifier.explain(dataset.X[0])
    contribution = {feature.feature: feature.contribution for feature in explanation.features}
    assert explanation.measurements == {
        name: pytest.approx(
            contribution[f"mean {name}"]
            + contribution[f"{name} error"]
            + contribution[f"worst {name}"]
        )
        for name, *_ in MEASUREMENTS
    }


def test_contributions_have_the_interval_of_their_refits(
    classifier: Classifier, dataset: Dataset, arrays: ModelArrays
) -> None:
    explanation = classifier.explain(dataset.X[5])
    refits = Explainer(arrays).contributions(dataset.X[5])[1:]
    radius = [FEATURE_NAMES.index(name) for name in ("mean radius", "radius error", "worst radius")]
    low, high = np.quantile(refits[:, radius].sum(axis=1), [0.05, 0.95])
    assert explanation.measurement_intervals["radius"] == pytest.approx((low, high))
    for column, feature in enumerate(explanation.features):
        low, high = np.quantile(refits[:, column], [0.05, 0.95])
        assert feature.interval == pytest.approx((low, high))
        assert low <= feature.contribution <= high


def test_only_what_differs_from_the_baseline_contributes(
    classifier: Classifier, arrays: ModelArrays
) -> None:
    def contributions(x: FloatArray) -> dict[str, float]:
        return {
            feature.feature: feature.contribution
            for feature in classifier.explain(x).features
            if feature.contribution
        }

    x = arrays.median.copy()
    assert contributions(x) == {}
    x[23] *= 2
    changed = contributions(x)
    assert list(changed) == ["worst area"]
    assert changed["worst area"] > 0


def test_the_threshold_is_the_artifacts_unless_another_is_asked_for(model_dir: Path) -> None:
    assert Classifier.load(model_dir).threshold == 0.5
    assert Classifier.load(model_dir, 0.2).threshold == 0.2


@pytest.mark.parametrize("name", [artifact.MODEL, artifact.MANIFEST])
def test_loading_refuses_an_incomplete_artifact(model_dir: Path, tmp_path: Path, name: str) -> None:
    for needed in {artifact.MODEL, artifact.MANIFEST} - {name}:
        shutil.copy(model_dir / needed, tmp_path)
    with pytest.raises(ArtifactError, match=name):
        Classifier.load(tmp_path)


def test_loading_needs_the_model_and_the_manifest_alone(
    model_dir: Path, tmp_path: Path, dataset: Dataset, answers: list[Answer]
) -> None:
    for needed in (artifact.MODEL, artifact.MANIFEST):
        shutil.copy(model_dir / needed, tmp_path)
    assert Classifier.load(tmp_path).answers(dataset.X) == answers


def test_answering_imports_few_packages(model_dir: Path) -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "from pathlib import Path; from bc_model.classifier import Classifier\n"
        f"classifier = Classifier.load(Path({str(model_dir)!r}))\n"
        "classifier.answers(classifier._explainer.baseline[None])\n"
        "classifier.explain(classifier._explainer.baseline)\n"
        "added = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(added - set(sys.stdlib_module_names)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # msgspec uses typing_extensions where it is installed, and numpy.random registers Cython.
    registered = {"typing_extensions", "cython_runtime"}
    imported = {name for name in run.stdout.split() if not name.startswith("_cython_")}
    assert imported - registered == {"bc_model", "msgspec", "numpy", "threadpoolctl"}
