"""Answers as a CSV table, the same from ``predict``, the service and the page."""

import csv
from typing import IO

from bc_model.classifier import Answer, Classifier
from bc_model.manifest import Estimate
from bc_model.metrics import wilson
from bc_model.number_format import is_number

INTENDED_USE = "research and education; not a medical device"

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What starts a formula in a spreadsheet; the last four are the same marks in full width."""

COLUMNS = (
    "id", "given_diagnosis", "verdict", "reasons", "predicted_diagnosis", "prediction",
    "probability_benign", "probability_malignant",
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
        self,
        file: IO[str],
        classifier: Classifier,
        *,
        digits: int | None = None,
        more_columns: tuple[str, ...] = (),
    ) -> None:
        """Write the header to ``file``; ``more_columns`` follow the answer's.

        The answer's numbers have ``digits`` significant digits, and all they have for None.
        """
        self._classifier = classifier
        self._digits = digits
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow([*COLUMNS, *more_columns])

    def write(self, identifier: str, given: str | None, answer: Answer, *more: float) -> None:
        """Write the answer to the case of that id, which came with the diagnosis ``given``."""
        low, high = answer.interval_malignant
        support = support_share(self._classifier, answer)
        warnings = "; ".join(
            f"{caution.feature}: {caution.detail}" if caution.feature else caution.detail
            for caution in answer.warnings
        )
        numbers = map(self._number, (
            answer.probability_benign, answer.probability_malignant, low, high, answer.support,
            100 * support.low, 100 * support.high,
        ))  # fmt: skip
        row = [
            harmless(identifier), harmless(given or ""), answer.verdict,
            "; ".join(reason.detail for reason in answer.reasons),
            answer.diagnosis, answer.prediction, *numbers, answer.threshold, answer.model_version,
            warnings, INTENDED_USE, *more,
        ]  # fmt: skip
        self._writer.writerow(row)

    def _number(self, value: float) -> float | str:
        return value if self._digits is None else rounded(value, self._digits)


def rounded(value: float, digits: int) -> str:
    """Return ``value`` with ``digits`` significant digits; what is below 1 stays below 1."""
    text = f"{value:.{digits}g}"
    return rounded(value, digits + 1) if value < 1 and text == "1" else text


def harmless(text: str) -> str:
    """Return the sender's ``text`` so that a spreadsheet shows it and does not run it.

    An apostrophe in front is what OWASP's page on CSV injection recommends.
    """
    is_formula = text[:1] in _FORMULA_STARTS and not is_number(text)
    return f"'{text}" if is_formula else text
