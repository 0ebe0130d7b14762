"""Text of the model card, shared by MODEL_CARD.md and the page."""

from bc_model.artifact import Manifest
from bc_model.dataset import BUNDLED
from bc_model.predictor import NEIGHBOURS

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
        f"the {NEIGHBOURS} nearest training cases with what is usual among these, and a case "
        "further away than any held-out case of cross-validation is answered with a warning.",
        "The support vectors are training cases: whoever has the model has their measurements.",
    ]
