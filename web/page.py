"""The HTML form: its fields, what was typed into them, and what is wrong with it."""

import math
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from bc_model.artifact import Feature
from bc_model.features import MEASUREMENTS, STATISTICS
from bc_model.predictor import FloatArray


class Field(NamedTuple):
    """One input of the form; ``error`` is empty where nothing is wrong."""

    feature: Feature
    text: str
    error: str

    @property
    def id(self) -> str:
        """The field's id in the document."""
        return self.feature.name.replace(" ", "-")

    @property
    def label(self) -> str:
        """What the field is called on the page."""
        return _label(self.feature)


class Form(NamedTuple):
    """The form as a table: a row a measurement, a column a statistic."""

    rows: list[tuple[Feature, list[Field]]]

    @property
    def errors(self) -> list[Field]:
        """The fields with something wrong, in the order of the page."""
        return [field for _, fields in self.rows for field in fields if field.error]

    @property
    def values(self) -> FloatArray:
        """The numbers (30,) in the order of the model's features; only where nothing is wrong."""
        by_name = {f.feature.name: f.text for _, fields in self.rows for f in fields}
        in_order = [
            by_name[field.feature.name]
            for statistic in range(len(STATISTICS))
            for field in (fields[statistic] for _, fields in self.rows)
        ]
        return np.array([_number(text) for text in in_order], dtype=np.float64)


def empty_form(features: Sequence[Feature]) -> Form:
    """Return the form before anything was typed."""
    return _form(features, {}, check=False)


def filled_form(features: Sequence[Feature], body: bytes) -> Form:
    """Return the form as sent in ``body``, URL-encoded, with each wrong field marked."""
    sent: dict[str, list[str]] = {}
    for name, text in parse_qsl(body.decode(errors="replace"), keep_blank_values=True):
        sent.setdefault(name, []).append(text.strip())
    return _form(features, sent, check=True)


def _form(features: Sequence[Feature], sent: dict[str, list[str]], *, check: bool) -> Form:
    fields = {}
    for feature in features:
        texts = sent.get(feature.name, [""])
        error = _error(feature, texts) if check else ""
        fields[feature.measurement, feature.statistic] = Field(feature, texts[0], error)
    return Form([
        (
            fields[measurement.name, STATISTICS[0]].feature,
            [fields[measurement.name, statistic] for statistic in STATISTICS],
        )
        for measurement in MEASUREMENTS
    ])  # fmt: skip


def _label(feature: Feature) -> str:
    if feature.statistic == "error":
        return f"{feature.measurement} standard error"
    return feature.name


def _error(feature: Feature, texts: list[str]) -> str:
    text = texts[0]
    example = f"like {feature.median:.4g}"
    if len(texts) > 1:
        return f"{_label(feature).capitalize()} was sent {len(texts)} times"
    if not text:
        return f"Enter the {_label(feature)}, {example}"
    value = _number(text)
    if value is None or not math.isfinite(value):
        return f"{_label(feature).capitalize()} must be a number, {example}"
    if value < 0:
        return f"{_label(feature).capitalize()} must be 0 or more, {example}"
    return ""


def _number(text: str) -> float | None:
    """Return the number typed, with a decimal point or comma."""
    try:
        return None if "_" in text else float(text.replace(",", "."))
    except ValueError:
        return None
