"""The model's part of the verdict: the labelled cases, asked from both tracks.

A difference is judged over all cases, by paired tests, as both tracks answered the same ones.
Absolute quality is judged over the unseen cases alone: a model answers those better that it was
fitted on.
"""

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray
from canary import statistics
from canary.observation import Cases, Observation
from canary.thresholds import Thresholds
from canary.validity import cases_problem
from canary.verdict import Finding, Numbers, Outcome, Part, part, unmeasured, weigh


def model(observation: Observation, limits: Thresholds) -> Part:
    """Judge the canary's model against the stable's, and by itself."""
    cases = observation.cases
    if cases is None:
        why = observation.problem.rstrip(".") or "the labelled cases could not be asked"
        return unmeasured("model", why)
    for name, track in (("stable", observation.stable), ("canary", observation.canary)):
        if len(track.model_versions) > 1:
            versions = ", ".join(track.model_versions)
            return unmeasured("model", f"pods of the {name} serve different models: {versions}")
    invalid = cases_problem(cases)
    if invalid:
        return unmeasured("model", invalid)
    answers = _Answers(cases)
    numbers: Numbers = {"cases": len(cases.targets), "unseen": int(answers.unseen.sum())}
    everything = np.ones_like(answers.malignant)
    findings = [
        answers.drop("sensitivity", answers.malignant, limits.sensitivity_drop, limits, numbers),
        answers.drop("accuracy", everything, limits.accuracy_drop, limits, numbers),
        answers.brier(limits, numbers),
        answers.disagreement(limits, numbers),
        *answers.floors(limits, numbers),
    ]
    return part("model", findings, numbers)


class _Answers:
    """What both tracks answered, as arrays over the cases (n,)."""

    def __init__(self, cases: Cases) -> None:
        self.malignant: BoolArray = np.array(cases.targets) == MALIGNANT
        self.unseen: BoolArray = np.array(cases.unseen, dtype=np.bool_)
        stable, canary = np.array(cases.stable), np.array(cases.canary)
        stable_called = stable >= cases.stable_threshold
        self._differ: BoolArray = stable_called != (canary >= cases.canary_threshold)
        self._right: BoolArray = (canary >= cases.canary_threshold) == self.malignant
        self._stable_right: BoolArray = stable_called == self.malignant
        self._loss: FloatArray = (canary - self.malignant) ** 2
        self._stable_loss: FloatArray = (stable - self.malignant) ** 2

    def drop(
        self, name: str, among: BoolArray, limit: float, limits: Thresholds, numbers: Numbers
    ) -> Finding:
        """Compare the shares of right answers ``among`` some cases, by McNemar's exact test."""
        stable, canary = (float(each[among].mean()) for each in (self._stable_right, self._right))
        lost = int((self._stable_right & ~self._right)[among].sum())
        won = int((self._right & ~self._stable_right)[among].sum())
        p = statistics.mcnemar(lost, won)
        numbers |= {
            f"stable_{name}": stable,
            f"canary_{name}": canary,
            f"{name}_lost": lost,
            f"{name}_won": won,
            f"{name}_p_value": p,
        }
        words = (
            f"{name} is {canary:.3f} where the stable's is {stable:.3f} "
            f"({lost} lost, {won} won, p = {p:.2g})"
        )
        return Finding(_weigh(p, stable - canary > limit, limits), words)

    def brier(self, limits: Thresholds, numbers: Numbers) -> Finding:
        """Compare the squared errors of the probabilities, by the paired t-test."""
        stable, canary = float(self._stable_loss.mean()), float(self._loss.mean())
        p = statistics.increase(self._loss - self._stable_loss)
        numbers |= {"stable_brier": stable, "canary_brier": canary, "brier_p_value": p}
        words = f"the Brier score is {canary:.4f} where the stable's is {stable:.4f} (p = {p:.2g})"
        return Finding(_weigh(p, canary - stable > limits.brier_increase, limits), words)

    def disagreement(self, limits: Thresholds, numbers: Numbers) -> Finding:
        """Count the cases that the tracks decide differently."""
        share = float(self._differ.mean())
        numbers["disagreement"] = share
        if share > limits.max_disagreement:
            words = f"{share:.1%} of the cases are decided differently, more than "
            return Finding(Outcome.FAIL, f"{words}{limits.max_disagreement:.1%}")
        return Finding(Outcome.PASS, f"{share:.1%} of the cases are decided differently")

    def floors(self, limits: Thresholds, numbers: Numbers) -> list[Finding]:
        """Hold the canary's answers to the unseen cases against the floors."""
        malignant, benign = self.unseen & self.malignant, self.unseen & ~self.malignant
        fewest = min(int(malignant.sum()), int(benign.sum()))
        if fewest < limits.min_unseen:
            words = (
                f"only {fewest} cases of the rarer class are unseen by both models, where the "
                f"floors need {limits.min_unseen}: models of other data have seen other cases"
            )
            return [Finding(Outcome.INCONCLUSIVE, words)]
        sensitivity, specificity = (float(self._right[of].mean()) for of in (malignant, benign))
        brier = float(self._loss[self.unseen].mean())
        numbers |= {
            "unseen_sensitivity": sensitivity,
            "unseen_specificity": specificity,
            "unseen_brier": brier,
        }
        return [
            _floor("sensitivity", sensitivity, limits.sensitivity_floor),
            _floor("specificity", specificity, limits.specificity_floor),
            _ceiling("Brier score", brier, limits.brier_ceiling),
        ]


def _floor(name: str, value: float, least: float) -> Finding:
    words = f"over the unseen cases {name} is {value:.3f}"
    if value < least:
        return Finding(Outcome.FAIL, f"{words}, below its floor of {least:g}")
    return Finding(Outcome.PASS, words)


def _ceiling(name: str, value: float, most: float) -> Finding:
    words = f"over the unseen cases the {name} is {value:.4f}"
    if value > most:
        return Finding(Outcome.FAIL, f"{words}, above its ceiling of {most:g}")
    return Finding(Outcome.PASS, words)


def _weigh(p: float, matters: bool, limits: Thresholds) -> Outcome:
    return weigh(p, matters, limits.case_significance, limits.case_suspicion)
