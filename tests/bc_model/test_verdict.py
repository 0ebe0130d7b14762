"""The verdict keeps its promise on cases of any kind, and is uncertain for every reason it has."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from bc_model.arrays import BENIGN, MALIGNANT, FloatArray, IntArray
from bc_model.artifact import Reference
from bc_model.manifest import VerdictLimits
from bc_model.predictor import Scores
from bc_model.verdict import (
    ALPHA,
    SEVERAL,
    Diagnosis,
    Reasons,
    doubts,
    out_of_fold_shares,
    verdict_limits,
    verdict_shares,
)

LIMITS = VerdictLimits(ALPHA, malignant_from=0.1, benign_to=0.6)


def population(generator: np.random.Generator, cases: int) -> tuple[IntArray, FloatArray]:
    """Cases and answers of a model that is neither calibrated nor good."""
    y = np.where(generator.random(cases) < 0.3, MALIGNANT, BENIGN)
    answers = np.where(y == MALIGNANT, generator.beta(2, 1, cases), generator.beta(1, 4, cases))
    return y, answers


def one_score(malignant: float, **changed: Any) -> Scores:
    """The scores of a plausible case with that probability and a narrow interval."""
    no = np.zeros((1, 30), dtype=bool)
    p = np.array([malignant])
    scores = Scores(
        log_odds=np.log(p / (1 - p)), malignant=p, low=p, high=p, support=p,
        has_basis=np.array([True]), outside=no, below_mean=no[:, :10], out_of_proportion=no[:, :4],
    )  # fmt: skip
    return dataclasses.replace(scores, **changed)


def codes_of(scores: Scores, limits: VerdictLimits, threshold: float) -> list[str]:
    (found,) = doubts(scores, limits, threshold)
    diagnosis: Diagnosis = "malignant" if scores.malignant[0] >= threshold else "benign"
    return [reason.code for reason in Reasons(limits, threshold).of(diagnosis, found)]


def test_a_diagnosis_is_rarely_ruled_out_where_it_is_true() -> None:
    """Whatever the model is worth: averaged over many samples, in at most ALPHA of new cases."""
    generator = np.random.default_rng(0)
    ruled_out: dict[int, list[float]] = {MALIGNANT: [], BENIGN: []}
    for _ in range(400):
        y, answers = population(generator, 300)
        limits = verdict_limits(y, answers[None])
        y, answers = population(generator, 300)
        ruled_out[MALIGNANT].append(np.mean(answers[y == MALIGNANT] < limits.malignant_from))
        ruled_out[BENIGN].append(np.mean(answers[y == BENIGN] > limits.benign_to))
    for shares in ruled_out.values():
        assert ALPHA / 3 < np.mean(shares) < ALPHA + 0.002


def test_with_few_cases_nothing_is_ruled_out() -> None:
    y = np.array([MALIGNANT] * 40 + [BENIGN] * 40)
    limits = verdict_limits(y, np.linspace(0, 1, 80)[None])
    assert (limits.malignant_from, limits.benign_to) == (0, 1)


def test_each_case_is_judged_by_the_others() -> None:
    """The shares are those of limits that are computed anew without each case."""
    y, answers = population(np.random.default_rng(1), 260)
    wrong = {MALIGNANT: 0, BENIGN: 0}
    uncertain = {MALIGNANT: 0, BENIGN: 0}
    whole = verdict_limits(y, answers[None])
    for case, (target, answer) in enumerate(zip(y.tolist(), answers.tolist(), strict=True)):
        others = np.arange(len(y)) != case
        own = verdict_limits(y[others], answers[others][None])
        limits = {MALIGNANT: (own, whole), BENIGN: (whole, own)}[target]
        may_be_malignant = answer >= limits[0].malignant_from
        may_be_benign = answer <= limits[1].benign_to
        called = MALIGNANT if answer >= 0.5 else BENIGN
        if may_be_malignant == may_be_benign or may_be_malignant != (called == MALIGNANT):
            uncertain[target] += 1
        elif called != target:
            wrong[target] += 1
    shares = out_of_fold_shares(y, answers[None], 0.5)
    for name, target in (("malignant", MALIGNANT), ("benign", BENIGN)):
        cases = int((y == target).sum())
        assert shares[name].wrong.value * cases == pytest.approx(wrong[target])
        assert shares[name].uncertain.value * cases == pytest.approx(uncertain[target])


def test_few_verdicts_of_this_model_are_wrong(reference: Reference) -> None:
    shares = out_of_fold_shares(reference.targets, reference.out_of_fold, 0.5)
    for share in shares.values():
        assert share.wrong.value <= ALPHA
        assert share.uncertain.value < 0.1


def test_shares_count_what_is_wrong_and_what_is_uncertain() -> None:
    y = np.array([MALIGNANT, MALIGNANT, MALIGNANT, MALIGNANT, BENIGN, BENIGN])
    called = np.array([True, False, False, False, True, False])
    uncertain = np.array([False, False, True, False, False, True])
    shares = verdict_shares(y, called, uncertain)
    assert (shares["malignant"].wrong.value, shares["malignant"].uncertain.value) == (0.5, 0.25)
    assert (shares["benign"].wrong.value, shares["benign"].uncertain.value) == (0.5, 0.5)


YES = np.ones((1, 30), dtype=bool)


@pytest.mark.parametrize(
    ("malignant", "changed", "codes"),
    [
        (0.9, {}, ["conclusive"]),
        (0.05, {}, ["conclusive"]),
        (0.3, {}, ["both_possible"]),
        (0.1, {}, ["both_possible"]),
        (0.6, {}, ["both_possible"]),
        (0.9, {"low": np.array([0.4])}, ["interval"]),
        (0.9, {"low": np.array([0.5])}, ["conclusive"]),
        (0.05, {"high": np.array([0.5])}, ["interval"]),
        (0.9, {"has_basis": np.array([False])}, ["no_basis"]),
        (0.9, {"below_mean": YES[:, :10]}, ["inconsistent"]),
        (0.9, {"out_of_proportion": YES[:, :4]}, ["inconsistent"]),
        (0.9, {"outside": np.arange(30)[None] < SEVERAL}, ["out_of_range"]),
        (0.9, {"outside": np.arange(30)[None] < SEVERAL - 1}, ["conclusive"]),
        (0.3, {"outside": YES, "has_basis": np.array([False])},
         ["both_possible", "no_basis", "out_of_range"]),
    ],
)  # fmt: skip
def test_a_verdict_has_its_reasons(
    malignant: float, changed: dict[str, Any], codes: list[str]
) -> None:
    assert codes_of(one_score(malignant, **changed), LIMITS, 0.5) == codes


@pytest.mark.parametrize(("threshold", "malignant"), [(0.01, 0.05), (0.95, 0.9)])
def test_a_threshold_that_answers_what_is_ruled_out_is_no_verdict(
    threshold: float, malignant: float
) -> None:
    assert codes_of(one_score(malignant), LIMITS, threshold) == ["ruled_out"]


def test_an_answer_between_two_distant_classes_is_uncertain() -> None:
    limits = VerdictLimits(ALPHA, malignant_from=0.9, benign_to=0.1)
    assert codes_of(one_score(0.6), limits, 0.5) == ["neither_possible"]
