"""Labels: read where it is certain which is which."""

import pytest

from bc_model.arrays import BENIGN, MALIGNANT
from bc_model.labels import BLANK, THIRD, UNCLEAR, LabelReader


@pytest.mark.parametrize("label", ["M", "m", " Malignant ", "MALIGNANT"])
def test_words(label: str) -> None:
    assert LabelReader().target(label) == MALIGNANT
    assert LabelReader().target({"m": "B"}.get(label, "benign")) == BENIGN


@pytest.mark.parametrize("label", ["0", "1", "0.0", "yes", "2", "?"])
def test_other_labels_mean_nothing_until_their_meaning_is_said(label: str) -> None:
    assert LabelReader().target(label) == UNCLEAR
    assert LabelReader().target("") == BLANK


@pytest.mark.parametrize(("malignant", "benign"), [("0", "1"), ("0.0", "1.0"), ("0.00", "1")])
def test_scikit_learn_s_own_labels(malignant: str, benign: str) -> None:
    reader = LabelReader(is_scikit_learn=True)
    assert [reader.target(label) for label in (benign, malignant)] == [BENIGN, MALIGNANT]
    assert reader.spellings == {BENIGN: benign, MALIGNANT: malignant}
    assert reader.target("2") == UNCLEAR


@pytest.mark.parametrize(
    ("said", "malignant", "benign"),
    [("1", "1", "0"), ("1", "1.0", "0.0"), ("4", "4", "2"), ("Yes", "yes", "no"), ("0", "0", "1")],
)
def test_a_label_that_means_malignant(said: str, malignant: str, benign: str) -> None:
    reader = LabelReader(said)
    assert [reader.target(label) for label in (benign, malignant)] == [BENIGN, MALIGNANT]
    assert reader.target("another") == THIRD
    assert reader.target(" ") == BLANK


def test_saying_the_usual_word_changes_nothing() -> None:
    reader = LabelReader("malignant")
    assert [reader.target(label) for label in ("M", "B")] == [MALIGNANT, BENIGN]
