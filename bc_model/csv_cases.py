"""Cases in a CSV file, read and checked one row at a time.

Between the values stand commas, semicolons or tabs. Decimal marks and grouped digits are read as
`bc_model.number_format` says, columns as `bc_model.csv_header` says.
"""

import csv
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TextIO

from bc_model.csv_header import (
    Layout,
    counted,
    is_header,
    layout_of_header,
    layout_without_header,
    no_table,
    unknown,
)
from bc_model.data_problems import DataError, Problem
from bc_model.features import FEATURE_COUNT
from bc_model.labels import LabelReader
from bc_model.number_format import read_numbers

STANDARD_INPUT = Path("-")

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""Excel's first line, which names the separator."""

_OTHER_FORMATS = {
    b"PK\x03\x04": "is a zip archive, as .xlsx and .ods files are; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an .xls file; save the sheet as CSV",
    b"\xff\xfe": "is UTF-16 text; save it as CSV in UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as CSV in UTF-8",
    b"\x1f\x8b": "is compressed; unpack it first",
}
NOT_TEXT = "is not UTF-8 text; save it as CSV in UTF-8"


class Case(NamedTuple):
    """One row; ``identifier`` and ``label`` are None where the file has none.

    ``target`` is what the label means, None where that is not certain.
    """

    line: int
    identifier: str | None
    label: str | None
    target: int | None
    values: list[float]


def not_text(content: bytes) -> str:
    """Return what is wrong with ``content``, the beginning of a file that is not UTF-8."""
    return _other_format(content) or NOT_TEXT


def _other_format(content: bytes) -> str:
    formats = _OTHER_FORMATS.items()
    return next((text for start, text in formats if content.startswith(start)), "")


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
        file = open(source, encoding="utf-8-sig", newline="", closefd=is_path)  # noqa: SIM115  closed by `with` below
    except OSError as error:
        raise DataError(name_of(path), [Problem(0, "", str(error.strerror))]) from error
    with file:
        try:
            yield file
        except UnicodeDecodeError as error:
            raise DataError(name_of(path), [Problem(0, "", not_text(error.object))]) from error


def name_of(path: Path) -> str:
    """Return what messages call the file ``path``."""
    return "standard input" if path == STANDARD_INPUT else str(path)


class CaseReader:
    """Iterates over a CSV file's cases; rows with problems are left out and noted in ``problems``.

    With ``labelled``, a file without a diagnosis column, a label whose meaning is not certain and a
    doubled id are problems too, and ``targets`` holds the diagnoses read, also those of rows with
    other problems. ``labels`` is there once the first row was read.
    """

    def __init__(
        self,
        file: TextIO,
        *,
        labelled: bool,
        malignant_label: str | None = None,
        ignored: Collection[str] | None = None,
    ) -> None:
        """Read from ``file``, from its first line on; ``ignored`` are columns to leave out.

        Where the user cannot name such columns, it is None.
        """
        self.problems: list[Problem] = []
        self.targets: list[int] = []
        self.labels = LabelReader(malignant_label)
        self._malignant_label = malignant_label
        self._ignored = ignored
        self._labelled = labelled
        self._line_of_identifier: dict[str, int] = {}
        self._known_blank: set[int] = set()
        self._mark = ""
        start = _through_first_row(file)
        self._separator = _separator(start)
        self._rows = csv.reader(chain(start, file), delimiter=self._separator, strict=True)

    def __iter__(self) -> Iterator[Case]:
        """Yield each case whose row has no problem."""
        try:
            yield from self._cases()
        except csv.Error as error:
            self._note("", f"is not valid CSV: {error}")

    def _cases(self) -> Iterator[Case]:
        rows = (row for row in self._rows if any(cell.strip() for cell in row))
        first = next(rows, None)
        if first is None:
            self.problems.append(Problem(0, "", "is empty"))
            return
        first = _without_blank_end([cell.strip() for cell in first], 0)
        layout = self._layout(first)
        if layout is None:
            return
        self.labels = LabelReader(self._malignant_label, is_scikit_learn=layout.is_scikit_learn)
        for row in rows if is_header(first) else chain([first], rows):
            yield from self._case(layout, row)

    def _layout(self, first: list[str]) -> Layout | None:
        if not is_header(first):
            return layout_without_header(first, self._note, labelled=self._labelled)
        problem = _other_format(first[0].encode()) or no_table(first)
        if problem:
            self.problems.append(Problem(0, "", problem))
            return None
        return layout_of_header(
            first, self._note, labelled=self._labelled, ignored=self._ignored or ()
        )

    def _case(self, layout: Layout, row: list[str]) -> Iterator[Case]:
        line, known_problems = self._rows.line_num, len(self.problems)
        row = [cell.strip() for cell in _without_blank_end(row, layout.width)]
        if len(row) != layout.width:
            self._note("", f"has {counted(len(row))}, should have {layout.width}")
            return
        self._check_blank(layout, row)
        values = self._values(layout, row)
        identifier = None if layout.identifier is None else row[layout.identifier]
        label = None if layout.label is None else row[layout.label]
        target = None if label is None else self._target(layout, label)
        if self._labelled:
            self._check_identifier(identifier)
        if len(self.problems) == known_problems and len(values) == FEATURE_COUNT:
            yield Case(line, identifier, label, target, values)

    def _values(self, layout: Layout, row: list[str]) -> list[float]:
        """Return the values in the order of the features, less those with a problem."""
        cells = [row[place] for place in layout.features.values()]
        usual_mark = "." if self._separator == "," else ""
        read, self._mark = read_numbers(cells, self._mark, usual_mark)
        values = []
        for place, cell, value in zip(layout.features.values(), cells, read, strict=True):
            if isinstance(value, str):
                self._note(layout.columns[place], value, repr(cell))
            elif value < 0:
                self._note(layout.columns[place], "is negative", cell)
            else:
                values.append(value)
        return values

    def _check_blank(self, layout: Layout, row: list[str]) -> None:
        for place in layout.blank:
            if row[place] and place not in self._known_blank:
                self._known_blank.add(place)
                column = layout.columns[place]
                hint = "" if self._ignored is None else ", or leave it out (--ignore)"
                self._note(column, unknown(column) + hint)

    def _target(self, layout: Layout, label: str) -> int | None:
        target = self.labels.target(label)
        if isinstance(target, int):
            self.targets.append(target)
            return target
        if self._labelled and layout.label is not None:
            self._note(layout.columns[layout.label], target, repr(label))
        return None

    def _check_identifier(self, identifier: str | None) -> None:
        line = self._rows.line_num
        if identifier:
            first = self._line_of_identifier.setdefault(identifier, line)
            if first != line:
                self._note("id", "is given again", f"{identifier!r}, the id on line {first},")

    def _note(self, column: str, detail: str, cell: str = "") -> None:
        self.problems.append(Problem(self._rows.line_num, column, detail, cell))


def _without_blank_end(row: list[str], width: int) -> list[str]:
    """Take the blank cells at the end off ``row``, as far as they lie beyond ``width``.

    The widespread ``data.csv`` has a comma at the end of its header, and of no other row.
    """
    while len(row) > width and not row[-1].strip():
        row.pop()
    return row


def _through_first_row(file: TextIO) -> list[str]:
    """Return the lines of ``file`` up to the first that is not blank, or names the separator."""
    lines = [file.readline()]
    while lines[-1].isspace() or _SEPARATOR_LINE.fullmatch(lines[-1]):
        lines.append(file.readline())
    return lines


def _separator(start: list[str]) -> str:
    """Return the separator, and blank the line that names it.

    Without such a line it is a semicolon or tab where the first row has enough of them.
    """
    for number, line in enumerate(start):
        if named := _SEPARATOR_LINE.fullmatch(line):
            start[number] = "\n"
            return named[1]
    return next((mark for mark in ";\t" if start[-1].count(mark) >= FEATURE_COUNT - 1), ",")
