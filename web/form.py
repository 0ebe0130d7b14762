"""The page's forms: one case typed or pasted into fields, or a file with many.

``static/case.js`` spreads a pasted row as soon as it is pasted; without JavaScript it happens here.
"""

import math
import re
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

import numpy as np
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from bc_model.arrays import FloatArray
from bc_model.artifact import Feature
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES, MEASUREMENTS, STATISTICS
from web.problems import ProblemError

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

LABEL = "case"
LONGEST_LABEL = 60

ROW = (
    f"{FEATURE_COUNT} values, nothing behind them, "
    "and before them at most an id and a diagnosis (M or B)"
)

_SEPARATORS = (r"\t", ";", ",", r"\s+")
_MOST_BEFORE = 2
"""UCI's line begins with an id and a diagnosis."""

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


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


class Row(NamedTuple):
    """The 30 values of a row, in the order of the features, and what stood before them."""

    values: list[str]
    dropped: list[str]

    @property
    def note(self) -> str:
        """What was done with the row, in words."""
        filled = sum(bool(value) for value in self.values)
        of_them = f" of {FEATURE_COUNT}" * (filled < FEATURE_COUNT)
        left_out = f"; left out: {', '.join(self.dropped)}" * bool(self.dropped)
        return f"{filled}{of_them} values filled in from the pasted row{left_out}."


def spread(text: str) -> Row | None:
    """Return the row in ``text``, with a point for a comma in its values.

    None if it has no 30 values by any separator: tab, semicolon, comma or white space. Before them
    may be an id and a diagnosis. A number there is no diagnosis: the row may as well have something
    behind its values, so which of its numbers they are is not clear.
    """
    rows = [_cells(text.strip(), separator) for separator in _SEPARATORS]
    fitting = [row for row in rows if _fits(row)]
    if not fitting:
        return None
    best = max(fitting, key=lambda row: sum(map(_is_number, row)))
    values = [cell.replace(",", ".") for cell in best[-FEATURE_COUNT:]]
    return Row(values, best[:-FEATURE_COUNT])


def count(text: str) -> int:
    """Return how many values ``text`` has, by the separator that gives most of them.

    A number with a decimal comma and a separator of thousands counts 2, a row counts more.
    """
    return max(len(_cells(text.strip(), separator)) for separator in _SEPARATORS)


def _cells(text: str, separator: str) -> list[str]:
    cells = [cell.strip().strip('"').strip() for cell in re.split(separator, text)]
    while len(cells) > FEATURE_COUNT and not cells[-1]:
        cells.pop()
    return cells


def _fits(row: list[str]) -> bool:
    before = len(row) - FEATURE_COUNT
    return not before or (0 < before <= _MOST_BEFORE and not _is_number(row[before - 1]))


def _is_number(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell))


class Upload(NamedTuple):
    """The file's content, and whether the answers are to be downloaded."""

    content: bytes
    is_download: bool


async def read_upload(headers: Headers, body: bytes) -> Upload:
    """Return what the form sent: a file, or the text of one sent before.

    Raises:
        ProblemError: the body is no form, or has no file.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(
            headers, stream(), max_files=1, max_fields=2, max_part_size=len(body)
        )
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise ProblemError("invalid-values", "The body is not what the form sends.") from error
    cases = form.get("cases", "")
    content = await cases.read() if isinstance(cases, UploadFile) else cases.encode()
    await form.close()
    if not content.strip():
        raise ProblemError("invalid-values", "Choose a CSV file that is not empty.")
    return Upload(content, "download" in form)
