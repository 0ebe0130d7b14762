"""A result to keep, as JSON or CSV."""

import io
from typing import Any

import msgspec

from bc_model.answer_table import INTENDED_USE, AnswerWriter
from bc_model.classifier import Classifier
from web.result import Result


def as_json(result: Result, label: str) -> bytes:
    """Return the answer, its reasons, and what was measured of threshold and support."""
    content: dict[str, Any] = {
        "intended_use": INTENDED_USE,
        "case": label or None,
        "verdict": result.answer.verdict,
        "answer": result.answer,
        "measured_at_threshold": result.point,
        "support_share": result.support_share,
        "explanation": result.explanation,
    }
    return msgspec.json.format(msgspec.json.encode(content))


def as_csv(classifier: Classifier, result: Result, label: str) -> bytes:
    """Return the answer as ``python -m bc_model predict`` writes it, the values behind it."""
    features = result.explanation.features
    text = io.StringIO()
    writer = AnswerWriter(
        text, classifier, more_columns=tuple(feature.feature for feature in features)
    )
    writer.write(label or "1", result.answer, *(feature.value for feature in features))
    return text.getvalue().encode()
