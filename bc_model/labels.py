"""Diagnoses as files write them, read only where it is certain which of two labels is which."""

from typing import Final

from bc_model.arrays import BENIGN, MALIGNANT

_WORDS = {"m": MALIGNANT, "malignant": MALIGNANT, "b": BENIGN, "benign": BENIGN}
_SCIKIT_LEARN: Final = {"0": MALIGNANT, "1": BENIGN}

UNCLEAR = (
    "is neither M (malignant) nor B (benign); say which label means malignant (--malignant-label)"
)
BLANK = "is blank; every case to learn from needs a diagnosis"
THIRD = "is a third label; there may be two, one for malignant and one for benign"


class LabelReader:
    """Reads the labels of one column.

    ``malignant_label`` is what the user says means malignant; the one other label means benign.
    With ``is_scikit_learn``, 0 means malignant and 1 benign, as in scikit-learn's own table.
    """

    def __init__(
        self, malignant_label: str | None = None, *, is_scikit_learn: bool = False
    ) -> None:
        """Take what is known of the column."""
        self._known = {**_WORDS, **(_SCIKIT_LEARN if is_scikit_learn else {})}
        said = None if malignant_label is None else _normal(malignant_label)
        self._malignant = None if _WORDS.get(said or "") == MALIGNANT else said
        self.spellings: dict[int, str] = {}
        """How each target is written where it was first seen."""

    def target(self, label: str) -> int | str:
        """Return the target that ``label`` means, or what is wrong with it."""
        target = self._target(_normal(label))
        if isinstance(target, int):
            self.spellings.setdefault(target, label.strip())
        return target

    def _target(self, label: str) -> int | str:
        if not label:
            return BLANK
        if self._malignant is None:
            return self._known.get(label, UNCLEAR)
        if label == self._malignant:
            return MALIGNANT
        return BENIGN if label == _normal(self.spellings.get(BENIGN, label)) else THIRD


def _normal(label: str) -> str:
    """Return ``label`` in one spelling: beside other columns, NumPy writes 1 as ``1.0``."""
    label = label.strip().lower()
    try:
        return f"{float(label):g}"
    except ValueError:
        return label
