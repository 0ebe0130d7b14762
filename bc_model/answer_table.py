"""The answers as a table: what ``predict``, the service and the page write into a CSV file."""

import csv
from typing import IO, Any

from bc_model.classifier import Answer

INTENDED_USE = "research and education; not a medical device"

COLUMNS = (
    "id", "prediction", "diagnosis", "probability_benign", "probability_malignant",
    "interval_malignant_low", "interval_malignant_high", "support", "threshold", "model_version",
    "warnings", "intended_use",
)  # fmt: skip


class AnswerWriter:
    """Writes a header row, and a row for each answer."""

    def __init__(self, file: IO[str], *, more_columns: tuple[str, ...] = ()) -> None:
        """Write the header to ``file``; ``more_columns`` stand behind the answer's."""
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow([*COLUMNS, *more_columns])

    def write(self, identifier: str, answer: Answer, *more: Any) -> None:
        """Write the answer to the case of that id."""
        low, high = answer.interval_malignant
        warnings = "; ".join(
            f"{caution.feature}: {caution.detail}" if caution.feature else caution.detail
            for caution in answer.warnings
        )
        row = [
            identifier, answer.prediction, answer.diagnosis, answer.probability_benign,
            answer.probability_malignant, low, high, answer.support, answer.threshold,
            answer.model_version, warnings, INTENDED_USE, *more,
        ]  # fmt: skip
        self._writer.writerow(row)
