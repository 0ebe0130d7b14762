"""How often answers agree with the diagnoses that came with the cases."""

from collections import Counter

from bc_model.arrays import BENIGN, MALIGNANT
from bc_model.classifier import Answer

VERDICTS = ("malignant", "benign", "uncertain")
GIVEN = {MALIGNANT: "malignant", BENIGN: "benign"}


class Agreement:
    """Counts cases by the diagnosis given and the verdict answered."""

    def __init__(self) -> None:
        """Count from zero."""
        self.cases = 0
        self.unclear = 0
        """Cases with a label whose meaning is not certain."""
        self._counts: Counter[tuple[int, str]] = Counter()

    def add(self, label: str | None, target: int | None, answer: Answer) -> None:
        """Count a case, the diagnosis given as written and as understood, and the answer."""
        self.cases += 1
        if target is not None:
            self._counts[target, answer.verdict] += 1
        elif label:
            self.unclear += 1

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        """The counts of each verdict, by the diagnosis given; empty where none was given."""
        if not self._counts:
            return []
        return [
            (name, [self._counts[target, verdict] for verdict in VERDICTS])
            for target, name in GIVEN.items()
        ]

    @property
    def summary(self) -> str:
        """How often the answers agree, in words; empty where no diagnosis was given."""
        sentences = []
        if self._counts:
            agree = sum(self._counts[target, name] for target, name in GIVEN.items())
            sentences.append(
                f"{agree} of {self._counts.total()} verdicts agree with the diagnoses given"
            )
        if self.unclear:
            sentences.append(
                f"{self.unclear} labels were not compared: only M, malignant, B and benign are "
                "known, and 0 and 1 in scikit-learn's own table"
            )
        return "; ".join(sentences)

    def table(self) -> str:
        """Return the counts as text, a row a diagnosis."""
        head = ["given", *VERDICTS]
        rows = [head, *([name, *map(str, counts)] for name, counts in self.rows)]
        return "\n".join(
            f"{name:<9}" + "".join(f"{cell:>11}" for cell in cells) for name, *cells in rows
        )
