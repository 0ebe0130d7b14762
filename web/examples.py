"""Named examples: real cases that the model was not fitted on."""

from typing import NamedTuple

import numpy as np

from bc_model.arrays import BENIGN, MALIGNANT, FloatArray
from bc_model.artifact import Reference
from bc_model.classifier import Classifier

_DIAGNOSES = {MALIGNANT: "malignant", BENIGN: "benign"}


class Example(NamedTuple):
    """A case ``x`` (30,); ``number`` counts the cases of the data set from 1."""

    name: str
    number: int
    diagnosis: str
    x: FloatArray


def choose_examples(classifier: Classifier, reference: Reference) -> dict[str, Example]:
    """Return an example of each kind from the unseen cases, by name.

    Benign and malignant are the cases in the middle of their diagnosis by the model's answer;
    borderline is the one whose answer lies closest to the threshold.
    """
    unseen = np.flatnonzero(reference.unseen)
    log_odds = classifier.score(reference.cases[unseen]).log_odds
    targets = reference.targets[unseen]

    def example(name: str, place: int) -> Example:
        case = int(unseen[place])
        diagnosis = _DIAGNOSES[int(reference.targets[case])]
        return Example(name, case + 1, diagnosis, reference.cases[case])

    def middle(target: int) -> int:
        places = np.flatnonzero(targets == target)
        return int(places[np.argsort(log_odds[places])[len(places) // 2]])

    threshold = np.log(classifier.threshold / (1 - classifier.threshold))
    closest = int(np.argmin(np.abs(log_odds - threshold)))
    return {
        "benign": example("benign", middle(BENIGN)),
        "malignant": example("malignant", middle(MALIGNANT)),
        "borderline": example("borderline", closest),
    }
