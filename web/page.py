"""The HTML form: its fields, what was typed into them, and what is wrong with it."""

import math
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from bc_model.arrays import FloatArray
from bc_model.artifact import Feature
from bc_model.features import FEATURE_NAMES, MEASUREMENTS, STATISTICS
from web.paste import ROW, count, spread

LABEL = "case"
LONGEST_LABEL = 60


class Field(NamedTuple):
    """One input of the form; ``error`` is empty where nothing is wrong."""

    feature: Feature
    text: str
    error: str

    @property
    def id(self) -> str:
        """The field's id in the document."""
        return self.feature.name.replace(" ", "-")


class Form(NamedTuple):
    """The form as a table: a row a measurement, a column a statistic.

    ``note`` says what was done to fill it; ``label`` is what the case is called, if anything.
    """

    rows: list[tuple[Feature, list[Field]]]
    note: str = ""
    label: str = ""

    @property
    def errors(self) -> list[Field]:
        """The fields with something wrong, in the order of the page."""
        return [field for _, fields in self.rows for field in fields if field.error]

    @property
    def by_name(self) -> dict[str, Field]:
        """The fields by the name of their feature."""
        return {field.feature.name: field for _, fields in self.rows for field in fields}

    @property
    def values(self) -> FloatArray:
        """The numbers (30,) in the order of the model's features; only where nothing is wrong."""
        by_name = self.by_name
        numbers = [_number(by_name[name].text) for name in FEATURE_NAMES]
        return np.array(numbers, dtype=np.float64)


def empty_form(features: Sequence[Feature]) -> Form:
    """Return the form before anything was typed."""
    return _form(features, {}, check=False)


def example_form(features: Sequence[Feature], x: FloatArray) -> Form:
    """Return the form with the case ``x`` (30,) in it."""
    typed = zip(features, x.tolist(), strict=True)
    return _form(features, {f.name: [f"{value:.15g}"] for f, value in typed}, check=False)


def filled_form(features: Sequence[Feature], body: bytes) -> Form:
    """Return the form as sent in ``body``, URL-encoded, with each wrong field marked.

    A whole row in one field is spread over all of them.
    """
    sent: dict[str, list[str]] = {}
    for name, text in parse_qsl(body.decode(errors="replace"), keep_blank_values=True):
        sent.setdefault(name, []).append(text.strip())
    note, label = "", sent.get(LABEL, [""])[0][:LONGEST_LABEL]
    for feature in features:
        row = spread(sent.get(feature.name, [""])[0])
        if row:
            sent = {f.name: [value] for f, value in zip(features, row.values, strict=True)}
            note = row.note
            break
    form = _form(features, sent, check=True)
    return form._replace(note=note, label=label)


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
    if count(text) > 2:
        holds = f"{_label(feature).capitalize()} holds {count(text)} values"
        return f"{holds}; enter one number, {example}, or a row: {ROW}"
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
