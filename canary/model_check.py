"""The model's part of the verdict: the labelled cases, asked from both tracks.

A difference is judged over all cases, by paired tests, as both tracks answered the same ones.
Absolute quality is judged over the unseen cases alone: a model answers those better that it was
fitted on.
"""

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray
from canary import tests
from canary.observation import Cases, Observation, cases_problem
from canary.thresholds import Thresholds
from canary.verdict import Finding, Numbers, Outcome, Part, part, unmeasured, weigh


def model(observation: Observation, thresholds: Thresholds) -> Part:
    """Judge the canary's model against the stable's, and on its own."""
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
    answers = _Answers(cases, thresholds)
    everything = np.ones_like(answers.malignant)
    findings = [
        answers.drop("sensitivity", answers.malignant, thresholds.sensitivity_drop),
        answers.drop("accuracy", everything, thresholds.accuracy_drop),
        answers.brier(),
        answers.disagreement(),
        *answers.floors(),
    ]
    return part("model", findings, answers.numbers)


class _Answers:
    """What both tracks answered, as arrays over the cases (n,); checks add to the ``numbers``."""

    def __init__(self, cases: Cases, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self.malignant: BoolArray = np.array(cases.targets) == MALIGNANT
        self._unseen: BoolArray = np.array(cases.unseen, dtype=np.bool_)
        self.numbers: Numbers = {"cases": len(cases.targets), "unseen": int(self._unseen.sum())}
        stable, canary = np.array(cases.stable), np.array(cases.canary)
        stable_called = stable >= cases.stable_threshold
        self._differ: BoolArray = stable_called != (canary >= cases.canary_threshold)
        self._right: BoolArray = (canary >= cases.canary_threshold) == self.malignant
        self._stable_right: BoolArray = stable_called == self.malignant
        self._loss: FloatArray = (canary - self.malignant) ** 2
        self._stable_loss: FloatArray = (stable - self.malignant) ** 2

    def drop(self, name: str, among: BoolArray, limit: float) -> Finding:
        """Compare the shares of right answers ``among`` some cases, by McNemar's exact test."""
        stable, canary = (float(each[among].mean()) for each in (self._stable_right, self._right))
        lost = int((self._stable_right & ~self._right)[among].sum())
        won = int((self._right & ~self._stable_right)[among].sum())
        p = tests.mcnemar(lost, won)
        self.numbers |= {
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
        return Finding(self._weigh(p, stable - canary > limit), words)

    def brier(self) -> Finding:
        """Compare the squared errors of the probabilities, by the paired t-test."""
        stable, canary = float(self._stable_loss.mean()), float(self._loss.mean())
        p = tests.paired_t(self._loss - self._stable_loss)
        self.numbers |= {"stable_brier": stable, "canary_brier": canary, "brier_p_value": p}
        words = f"the Brier score is {canary:.4f} where the stable's is {stable:.4f} (p = {p:.2g})"
        return Finding(self._weigh(p, canary - stable > self._thresholds.brier_increase), words)

    def disagreement(self) -> Finding:
        """Count the cases that the tracks decide differently."""
        share = float(self._differ.mean())
        self.numbers["disagreement"] = share
        if share > self._thresholds.max_disagreement:
            words = f"{share:.1%} of the cases are decided differently, more than "
            return Finding(Outcome.FAIL, f"{words}{self._thresholds.max_disagreement:.1%}")
        return Finding(Outcome.PASS, f"{share:.1%} of the cases are decided differently")

    def floors(self) -> list[Finding]:
        """Hold the canary's answers to the unseen cases against the floors."""
        malignant, benign = self._unseen & self.malignant, self._unseen & ~self.malignant
        fewest = min(int(malignant.sum()), int(benign.sum()))
        needed = self._thresholds.min_unseen
        if fewest < needed:
            words = (
                f"only {fewest} cases of the rarer class are unseen by both models, where the "
                f"floors need {needed}: models of other data have seen other cases"
            )
            return [Finding(Outcome.INCONCLUSIVE, words)]
        sensitivity, specificity = (float(self._right[of].mean()) for of in (malignant, benign))
        brier = float(self._loss[self._unseen].mean())
        self.numbers |= {
            "unseen_sensitivity": sensitivity,
            "unseen_specificity": specificity,
            "unseen_brier": brier,
        }
        return [
            _floor("sensitivity", sensitivity, self._thresholds.sensitivity_floor),
            _floor("specificity", specificity, self._thresholds.specificity_floor),
            _ceiling("Brier score", brier, self._thresholds.brier_ceiling),
        ]

    def _weigh(self, p: float, matters: bool) -> Outcome:
        thresholds = self._thresholds
        return weigh(p, matters, thresholds.case_significance, thresholds.case_suspicion)


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
