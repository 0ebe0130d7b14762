"""A row of a table, pasted into one field: told apart and cut into its 30 values.

``static/case.js`` does the same as soon as it is pasted; without JavaScript it happens here.
"""

import re
from typing import NamedTuple

from bc_model.features import FEATURE_COUNT

_SEPARATORS = (r"\t", ";", ",", r"\s+")
_MOST_BEFORE = 2
"""UCI's line begins with an id and a diagnosis."""

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


ROW = (
    f"{FEATURE_COUNT} values, nothing behind them, "
    "and before them at most an id and a diagnosis (M or B)"
)


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
