"""Answers as a CSV table, the same from ``predict``, the service and the page."""

import csv
from typing import IO, Any

from bc_model.artifact import Estimate
from bc_model.classifier import Answer, Classifier
from bc_model.metrics import wilson

INTENDED_USE = "research and education; not a medical device"

COLUMNS = (
    "id", "prediction", "diagnosis", "verdict", "probability_benign", "probability_malignant",
    "interval_malignant_low", "interval_malignant_high", "support", "support_low", "support_high",
    "threshold", "model_version", "warnings", "intended_use",
)  # fmt: skip


def support_share(classifier: Classifier, answer: Answer) -> Estimate:
    """Return the support as a share of the training cases, with its 95 % Wilson interval."""
    trained_on = classifier.manifest.data.trained_on
    return wilson(answer.support / 100 * trained_on, trained_on)


class AnswerWriter:
    """Writes a header row, and a row for each answer of ``classifier``."""

    def __init__(
        self, file: IO[str], classifier: Classifier, *, more_columns: tuple[str, ...] = ()
    ) -> None:
        """Write the header to ``file``; ``more_columns`` follow the answer's."""
        self._classifier = classifier
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow([*COLUMNS, *more_columns])

    def write(self, identifier: str, answer: Answer, *more: Any) -> None:
        """Write the answer to the case of that id."""
        low, high = answer.interval_malignant
        support = support_share(self._classifier, answer)
        warnings = "; ".join(
            f"{caution.feature}: {caution.detail}" if caution.feature else caution.detail
            for caution in answer.warnings
        )
        row = [
            identifier, answer.prediction, answer.diagnosis, answer.verdict,
            answer.probability_benign, answer.probability_malignant, low, high, answer.support,
            100 * support.low, 100 * support.high, answer.threshold, answer.model_version,
            warnings, INTENDED_USE, *more,
        ]  # fmt: skip
        self._writer.writerow(row)
