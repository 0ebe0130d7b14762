"""The verdict on a case (malignant, benign or uncertain) and the reasons for it.

The rule rests on class-conditional conformal prediction (Vovk, "Conditional validity of inductive
conformal predictors", ACML 2012). A diagnosis is ruled out where the answer is among the ``ALPHA``
of the cases of that diagnosis that got the least probable answers from models that had not seen
them. So malignant remains possible for a malignant case with a probability of about 1 - ``ALPHA``,
whatever the share of malignant cases is, as long as the case comes from where the training cases
come from.
"""

from typing import Literal

import msgspec
import numpy as np

from bc_model.arrays import BENIGN, MALIGNANT, BoolArray, FloatArray, IntArray
from bc_model.manifest import VerdictLimits, VerdictShares
from bc_model.metrics import wilson
from bc_model.predictor import INTERVAL_LEVEL, Scores

ALPHA = 0.02
"""The share of the cases of a diagnosis that may have it ruled out."""

SEVERAL = 3
"""So many values outside the training range make a verdict uncertain, as in 1.4 % of the held-out
cases of cross-validation; 2 would in 2.5 %."""

WARNED = slice(4, 6)
"""The doubts that a warning says, too: no basis, and inconsistent."""

Diagnosis = Literal["malignant", "benign"]
Verdict = Literal["malignant", "benign", "uncertain"]


class Reason(msgspec.Struct, frozen=True):
    """Why the verdict is what it is; ``conclusive`` is the one reason of a certain verdict."""

    code: Literal[
        "conclusive", "both_possible", "neither_possible", "ruled_out", "interval",
        "no_basis", "inconsistent", "out_of_range",
    ]  # fmt: skip
    detail: str


class Reasons:
    """The reasons for the verdicts of one model at one threshold."""

    def __init__(self, limits: VerdictLimits, threshold: float) -> None:
        """Word the reasons."""
        alpha, low, high, interval = (
            f"{100 * share:.3g} %"
            for share in (limits.alpha, limits.malignant_from, limits.benign_to, INTERVAL_LEVEL)
        )
        self._doubts = [
            Reason(
                "both_possible", f"a probability from {low} to {high} rules out neither diagnosis"
            ),
            Reason(
                "neither_possible",
                f"a probability from {high} to {low} is unusual for both diagnoses",
            ),
            Reason("ruled_out", f"the diagnosis by the threshold, {threshold:g}, is ruled out"),
            Reason("interval", f"the {interval} interval lies on both sides of the threshold"),
            Reason("no_basis", "the model has no basis for this case"),
            Reason("inconsistent", "the measurements contradict one another"),
            Reason("out_of_range", f"{SEVERAL} or more values are outside the training range"),
        ]
        self.certain = {
            diagnosis: [
                Reason(
                    "conclusive",
                    f"{other} is ruled out: only {alpha} of {other} cases get such an answer",
                )
            ]
            for diagnosis, other in (("malignant", "benign"), ("benign", "malignant"))
        }

    def of(self, diagnosis: Diagnosis, doubts: BoolArray) -> list[Reason]:
        """Return the reasons for the verdict on a case with those `doubts` (7,)."""
        found = [self._doubts[place] for place in np.flatnonzero(doubts)]
        return found or self.certain[diagnosis]


def doubts(scores: Scores, limits: VerdictLimits, threshold: float) -> BoolArray:
    """Return what makes the verdict on each case uncertain (n, 7), as `Reasons` words it."""
    may_be_malignant = scores.malignant >= limits.malignant_from
    may_be_benign = scores.malignant <= limits.benign_to
    is_one = may_be_malignant != may_be_benign
    return np.array(
        [
            may_be_malignant & may_be_benign,
            ~may_be_malignant & ~may_be_benign,
            is_one & (may_be_malignant != (scores.malignant >= threshold)),
            (scores.low < threshold) & (threshold <= scores.high),
            *implausible(scores),
        ]
    ).T


def implausible(scores: Scores) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Return which of n cases have no basis, are inconsistent, have several values out of range."""
    is_inconsistent: BoolArray = np.logical_or(
        scores.below_mean.any(axis=1), scores.out_of_proportion.any(axis=1)
    )
    return ~scores.has_basis, is_inconsistent, scores.outside.sum(axis=1) >= SEVERAL


def verdict_limits(y: IntArray, malignant: FloatArray) -> VerdictLimits:
    """Return the limits from out-of-fold answers ``malignant`` (r, n), the mean of the repeats."""
    answers = malignant.mean(axis=0)
    return VerdictLimits(
        ALPHA,
        malignant_from=_lowest_possible(answers[y == MALIGNANT]),
        benign_to=1 - _lowest_possible(1 - answers[y == BENIGN]),
    )


def verdict_shares(
    y: IntArray, is_malignant: BoolArray, is_uncertain: BoolArray
) -> dict[str, VerdictShares]:
    """Return how often the verdict on a malignant, and on a benign, case is wrong or uncertain."""
    is_wrong = (is_malignant != (y == MALIGNANT)) & ~is_uncertain
    return {
        name: VerdictShares(
            wrong=wilson(float(is_wrong[of_class].sum()), int(of_class.sum())),
            uncertain=wilson(float(is_uncertain[of_class].sum()), int(of_class.sum())),
        )
        for name, of_class in (("malignant", y == MALIGNANT), ("benign", y == BENIGN))
    }


def unseen_shares(
    y: IntArray, scores: Scores, limits: VerdictLimits, threshold: float
) -> dict[str, VerdictShares]:
    """Return `verdict_shares` with every reason, on cases that the model has not seen."""
    is_uncertain = np.any(doubts(scores, limits, threshold), axis=1)
    return verdict_shares(y, scores.malignant >= threshold, is_uncertain)


def out_of_fold_shares(
    y: IntArray, malignant: FloatArray, threshold: float
) -> dict[str, VerdictShares]:
    """Return `verdict_shares` by the limits alone, on out-of-fold answers ``malignant`` (r, n).

    The limits that a case is judged by are those without this case.
    """
    answers = malignant.mean(axis=0)
    possible = {}
    for target, own in ((MALIGNANT, answers), (BENIGN, 1 - answers)):
        of_class = y == target
        possible[target] = own >= _lowest_possible(own[of_class])
        possible[target][of_class] = _possible_by_others(own[of_class])
    is_malignant = answers >= threshold
    is_certain = (possible[MALIGNANT] == is_malignant) & (possible[BENIGN] != is_malignant)
    return verdict_shares(y, is_malignant, ~is_certain)


def _rank(cases: int) -> int:
    """Return how many of ``cases`` and the new one may have their own diagnosis ruled out."""
    return int(np.floor(ALPHA * (cases + 1)))


def _lowest_possible(own: FloatArray) -> float:
    """Return the lowest probability of their own class (n,) that does not rule it out."""
    rank = _rank(len(own))
    return float(np.sort(own)[rank - 1]) if rank else 0.0


def _possible_by_others(own: FloatArray) -> BoolArray:
    """Return which cases keep their own class by the limit that the other cases set."""
    rank = _rank(len(own) - 1)
    if not rank:
        return np.ones(len(own), dtype=np.bool_)
    ascending = np.sort(own)
    lowest = np.where(own <= ascending[rank - 1], ascending[rank], ascending[rank - 1])
    is_possible: BoolArray = own >= lowest
    return is_possible
