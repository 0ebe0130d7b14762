"""Text of the model card, shared by MODEL_CARD.md and the page."""

from bc_model.dataset import BUNDLED
from bc_model.manifest import Manifest
from bc_model.predictor import INTERVAL_LEVEL, NEIGHBOURS
from bc_model.verdict import SEVERAL

METRIC_NAMES = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "roc_auc": "ROC AUC",
    "brier": "Brier score (lower is better)",
    "log_loss": "Log loss (lower is better)",
    "ece": "Expected calibration error (lower is better)",
}

OUT_OF_SCOPE = (
    "diagnosis, screening, or any decision about a patient. This is not a medical device. Images "
    "from other microscopes, stains or segmentation programs give other measurements than those it "
    "was trained on."
)


def origin(manifest: Manifest) -> str:
    """Return where the cases come from, as far as it is known."""
    if manifest.data.source == BUNDLED:
        return (
            "All are from one centre, the University of Wisconsin, and measured on digitised "
            "images of fine-needle aspirates (W. H. Wolberg, W. N. Street and O. L. Mangasarian, "
            "Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, 1995)."
        )
    return "The file does not say which centres they are from."


def verdict_text(manifest: Manifest) -> str:
    """Return how the verdict is reached."""
    limits = manifest.verdict
    alpha, low, high, interval = (
        f"{100 * share:.3g} %"
        for share in (limits.alpha, limits.malignant_from, limits.benign_to, INTERVAL_LEVEL)
    )
    return (
        "The verdict is a diagnosis only where the other one is ruled out. A diagnosis is ruled "
        f"out where about {alpha} of its cases, or fewer, have such an answer (class-conditional "
        f"conformal prediction). Malignant is possible from a probability of {low}, benign up to "
        f"{high}. Otherwise the verdict is uncertain. It is uncertain, too, where the {interval} "
        "interval lies on both sides of the threshold, where the model has no basis, where "
        f"measurements contradict one another, or where {SEVERAL} or more values are outside the "
        "training range."
    )


def shares_text(manifest: Manifest) -> str:
    """Return how the shares of wrong and uncertain verdicts were measured."""
    return (
        f"At a threshold of {manifest.threshold:g}. Wrong means that the verdict is the other "
        "diagnosis. Out of fold: by the limits alone, each case by the limits that the other cases "
        "set. Unseen: with every reason. In brackets the 95 % Wilson interval."
    )


BLUNDERS_TEXT = (
    "Each of these blunders was made with the unseen cases. It is noticed where it makes the "
    "verdict uncertain, because the model has no basis, measurements contradict one another, or "
    "several values are out of range. In brackets the 95 % Wilson interval. A scale that is wrong "
    "by 1.25 to 2 can hardly be seen in one case: a larger nucleus looks like that."
)


def _unknown(manifest: Manifest) -> str:
    if manifest.data.source == BUNDLED:
        return (
            "All cases are from one centre, and their age and ethnicity are not recorded, so "
            "performance is unknown for another centre, or for any group."
        )
    return (
        "Nothing is known about age, ethnicity, centre or equipment, so performance is unknown "
        "for any group."
    )


def caveats(manifest: Manifest) -> list[str]:
    """Return what to know before relying on the model."""
    data = manifest.data
    return [
        f"The data are {data.cases} cases chosen for a study; the share of malignant ones "
        f"({data.malignant / data.cases:.0%}) is not the prevalence in any practice. Predictive "
        "values and probabilities do not carry over to another prevalence.",
        _unknown(manifest),
        "The interval shows how much the answer depends on which cases were drawn for training. "
        "It does not cover measurement error, or a population other than this one.",
        "Far from every training case the answer has no basis. Support compares the closeness of "
        f"the {NEIGHBOURS} nearest training cases with what is usual among these. A case that "
        "is further away than nearly all held-out cases of cross-validation, by that closeness or "
        "by its Mahalanobis distance to the nearer class, is answered with a warning.",
        "The support vectors are training cases: whoever has the model has their measurements.",
    ]
