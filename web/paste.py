"""A row of a table, pasted into one field: told apart and cut into its 30 values.

``static/page.js`` does the same as soon as it is pasted; without JavaScript it happens here.
"""

import re

from bc_model.features import FEATURE_COUNT

_SEPARATORS = (r"\t", ";", ",", r"\s+")
_MOST_CELLS = FEATURE_COUNT + 2
"""UCI's line begins with an id and a diagnosis."""

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def spread(text: str) -> list[str] | None:
    """Return the 30 values of a row, in the order of the features, with a point for a comma.

    None if it has no 30 values by any separator: tab, semicolon, comma or white space. Of an id
    and a diagnosis before them nothing is kept.
    """
    rows = [_cells(text.strip(), separator) for separator in _SEPARATORS]
    fitting = [row for row in rows if FEATURE_COUNT <= len(row) <= _MOST_CELLS]
    if not fitting:
        return None
    best = max(fitting, key=lambda row: sum(bool(_NUMBER.fullmatch(cell)) for cell in row))
    return [cell.replace(",", ".") for cell in best[-FEATURE_COUNT:]]


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
