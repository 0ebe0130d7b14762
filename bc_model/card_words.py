"""The words of the model card, shared by MODEL_CARD.md and the page."""

from bc_model.artifact import Manifest
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

INTENDED_USE = "Research, teaching and the demonstration of machine learning in operation."

OUT_OF_SCOPE = (
    "diagnosis, screening, or any decision about a patient. This is not a medical device. Images "
    "from other microscopes, stains or segmentation programs give other measurements than those it "
    "was trained on."
)


def caveats(manifest: Manifest) -> list[str]:
    """Return what to know before relying on the model."""
    data = manifest.data
    return [
        f"The data are {data.cases} cases chosen for a study; the share of malignant ones "
        f"({data.malignant / data.cases:.0%}) is not that of any practice, and predictive values "
        "and probabilities do not carry over to another share.",
        "Nothing is known about age, ethnicity, centre or equipment, so no figure can be given for "
        "any group.",
        "The interval tells how much the answer depends on which cases were drawn for training. "
        "It does not cover measurement error, or a population other than this one.",
        "Far from every training case the answer has no basis. Support compares the closeness of "
        f"the {NEIGHBOURS} nearest training cases with what is usual among these, and a case "
        "further off than any held-out case of cross-validation is answered with a warning.",
        "The support vectors are training cases: who has the model file has those measurements.",
    ]
