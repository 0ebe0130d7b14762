"""Cases in a CSV file, read and checked one row at a time.

Three layouts are understood: a header row with the feature names in any order, UCI's
``wdbc.data`` (id, M or B, 30 values) and the 30 values alone; the latter two have no header.
Where semicolons or tabs stand between the values, as spreadsheets write them in much of Europe,
the decimal separator may be a comma.
"""

import csv
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TextIO

from bc_model.arrays import BENIGN, MALIGNANT
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES, canonical_name

STANDARD_INPUT = Path("-")

_DIAGNOSES = {"m": MALIGNANT, "malignant": MALIGNANT, "b": BENIGN, "benign": BENIGN}
# Only under scikit-learn's own column name is 0 known to mean malignant.
_TARGETS = {**_DIAGNOSES, "0": MALIGNANT, "1": BENIGN}


NOT_TEXT = "is not a UTF-8 text file; save a spreadsheet as CSV first"
NO_TABLE = (
    "is not a table of cases: its first row holds neither a number nor any of the thirty names; "
    "save a spreadsheet as CSV, with the names in its first row"
)


NOT_WDBC = (
    "has 32 cells of which the second is a number, not M or B, so which of them are the 30 values "
    "is not clear; send these alone, or a header row"
)


class Problem(NamedTuple):
    """A problem with the data: ``line`` counts from 1, 0 is the whole file."""

    line: int
    column: str
    detail: str

    def __str__(self) -> str:
        """Return the problem as one line of text."""
        where = [f"line {self.line}"] * bool(self.line) + [f"column {self.column!r}"] * bool(
            self.column
        )
        return f"{', '.join(where)}: {self.detail}" if where else self.detail


class DataError(ValueError):
    """The data cannot be used; ``problems`` holds every reason."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        """Name the file and list its problems, one a line."""
        self.problems = problems
        source = "standard input" if source == str(STANDARD_INPUT) else source
        heading = f"{source}: {len(problems)} problem{'s' * (len(problems) != 1)}"
        super().__init__("\n".join([heading, *(f"  {problem}" for problem in problems)]))


class Case(NamedTuple):
    """One row; ``identifier`` and ``target`` are None where the file has none."""

    line: int
    identifier: str | None
    target: int | None
    values: list[float]


class _Layout(NamedTuple):
    """Where the columns are; ``width`` is the number of cells a row must have."""

    width: int
    features: dict[str, int]
    identifier: int | None
    diagnosis: int | None
    diagnoses: dict[str, int]
    columns: list[str]


_WDBC = _Layout(
    32, {n: i + 2 for i, n in enumerate(FEATURE_NAMES)}, 0, 1, _DIAGNOSES,
    ["id", "diagnosis", *FEATURE_NAMES],
)  # fmt: skip
_VALUES_ALONE = _Layout(
    30, {n: i for i, n in enumerate(FEATURE_NAMES)}, None, None, {}, list(FEATURE_NAMES)
)


@contextmanager
def open_cases(path: Path) -> Iterator[TextIO]:
    """Open a CSV file, or standard input for ``-``.

    Raises:
        DataError: the file cannot be opened, or is not text.
    """
    is_path = path != STANDARD_INPUT
    source = path if is_path else sys.stdin.fileno()
    try:
        # Apart from `with`, so that only an OSError of opening is caught, none of the caller's.
        file = open(source, encoding="utf-8-sig", newline="", closefd=is_path)  # noqa: SIM115
    except OSError as error:
        raise DataError(str(path), [Problem(0, "", str(error.strerror))]) from error
    with file:
        try:
            yield file
        except UnicodeDecodeError as error:
            raise DataError(str(path), [Problem(0, "", NOT_TEXT)]) from error


class CaseReader:
    """Iterates over a CSV file's cases; rows with problems are left out and noted in ``problems``.

    With ``labelled``, a file without a diagnosis column and a doubled id are problems too, and
    ``targets`` holds the diagnoses read, also those of rows with other problems.
    """

    def __init__(self, file: TextIO, *, labelled: bool) -> None:
        """Read from ``file``, from its first line on."""
        self.problems: list[Problem] = []
        self.targets: list[int] = []
        self._line_of_identifier: dict[str, int] = {}
        start = _through_first_row(file)
        self._separator = _separator(start[-1])
        self._rows = csv.reader(chain(start, file), delimiter=self._separator, strict=True)
        self._labelled = labelled

    def __iter__(self) -> Iterator[Case]:
        """Yield each case whose row has no problem."""
        try:
            yield from self._cases()
        except csv.Error as error:
            self._note(self._rows.line_num, "", f"is not valid CSV: {error}")

    def _cases(self) -> Iterator[Case]:
        rows = (row for row in self._rows if any(cell.strip() for cell in row))
        first = next(rows, None)
        if first is None:
            self._note(0, "", "is empty")
            return
        if any(self._number(cell) is not None for cell in first):
            layout = self._headless_layout(first)
            if layout is None:
                return
            yield from self._case(layout, first)
        else:
            header = _without_blank_end([cell.strip() for cell in first], 0)
            if not any(map(canonical_name, header)):
                self._note(0, "", NO_TABLE)
                return
            layout = self._header_layout(header)
        for row in rows:
            yield from self._case(layout, row)

    def _headless_layout(self, row: list[str]) -> _Layout | None:
        if len(row) == _WDBC.width:
            if self._labelled or self._number(row[1]) is None:
                return _WDBC
            self._note(self._rows.line_num, "", NOT_WDBC)
            return None
        if len(row) == FEATURE_COUNT and not self._labelled:
            return _VALUES_ALONE
        expected = "32 cells (id, M or B, 30 values)" + " or 30 values" * (not self._labelled)
        self._note(
            self._rows.line_num, "", f"has {_cells(row)}; without a header row, needs {expected}"
        )
        return None

    def _header_layout(self, header: list[str]) -> _Layout:
        line = self._rows.line_num
        features: dict[str, int] = {}
        others: dict[str, int] = {}
        for index, cell in enumerate(header):
            name = canonical_name(cell)
            known = features if name else others
            key = name or cell.lower()
            if key in known:
                self._note(line, cell, "is twice in the header")
            elif name or key in ("id", "diagnosis", "target", ""):
                known[key] = index
            else:
                self._note(line, cell, "is not a known column")
        for name in FEATURE_NAMES:
            if name not in features:
                self._note(line, name, "is missing")
        if "diagnosis" in others and "target" in others:
            self._note(line, "target", "stands beside 'diagnosis'; keep one of them")
        elif self._labelled and "diagnosis" not in others and "target" not in others:
            self._note(line, "diagnosis", "is missing")
        diagnosis, diagnoses = others.get("diagnosis"), _DIAGNOSES
        if diagnosis is None:
            diagnosis, diagnoses = others.get("target"), _TARGETS
        return _Layout(len(header), features, others.get("id"), diagnosis, diagnoses, header)

    def _case(self, layout: _Layout, row: list[str]) -> Iterator[Case]:
        line, known_problems = self._rows.line_num, len(self.problems)
        row = _without_blank_end(row, layout.width)
        if len(row) != layout.width:
            self._note(line, "", f"has {_cells(row)}, should have {layout.width}")
            return
        values = []
        for name, index in layout.features.items():
            cell = row[index].strip()
            value = self._number(cell)
            if value is None or not math.isfinite(value):
                self._note(line, layout.columns[index], f"{cell!r} is not a number")
            elif value < 0:
                self._note(line, layout.columns[index], f"{cell} is negative")
            else:
                values.append((name, value))
        identifier = None if layout.identifier is None else row[layout.identifier].strip()
        target = None
        if self._labelled:
            target = self._target(layout, row)
            self._check_identifier(identifier)
        if len(self.problems) == known_problems and len(values) == FEATURE_COUNT:
            by_name = dict(values)
            yield Case(line, identifier, target, [by_name[name] for name in FEATURE_NAMES])

    def _target(self, layout: _Layout, row: list[str]) -> int | None:
        if layout.diagnosis is None:
            return None
        cell = row[layout.diagnosis].strip()
        target = layout.diagnoses.get(cell.lower())
        if target is None:
            detail = f"{cell!r} is not a diagnosis; use M (malignant) or B (benign)"
            self._note(self._rows.line_num, layout.columns[layout.diagnosis], detail)
        else:
            self.targets.append(target)
        return target

    def _check_identifier(self, identifier: str | None) -> None:
        line = self._rows.line_num
        if identifier:
            first = self._line_of_identifier.setdefault(identifier, line)
            if first != line:
                self._note(line, "id", f"{identifier!r} stands on line {first} already")

    def _number(self, cell: str) -> float | None:
        return _number(cell if self._separator == "," else cell.replace(",", "."))

    def _note(self, line: int, column: str, detail: str) -> None:
        self.problems.append(Problem(line, column, detail))


def _cells(row: list[str]) -> str:
    return f"{len(row)} cell{'s' * (len(row) != 1)}"


def _without_blank_end(row: list[str], width: int) -> list[str]:
    """Take the blank cells at the end off ``row``, as far as they lie beyond ``width``.

    The widespread ``data.csv`` has a comma at the end of its header, and of no other row.
    """
    while len(row) > width and not row[-1].strip():
        row.pop()
    return row


def _through_first_row(file: TextIO) -> list[str]:
    """Return the lines of ``file`` up to the first that is not blank."""
    lines = [file.readline()]
    while lines[-1].isspace():
        lines.append(file.readline())
    return lines


def _separator(line: str) -> str:
    """Return the separator: a semicolon or tab where the line has enough of them."""
    return next((mark for mark in ";\t" if line.count(mark) >= FEATURE_COUNT - 1), ",")


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None
