"""Numbers as people and spreadsheets write them, read only where their meaning is certain.

A comma or point is a decimal mark in one file and groups digits in threes in another: ``1,001`` is
1001 in English, and 1.001 in German. Which one a file means shows in cells that can be read in one
way alone, such as ``0.118``; the mark that they show holds for the whole file.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

_PLAIN = re.compile(r"[+-]?(?:\d+([.,]?)\d*|([.,])\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_GROUPED_BY_POINTS = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3})+,\d*|(?:\.\d{3}){2,})", re.ASCII)
_GROUPED_BY_COMMAS = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3})+\.\d*|(?:,\d{3}){2,})", re.ASCII)
_GROUPED_OTHERWISE = re.compile(
    r"[+-]?\d{1,3}([ '\u2019\u00a0\u2009\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d*)?", re.ASCII
)
"""By apostrophes or spaces, which are never decimal marks."""

_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
"""A number with three decimals, or one of four to six digits."""

NOT_A_NUMBER = "is not a number"
_NAMES = {".": "point", ",": "comma"}


class Numbers(NamedTuple):
    """What cells hold: each a number, or what is wrong with it; and the decimal mark of the file.

    ``mark`` is empty as long as no cell has shown it.
    """

    values: list[float | str]
    mark: str


def read_numbers(cells: Sequence[str], mark: str = "", usual_mark: str = "") -> Numbers:
    """Return the numbers in the cells of a row.

    ``mark`` is the decimal mark that the file has shown so far, and ``usual_mark`` the one to take
    as long as it has shown none.
    """
    shown = [decimal_mark(cell) for cell in cells]
    mark = mark or next(filter(None, shown), "")
    pairs = zip(map(_without_spaces, cells), shown, strict=True)
    return Numbers([_number(cell, its_mark, mark or usual_mark) for cell, its_mark in pairs], mark)


def is_number(cell: str) -> bool:
    """Return whether ``cell`` holds a number, whatever its decimal mark."""
    return any(
        form.fullmatch(_without_spaces(cell))
        for form in (_PLAIN, _GROUPED_BY_POINTS, _GROUPED_BY_COMMAS)
    )


def decimal_mark(cell: str) -> str:
    """Return the decimal mark that ``cell`` shows, or nothing."""
    cell = _without_spaces(cell)
    if _GROUPED_BY_COMMAS.fullmatch(cell):
        return "."
    if _GROUPED_BY_POINTS.fullmatch(cell):
        return ","
    plain = None if _AMBIGUOUS.fullmatch(cell) else _PLAIN.fullmatch(cell)
    return (plain[1] or plain[2] or "") if plain else ""


def _without_spaces(cell: str) -> str:
    cell = cell.strip()
    grouped = _GROUPED_OTHERWISE.fullmatch(cell)
    return cell.replace(grouped[1], "") if grouped else cell


def _number(cell: str, shown: str, mark: str) -> float | str:
    if not is_number(cell):
        return NOT_A_NUMBER
    if shown and shown != mark:
        return f"has a decimal {_NAMES[shown]}, where others have a decimal {_NAMES[mark]}"
    if not mark and _AMBIGUOUS.fullmatch(cell):
        return "has three decimals or four and more digits; write it without grouping its digits"
    group = "." if mark == "," else ","
    value = float(cell.replace(group, "").replace(mark, ".") if mark else cell)
    return value if math.isfinite(value) else NOT_A_NUMBER
