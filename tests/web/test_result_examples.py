"""The examples are real cases that the model was not fitted on."""

import numpy as np
import pytest

from bc_model.arrays import MALIGNANT
from bc_model.artifact import Reference
from bc_model.classifier import Classifier
from bc_model.predictor import ModelArrays
from web.result import choose_examples


def test_each_is_an_unseen_case_of_the_data_set(
    classifier: Classifier, reference: Reference
) -> None:
    examples = choose_examples(classifier, reference)
    assert list(examples) == ["benign", "malignant", "borderline"]
    for name, example in examples.items():
        assert example.name == name
        case = example.number - 1
        assert reference.unseen[case]
        np.testing.assert_array_equal(example.x, reference.cases[case])
        is_malignant = reference.targets[case] == MALIGNANT
        assert example.diagnosis == ("malignant" if is_malignant else "benign")


def test_each_is_what_its_name_says(classifier: Classifier, reference: Reference) -> None:
    examples = choose_examples(classifier, reference)
    for name in ("benign", "malignant"):
        (answer,) = classifier.answers(examples[name].x[None])
        assert answer.diagnosis == examples[name].diagnosis == name
        assert not answer.is_uncertain
    (borderline,) = classifier.answers(examples["borderline"].x[None])
    assert borderline.is_uncertain


def test_the_borderline_case_follows_the_threshold(
    classifier: Classifier, reference: Reference, arrays: ModelArrays
) -> None:
    strict = Classifier(classifier.manifest, arrays, 0.95)
    example = choose_examples(strict, reference)["borderline"]
    (answer,) = strict.answers(example.x[None])
    unseen = reference.malignant[reference.unseen]
    odds = np.log(unseen / (1 - unseen)) - np.log(0.95 / 0.05)
    nearest = unseen[np.argmin(np.abs(odds))]
    assert answer.probability_malignant == pytest.approx(nearest)
