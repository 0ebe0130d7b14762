"""The model part: real models, retrained, damaged and mislabelled, and each threshold alone."""

from collections.abc import Mapping
from functools import partial
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from bc_model import artifact
from canary.judge import Outcome, Part
from canary.model_check import model
from canary.observation import Cases
from canary.tests import Table, fisher_exact
from canary.thresholds import Thresholds
from studies.candidates import Candidates
from tests.canaries import cases, observed

LIMITS = Thresholds()
GOOD: list[dict[str, float]] = [{"seed": seed} for seed in (42, 7, 1)]
GOOD += [{"C": C} for C in (0.5, 2, 5)]


def judged(given: Cases, limits: Thresholds = LIMITS) -> Part:
    return model(observed(cases_=given), limits)


@pytest.fixture(scope="module")
def models(model_dir: Path) -> Candidates:
    manifest = artifact.read_manifest(model_dir)
    return Candidates(manifest, artifact.load_reference(model_dir, manifest))


def test_every_good_retrained_model_may_replace_every_other(models: Candidates) -> None:
    generator = np.random.default_rng(0)
    answers = [models.retrained(**parameters)(generator) for parameters in GOOD]
    for stable, canary in permutations(answers, 2):
        found = judged(models.cases(stable, canary))
        assert found.outcome is Outcome.PASS, found.reason


@pytest.mark.parametrize(
    ("C", "expected"),
    [
        (0.1, Outcome.FAIL),
        (0.3, Outcome.FAIL),
        (10, Outcome.INCONCLUSIVE),
        (30, Outcome.FAIL),
        (1000, Outcome.FAIL),
    ],
)
def test_an_overfitted_or_underfitted_model_does_not_pass(
    models: Candidates, C: float, expected: Outcome
) -> None:
    generator = np.random.default_rng(0)
    worse = models.retrained(C=C)(generator)
    found = judged(models.cases(models.same(generator), worse))
    assert found.outcome is expected
    assert "ut of fold the Brier score is" in found.reason


def test_an_overfitted_model_answers_better_what_it_was_fitted_on(models: Candidates) -> None:
    generator = np.random.default_rng(0)
    as_asked = [
        float(((answers.served - (models.reference.targets == 0)) ** 2).mean())
        for answers in (models.same(generator), models.retrained(C=1000)(generator))
    ]
    assert as_asked[1] < as_asked[0]


def test_what_the_limits_are_justified_with(models: Candidates) -> None:
    """The figures in the reasons of ``Thresholds``."""
    generator = np.random.default_rng(0)
    answers = [models.retrained(**parameters)(generator) for parameters in GOOD]
    pairs = list(permutations(answers, 2))
    numbers = [judged(models.cases(*pair)).numbers for pair in pairs]
    assert max(each["disagreement"] for each in numbers) == pytest.approx(0.011, abs=5e-4)
    for name, most in (("sensitivity", 1), ("accuracy", 3)):
        assert max(each[f"{name}_lost"] - each[f"{name}_won"] for each in numbers) == most
    served = [(one.served, other.served) for one, other in pairs]
    shares = [abs((one >= 0.5).mean() - (other >= 0.5).mean()) for one, other in served]
    assert max(shares) < 0.01
    same = models.reference.malignant
    assert abs(((1 - same) >= 0.5).mean() - (same >= 0.5).mean()) == pytest.approx(0.25, abs=0.005)
    distances = [stats.wasserstein_distance(*pair) for pair in served]
    assert max(distances) == pytest.approx(0.009, abs=5e-4)
    shuffled = stats.wasserstein_distance(same, models.shuffled()(generator).served)
    assert shuffled == pytest.approx(0.44, abs=0.005)
    for C, rise in ((0.5, 0.0014), (0.3, 0.0031), (30, 0.0075)):
        retrained = models.retrained(C=C)(generator)
        both = judged(models.cases(models.same(generator), retrained)).numbers
        assert both["canary_brier"] - both["stable_brier"] == pytest.approx(rise, abs=5e-5)
    assert fisher_exact([Table(4, 200, 0, 600)]) == pytest.approx(0.0038, abs=5e-5)
    assert stats.binom.cdf(37, 42, 0.970) < 0.01
    effects = [float(stats.norm.cdf(d / np.sqrt(2))) for d in (0.2, 0.5, 0.8)]
    assert effects == pytest.approx([0.56, 0.64, 0.71], abs=0.005)
    loss = (same - (models.reference.targets == 0)) ** 2
    error = loss[models.reference.unseen].std(ddof=1) / np.sqrt(114)
    assert error == pytest.approx(0.009, abs=5e-4)
    assert (0.04 - 0.0168) / error == pytest.approx(2.6, abs=0.05)


def test_the_present_model_clears_the_floors_with_room(models: Candidates) -> None:
    same = models.same(np.random.default_rng(0))
    numbers = judged(models.cases(same, same)).numbers
    assert (numbers["cases"], numbers["unseen"]) == (569, 114)
    assert numbers["unseen_sensitivity"] == pytest.approx(41 / 42)
    assert numbers["unseen_specificity"] == pytest.approx(69 / 72)
    assert numbers["unseen_brier"] == pytest.approx(0.0224, abs=5e-5)


def test_mislabelled_models_fail_on_every_count(models: Candidates) -> None:
    generator = np.random.default_rng(0)
    for answers, where in (
        (models.shuffled()(generator), "over the unseen cases"),
        (models.swapped()(generator), "out of fold"),
    ):
        found = judged(models.cases(models.same(generator), answers))
        assert found.outcome is Outcome.FAIL
        for words in (f"{where} sensitivity is", f"{where} accuracy is",
                      f"{where} the Brier score is", "decided differently",
                      "below its floor", "above its ceiling"):  # fmt: skip
            assert words in found.reason


def test_a_canary_that_answers_other_than_its_artifact_says() -> None:
    assert judged(cases(deviation=1e-7)).outcome is Outcome.PASS
    found = judged(cases(deviation=2e-6))
    assert found.outcome is Outcome.FAIL
    assert found.reason == (
        "An answer is 2e-06 away from what the canary's own artifact says that its model answers."
    )


def changed(wrong: Mapping[int, float]) -> Cases:
    answers = cases().stable.copy()
    for number, answer in wrong.items():
        answers[number] = answer
    return cases(canary=answers)


# Every fifth case is unseen: these malignant and benign ones are not.
SEEN = [number for number in range(200) if number % 5]
SEEN_BENIGN = [number for number in range(200, 500) if number % 5]


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (0, Outcome.PASS),
        (3, Outcome.PASS),
        (5, Outcome.INCONCLUSIVE),
        (6, Outcome.INCONCLUSIVE),
        (7, Outcome.FAIL),
        (11, Outcome.FAIL),
    ],
)
def test_sensitivity(lost: int, expected: Outcome) -> None:
    only = Thresholds(accuracy_drop=0.5, brier_increase=0.5)
    found = judged(changed(dict.fromkeys(SEEN[:lost], 0.49)), only)
    assert found.outcome is expected
    assert found.numbers["sensitivity_lost"] == found.numbers["accuracy_lost"] == lost
    assert found.numbers["canary_sensitivity"] == pytest.approx(1 - lost / 200)
    if lost == 7:
        assert found.reason == (
            "Out of fold sensitivity is 0.965 where the stable's is 1.000 "
            "(7 lost, 0 won, p = 0.0078)."
        )


def test_cases_that_are_won_count_against_those_lost() -> None:
    stable = changed(dict.fromkeys(SEEN[9:18], 0.4)).canary
    found = judged(cases(stable, changed(dict.fromkeys(SEEN[:9], 0.49)).canary))
    assert (found.numbers["sensitivity_lost"], found.numbers["sensitivity_won"]) == (9, 9)
    assert found.outcome is Outcome.PASS


def test_false_alarms_cost_accuracy_alone() -> None:
    only = Thresholds(brier_increase=0.5)
    found = judged(changed(dict.fromkeys(SEEN_BENIGN[:8], 0.5)), only)
    assert found.outcome is Outcome.FAIL
    assert found.reason.startswith(
        "Out of fold accuracy is 0.984 where the stable's is 1.000 (8 lost, 0 won"
    )
    assert found.numbers["sensitivity_lost"] == 0


def test_worse_probabilities_fail_though_every_decision_is_right() -> None:
    unsure = [0.6 if answer > 0.5 else 0.4 for answer in cases().stable]
    found = judged(cases(canary=unsure), Thresholds(brier_ceiling=0.5))
    assert found.outcome is Outcome.FAIL
    assert (
        found.reason
        == "Out of fold the Brier score is 0.1600 where the stable's is 0.0100 (p = 0)."
    )
    assert judged(cases(stable=unsure)).outcome is Outcome.PASS


def test_a_canary_may_disagree_for_the_better_but_not_with_too_many() -> None:
    poor = [answer if number % 18 else 1 - answer for number, answer in enumerate(cases().stable)]
    found = judged(cases(stable=poor))
    assert found.outcome is Outcome.FAIL
    assert found.reason == "5.6% of the cases are decided differently, more than 5.0%."
    assert judged(cases(stable=poor), Thresholds(max_disagreement=0.06)).outcome is Outcome.PASS


def test_each_track_decides_by_its_own_threshold() -> None:
    answers = [0.3 if answer > 0.5 else 0.1 for answer in cases().stable]
    shifted = cases(canary=answers, canary_threshold=0.2)
    assert judged(shifted).numbers["disagreement"] == 0
    assert judged(replace(shifted, canary_threshold=0.5)).numbers["canary_sensitivity"] == 0


UNSEEN = [number for number in range(200) if number % 5 == 0]
UNSEEN_BENIGN = [number for number in range(200, 500) if number % 5 == 0]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            dict.fromkeys(UNSEEN[:5], 0.4),
            "Over the unseen cases sensitivity is 0.875, below its floor of 0.9.",
        ),
        (
            dict.fromkeys(UNSEEN_BENIGN[:7], 0.6),
            "Over the unseen cases specificity is 0.883, below its floor of 0.9.",
        ),
        (
            dict.fromkeys(UNSEEN[:8], 0.0) | dict.fromkeys(UNSEEN_BENIGN[:4], 1.0),
            "above its ceiling of 0.04.",
        ),
    ],
)
def test_the_floors_over_the_unseen_cases(wrong: dict[int, float], reason: str) -> None:
    answers = changed(wrong).canary
    both = cases(answers, answers)  # the stable is as bad
    found = judged(both)
    assert found.outcome is Outcome.FAIL
    assert found.reason.endswith(reason)
    at_the_floor = Thresholds(sensitivity_floor=0.7, specificity_floor=0.7, brier_ceiling=0.3)
    assert judged(both, at_the_floor).outcome is Outcome.PASS


def test_the_floors_need_unseen_cases_of_both_classes() -> None:
    few = [number in (*UNSEEN[:9], *UNSEEN_BENIGN) for number in range(500)]
    found = judged(cases(unseen=few))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason == (
        "Only 9 cases of the rarer class are unseen by both models, where the floors need 10: "
        "models of other data have seen other cases."
    )
    assert "unseen_brier" not in found.numbers
    none = partial(judged, cases(unseen=[False] * 500))
    assert none().outcome is Outcome.INCONCLUSIVE


def test_models_of_other_data_are_compared_over_the_unseen_cases() -> None:
    worse = changed(dict.fromkeys((*UNSEEN[:4], *SEEN[:40]), 0.49))
    limits = Thresholds(max_disagreement=0.5, sensitivity_drop=0.05)
    found = judged(replace(worse, stable_out_of_fold=None, canary_out_of_fold=None), limits)
    assert found.numbers["compared"] == 100
    assert found.numbers["sensitivity_lost"] == 4
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("Over the unseen cases sensitivity is 0.900 where the stable's")
