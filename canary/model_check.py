"""The model's part of the verdict: the labelled cases, asked from both tracks.

A model answers those cases better that it was fitted on, and an overfitted one the more so. So the
models are compared by what cross-validation answered, if both come from the same data, and
otherwise by what they answer to the cases that neither was fitted on. The tests are paired, as both
answered the same cases. Absolute quality is judged over the unseen cases alone.
"""

from typing import NamedTuple

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray
from canary import tests
from canary.observation import TOLERANCE, Cases, Observation, cases_problem
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
    malignant: BoolArray = np.array(cases.targets) == MALIGNANT
    unseen: BoolArray = np.array(cases.unseen, dtype=np.bool_)
    numbers: Numbers = {"cases": len(malignant), "unseen": int(unseen.sum())}
    findings = [
        _deviation(cases, numbers),
        _disagreement(cases, thresholds, numbers),
        *_floors(cases, malignant, unseen, thresholds, numbers),
    ]
    compared = _out_of_fold(cases, malignant)
    if compared is None and _rarer(malignant, unseen) >= thresholds.min_unseen:
        compared = _as_asked(cases, malignant, unseen)
    if compared:
        numbers["compared"] = len(compared.malignant)
        everything = np.ones_like(compared.malignant)
        findings += [
            _drop("sensitivity", compared, compared.malignant, thresholds, numbers),
            _drop("accuracy", compared, everything, thresholds, numbers),
            _brier(compared, thresholds, numbers),
        ]
    return part("model", findings, numbers)


class _Compared(NamedTuple):
    """Answers of both models to the same cases, and ``where`` they come from; all arrays are (n,).

    ``malignant`` is the truth. A model is right where its probability is on the right side of its
    threshold; its loss is the squared error of the probability.
    """

    where: str
    malignant: BoolArray
    stable_right: BoolArray
    right: BoolArray
    stable_loss: FloatArray
    loss: FloatArray


def _out_of_fold(cases: Cases, malignant: BoolArray) -> _Compared | None:
    stable, canary = cases.stable_out_of_fold, cases.canary_out_of_fold
    if stable is None or canary is None:
        return None
    return _Compared(
        "out of fold",
        malignant,
        (np.array(stable.malignant) >= cases.stable_threshold) == malignant,
        (np.array(canary.malignant) >= cases.canary_threshold) == malignant,
        np.array(stable.squared_error),
        np.array(canary.squared_error),
    )


def _as_asked(cases: Cases, malignant: BoolArray, unseen: BoolArray) -> _Compared:
    stable, canary = np.array(cases.stable)[unseen], np.array(cases.canary)[unseen]
    truth = malignant[unseen]
    return _Compared(
        "over the unseen cases",
        truth,
        (stable >= cases.stable_threshold) == truth,
        (canary >= cases.canary_threshold) == truth,
        (stable - truth) ** 2,
        (canary - truth) ** 2,
    )


def _drop(
    name: str, compared: _Compared, among: BoolArray, thresholds: Thresholds, numbers: Numbers
) -> Finding:
    """Compare the shares of right answers ``among`` some cases, by McNemar's exact test."""
    stable_right, right = compared.stable_right[among], compared.right[among]
    stable, canary = float(stable_right.mean()), float(right.mean())
    lost, won = int((stable_right & ~right).sum()), int((right & ~stable_right).sum())
    p = tests.mcnemar(lost, won)
    numbers |= {
        f"stable_{name}": stable,
        f"canary_{name}": canary,
        f"{name}_lost": lost,
        f"{name}_won": won,
        f"{name}_p_value": p,
    }
    words = (
        f"{compared.where} {name} is {canary:.3f} where the stable's is {stable:.3f} "
        f"({lost} lost, {won} won, p = {p:.2g})"
    )
    limit = thresholds.sensitivity_drop if name == "sensitivity" else thresholds.accuracy_drop
    return Finding(_weigh(p, stable - canary > limit, thresholds), words)


def _brier(compared: _Compared, thresholds: Thresholds, numbers: Numbers) -> Finding:
    """Compare the squared errors of the probabilities, by the paired t-test."""
    stable, canary = float(compared.stable_loss.mean()), float(compared.loss.mean())
    p = tests.paired_t(compared.loss - compared.stable_loss)
    numbers |= {"stable_brier": stable, "canary_brier": canary, "brier_p_value": p}
    words = (
        f"{compared.where} the Brier score is {canary:.4f} where the stable's is {stable:.4f} "
        f"(p = {p:.2g})"
    )
    return Finding(_weigh(p, canary - stable > thresholds.brier_increase, thresholds), words)


def _weigh(p: float, matters: bool, thresholds: Thresholds) -> Outcome:
    return weigh(p, matters, thresholds.case_significance, thresholds.case_suspicion)


def _deviation(cases: Cases, numbers: Numbers) -> Finding:
    """Compare what the canary answers with what its artifact says that it answers."""
    numbers["deviation"] = cases.deviation
    if cases.deviation > TOLERANCE:
        words = (
            f"an answer is {cases.deviation:.2g} away from what the canary's own artifact says "
            f"that its model answers"
        )
        return Finding(Outcome.FAIL, words)
    return Finding(Outcome.PASS, "the canary answers as its artifact says")


def _disagreement(cases: Cases, thresholds: Thresholds, numbers: Numbers) -> Finding:
    """Count the cases that the tracks decide differently."""
    stable, canary = np.array(cases.stable), np.array(cases.canary)
    differ = (stable >= cases.stable_threshold) != (canary >= cases.canary_threshold)
    share = numbers["disagreement"] = float(differ.mean())
    words = f"{share:.1%} of the cases are decided differently"
    if share > thresholds.max_disagreement:
        return Finding(Outcome.FAIL, f"{words}, more than {thresholds.max_disagreement:.1%}")
    return Finding(Outcome.PASS, words)


def _floors(
    cases: Cases,
    malignant: BoolArray,
    unseen: BoolArray,
    thresholds: Thresholds,
    numbers: Numbers,
) -> list[Finding]:
    """Hold the canary's answers to the unseen cases against the floors."""
    fewest = _rarer(malignant, unseen)
    if fewest < thresholds.min_unseen:
        words = (
            f"only {fewest} cases of the rarer class are unseen by both models, where the "
            f"floors need {thresholds.min_unseen}: models of other data have seen other cases"
        )
        return [Finding(Outcome.INCONCLUSIVE, words)]
    canary = np.array(cases.canary)
    right = (canary >= cases.canary_threshold) == malignant
    sensitivity = float(right[unseen & malignant].mean())
    specificity = float(right[unseen & ~malignant].mean())
    brier = float(((canary - malignant) ** 2)[unseen].mean())
    numbers |= {
        "unseen_sensitivity": sensitivity,
        "unseen_specificity": specificity,
        "unseen_brier": brier,
    }
    return [
        _floor("sensitivity", sensitivity, thresholds.sensitivity_floor),
        _floor("specificity", specificity, thresholds.specificity_floor),
        _ceiling("Brier score", brier, thresholds.brier_ceiling),
    ]


def _rarer(malignant: BoolArray, unseen: BoolArray) -> int:
    """Return how many cases of the rarer class are unseen."""
    return min(int((unseen & malignant).sum()), int((unseen & ~malignant).sum()))


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
