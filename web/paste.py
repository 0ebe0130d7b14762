"""Pasted text: one case is spread over the form's fields, several are for the page of many cases.

Understood are rows with any separator, a header with its row, JSON as the API takes it, and rows
in brackets or quotes as programs print them.
"""

import io
import re
from collections.abc import Sequence

import msgspec

from bc_model.csv_cases import CaseReader
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES
from bc_model.number_format import is_number, read_numbers
from web.problems import ErrorCollector, ProblemError
from web.requests import JsonCaseReader, Pairs, parse_json

ROW = (
    f"{FEATURE_COUNT} values, nothing behind them, "
    "and before them at most an id and a diagnosis (M or B)"
)

_SEPARATORS = (r"\t", ";", ",", r"\s+")
_MOST_BEFORE = 2
"""UCI's line begins with an id and a diagnosis."""

_DIAGNOSES = {"m", "b", "malignant", "benign"}
_BRACKETS = re.compile(r"[\[\](){}:]")
_AROUND = re.compile(r"^[\w.]*[\[({][\s\[({]*|[\s\])};,]+$")
"""Brackets around a row, as Python, NumPy and R print them."""


class Pasted(msgspec.Struct, frozen=True):
    """What pasted text holds.

    ``values`` are the 30 texts for the fields, none where the text holds no case or several, and
    ``label`` is the case's id. ``table`` is the text of several ``cases`` as a CSV file.
    """

    note: str
    values: list[str] = []
    label: str = ""
    cases: int = 0
    table: str = ""


def read_paste(text: str, json_cases: JsonCaseReader) -> Pasted:
    """Return what ``text`` holds; ``json_cases`` reads the cases of JSON."""
    text = text.strip()
    problem = ""
    if text[:1] in "[{":
        try:
            return _from_json(text, json_cases)
        except ProblemError as error:
            details = [field.detail for field in error.errors]
            problem = ", ".join(details[:1]) or error.detail
    row = _from_row(_AROUND.sub("", text))
    if row:
        return row
    if not problem and "\n" in text:
        reader = CaseReader(io.StringIO(text, newline=""), labelled=False)
        cases = list(reader)
        if cases and not reader.problems:
            return _found([case.values for case in cases], cases[0].identifier or "", text)
        problem = str(reader.problems[0]) if reader.problems else "there is no row below the names"
    if not problem:
        return Pasted(f"What was pasted holds {count(text)} values; a row has {ROW}. {UNCHANGED}")
    return Pasted(f"What was pasted cannot be read: {problem}. {UNCHANGED}")


UNCHANGED = "Nothing was changed."


def _from_json(text: str, json_cases: JsonCaseReader) -> Pasted:
    content = parse_json(text.encode(errors="replace"))
    if isinstance(content, Pairs) and len(content) == 1 and content[0][0] in _FIELDS:
        ((name, content),) = content
        content = content if name == "instances" else [content]
    is_list_of_cases = isinstance(content, list) and not isinstance(content, Pairs)
    cases = content if is_list_of_cases and content and isinstance(content[0], list) else [content]
    errors = ErrorCollector()
    rows = [json_cases.read(case, "", errors) for case in cases]
    errors.check()
    header = ",".join(FEATURE_NAMES)
    table = "\n".join([header, *(",".join(map(repr, row)) for row in rows)])
    return _found(rows, "", table)


_FIELDS = ("features", "instances")


def _found(rows: Sequence[Sequence[float]], label: str, table: str) -> Pasted:
    if len(rows) > 1:
        note = f"{len(rows)} cases were pasted. The fields take one; {UNCHANGED.lower()}"
        return Pasted(note, cases=len(rows), table=table)
    return _one([f"{value:.15g}" for value in rows[0]], label, [])


def _one(values: list[str], label: str, left_out: Sequence[str]) -> Pasted:
    filled = sum(map(is_number, values))
    of_them = f" of {FEATURE_COUNT}" * (filled < FEATURE_COUNT)
    case = f"; case {label}" * bool(label)
    without = f"; left out: {', '.join(left_out)}" * bool(left_out)
    note = f"{filled}{of_them} values filled in from the pasted row{case}{without}."
    return Pasted(note, values, label, cases=1)


def _from_row(text: str) -> Pasted | None:
    """Return the row in ``text``, or None.

    None if it has no 30 values by any separator: tab, semicolon, comma or white space. Before them
    may be an id and a diagnosis. A number there is no diagnosis: the row may as well have something
    behind its values, so which of its numbers they are is not clear.
    """
    rows = [_cells(text, separator) for separator in _SEPARATORS]
    fitting = [row for row in rows if _fits(row)]
    if not fitting:
        return None
    best = max(fitting, key=lambda row: sum(map(is_number, row)))
    before, cells = best[:-FEATURE_COUNT], best[-FEATURE_COUNT:]
    read = read_numbers(cells).values
    values = [
        cell if isinstance(value, str) else f"{value:.15g}"
        for cell, value in zip(cells, read, strict=True)
    ]
    diagnoses = [cell for cell in before if cell.lower() in _DIAGNOSES]
    labels = [cell for cell in before if cell.lower() not in _DIAGNOSES]
    return _one(values, labels[0] if labels else "", [*diagnoses, *labels[1:]])


def count(text: str) -> int:
    """Return how many numbers ``text`` has, by the separator that gives most of them."""
    if is_number(text):
        return 1
    text = _BRACKETS.sub(" ", text.strip())
    return max(sum(map(is_number, _cells(text, separator))) for separator in _SEPARATORS)


def _cells(text: str, separator: str) -> list[str]:
    return [cell.strip().strip("\"'").strip() for cell in re.split(separator, text)]


def _fits(row: list[str]) -> bool:
    before = len(row) - FEATURE_COUNT
    is_clear = not before or (0 < before <= _MOST_BEFORE and not is_number(row[before - 1]))
    return is_clear and any(map(is_number, row[before:]))  # names alone are a header
