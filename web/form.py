"""The page's forms: one case typed or pasted into fields, or a file with many."""

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

import numpy as np
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from bc_model.arrays import FloatArray
from bc_model.features import FEATURE_NAMES, MEASUREMENTS, STATISTICS, canonical_name
from bc_model.manifest import Feature
from bc_model.number_format import NOT_A_NUMBER, decimal_mark, read_numbers
from web.paste import ROW, count, read_paste
from web.problems import ProblemError
from web.requests import JsonCaseReader

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

LABEL = "case"
LONGEST_LABEL = 60
MOST_IN_FIELD = 2
"""A text with more numbers is a row, or part of one."""


class Field(NamedTuple):
    """One input of the form; ``error`` is empty where nothing is wrong, or nothing was checked."""

    feature: Feature
    text: str
    error: str = ""
    value: float = 0.0

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
        return np.array([by_name[name].value for name in FEATURE_NAMES])


def empty_form(features: Sequence[Feature]) -> Form:
    """Return the form before anything was typed."""
    return _table([Field(feature, "") for feature in features])


def example_form(features: Sequence[Feature], x: FloatArray) -> Form:
    """Return the form with the case ``x`` (30,) in it."""
    typed = zip(features, x.tolist(), strict=True)
    return _table([Field(feature, f"{value:.15g}") for feature, value in typed])


def filled_form(features: Sequence[Feature], body: bytes) -> Form:
    """Return the form as sent in ``body``, URL-encoded, with each wrong field marked.

    A whole row in one field is spread over all of them.
    """
    sent: dict[str, list[str]] = {}
    for name, text in parse_qsl(body.decode(errors="replace"), keep_blank_values=True):
        sent.setdefault(canonical_name(name) or name, []).append(text.strip())
    note, label = "", sent.get(LABEL, [""])[0]
    for feature in features:
        text = sent.get(feature.name, [""])[0]
        if count(text) <= MOST_IN_FIELD:
            continue
        pasted = read_paste(text, JsonCaseReader(features))
        if pasted.values:
            sent = {f.name: [value] for f, value in zip(features, pasted.values, strict=True)}
            note, label = pasted.note, label or pasted.label
            break
    texts = [sent.get(feature.name, [""]) for feature in features]
    marks = {decimal_mark(first) for first, *_ in texts} - {""}
    mark = marks.pop() if len(marks) == 1 else ""
    fields = [_checked(f, sent, mark) for f, sent in zip(features, texts, strict=True)]
    return _table(fields)._replace(note=note, label=label[:LONGEST_LABEL])


def _table(fields: Sequence[Field]) -> Form:
    by_place = {(field.feature.measurement, field.feature.statistic): field for field in fields}
    return Form([
        (
            by_place[measurement.name, STATISTICS[0]].feature,
            [by_place[measurement.name, statistic] for statistic in STATISTICS],
        )
        for measurement in MEASUREMENTS
    ])  # fmt: skip


def _checked(feature: Feature, texts: Sequence[str], mark: str) -> Field:
    """Return the field, checked; ``mark`` is the decimal mark that the other fields show."""
    text = texts[0]
    called = _label(feature)
    example = f"like {feature.median:.4g}"
    (value,) = read_numbers([text], decimal_mark(text) or mark).values
    if len(texts) > 1:
        error = f"{called.capitalize()} was sent {len(texts)} times"
    elif not text:
        error = f"Enter the {called}, {example}"
    elif count(text) > MOST_IN_FIELD:
        holds = f"{called.capitalize()} holds {count(text)} values"
        error = f"{holds}; enter one number, {example}, or a row: {ROW}"
    elif value == NOT_A_NUMBER:
        error = f"{called.capitalize()} must be a number, {example}"
    elif isinstance(value, str):
        error = f"{called.capitalize()} {value}"
    elif value < 0:
        error = f"{called.capitalize()} must be 0 or more, {example}"
    else:
        return Field(feature, text, value=value)
    return Field(feature, text, error)


def _label(feature: Feature) -> str:
    if feature.statistic == "error":
        return f"{feature.measurement} standard error"
    return feature.name


class Upload(NamedTuple):
    """The file's content and name, and whether the answers are to be downloaded."""

    content: bytes
    name: str
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
            headers, stream(), max_files=1, max_fields=3, max_part_size=len(body)
        )
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise ProblemError("invalid-values", "The body is not what the form sends.") from error
    cases = form.get("cases", "")
    if isinstance(cases, UploadFile):
        content, name = await cases.read(), cases.filename or ""
    else:
        content, name = cases.encode(), str(form.get("name", ""))
    await form.close()
    if not content.strip():
        raise ProblemError("invalid-values", "Choose a CSV file that is not empty.")
    return Upload(content, name, "download" in form)
