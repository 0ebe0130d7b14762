"""Numbers as people write them: read where there is one way to read them, and refused elsewhere."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_model.number_format import NOT_A_NUMBER, decimal_mark, is_number, read_numbers

AMBIGUOUS = "has three decimals or four and more digits; write it without grouping its digits"
COMMA_AMONG_POINTS = "has a decimal comma, where others have a decimal point"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1001", 1001), ("1001.5", 1001.5), ("0.118", 0.118), (".5", 0.5), ("5.", 5), ("1e3", 1000),
        ("1,001", 1001), ("1,001.5", 1001.5), ("1,001,000", 1001000), ("1,001.", 1001),
        ("1'001.5", 1001.5), ("1\u2019001", 1001), ("1 001.5", 1001.5), ("1\u00a0001", 1001),
        ("1\u202f001.25", 1001.25), ("-1,001", -1001), ("+17.99", 17.99), ("1.001", 1.001),
        (" 1.001e-3 ", 0.001001),
    ],
)  # fmt: skip
def test_beside_a_decimal_point(cell: str, value: float) -> None:
    assert read_numbers([cell], ".") == ([value], ".")
    assert read_numbers(["0.5", cell]).values[1] == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1001", 1001), ("1001,5", 1001.5), ("0,118", 0.118), (",5", 0.5), ("1.001", 1001),
        ("1.001,5", 1001.5), ("1.001.000", 1001000), ("1'001,5", 1001.5), ("1 001,5", 1001.5),
        ("1\u00a0001,5", 1001.5), ("1,001", 1.001), ("1,5e3", 1500),
    ],
)  # fmt: skip
def test_beside_a_decimal_comma(cell: str, value: float) -> None:
    assert read_numbers([cell], ",") == ([value], ",")
    assert read_numbers(["0,5", cell]).values[1] == value


@pytest.mark.parametrize("cell", ["1,001", "1.001", "999.999", "-12,345"])
def test_what_can_be_read_in_two_ways_is_refused_where_nothing_tells(cell: str) -> None:
    assert read_numbers([cell, "17"]) == ([AMBIGUOUS, 17], "")
    assert read_numbers([cell, "17"], usual_mark=".").values[1] == 17
    assert isinstance(read_numbers([cell], usual_mark=".").values[0], float)


def test_a_mark_that_differs_from_the_others_is_refused() -> None:
    assert read_numbers(["0.5", "17,99", "1,001"]) == ([0.5, COMMA_AMONG_POINTS, 1001], ".")
    (wrong,) = read_numbers(["1.001,5"], ".").values
    assert wrong == COMMA_AMONG_POINTS
    (wrong,) = read_numbers(["1,001.5"], ",").values
    assert wrong == "has a decimal point, where others have a decimal comma"


@pytest.mark.parametrize(
    "cell",
    ["", "x", "nan", "inf", "1_000", "1,00,000", "1.001.5", "1 2", "1 001 2", "1 0011", "0x1", "1e",
     "1,001,5", "\u0661", "1e999", "--1", "1'001'5", "."],
)  # fmt: skip
def test_what_is_no_number(cell: str) -> None:
    (wrong,) = read_numbers([cell], ".").values
    assert wrong == NOT_A_NUMBER
    assert is_number(cell) == (cell == "1e999")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_writes_comes_back_beside_a_decimal_point(value: float) -> None:
    (read,) = read_numbers([repr(value)], ".").values
    assert read == value


@given(st.text("0123456789.,' \u00a0-e", max_size=12))
def test_no_text_is_read_as_another_number(cell: str) -> None:
    """Whatever is read has the digits of the cell, in their order."""
    for mark in (".", ",", ""):
        (value,) = read_numbers([cell], mark).values
        if isinstance(value, float) and "e" not in cell:
            plain = cell.replace({".": ",", ",": "."}.get(mark, "_"), "").replace(",", ".")
            digits = "".join(c for c in plain if c in "0123456789.-")
            assert math.isclose(value, float(digits)), (cell, mark)


@pytest.mark.parametrize(
    ("cell", "mark"),
    [("17.99", "."), ("17,99", ","), ("17", ""), ("1.001", ""), ("1,001.5", "."), ("x", ""),
     ("0,001", ","), ("1 001,5", ",")],
)  # fmt: skip
def test_the_mark_that_a_cell_shows(cell: str, mark: str) -> None:
    assert decimal_mark(cell) == mark
