"""Pasted rows: whatever separates the values, they come back in order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import MALIGNANT
from web.paste import count, spread

POINTS = [f"{value:.10g}" for value in MALIGNANT]
COMMAS = [text.replace(".", ",") for text in POINTS]

ROWS = {
    "commas": ",".join(POINTS),
    "commas and spaces": ", ".join(POINTS),
    "semicolons": ";".join(POINTS),
    "semicolons, decimal commas": "; ".join(COMMAS),
    "a spreadsheet": "\t".join(POINTS) + "\n",
    "a spreadsheet, decimal commas": "\t".join(COMMAS) + "\r\n",
    "a column": "\n".join(POINTS),
    "a column, decimal commas": "\n".join(COMMAS),
    "spaces": "  ".join(COMMAS),
    "UCI's line": "842302,M," + ",".join(POINTS),
    "an id": "P-7;" + ";".join(COMMAS),
    "a comma at the end": "842302,M," + ",".join(POINTS) + ",",
    "quotes": ",".join(f'"{text}"' for text in POINTS),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_is_spread(row: str) -> None:
    assert spread(row) == POINTS


def test_a_wrong_value_stays_for_the_form_to_name() -> None:
    assert spread(",".join(["n/a", *POINTS[1:]])) == ["n/a", *POINTS[1:]]


@pytest.mark.parametrize(
    ("text", "values"),
    [("", 1), ("17.99", 1), ("17,99", 2), ("1.234,5", 2), ("1 2 3", 3), ("1;2;3;4", 4)],
)
def test_what_is_no_row_is_counted(text: str, values: int) -> None:
    assert spread(text) is None
    assert count(text) == values


@pytest.mark.parametrize("length", [29, 33, 60])
def test_a_row_of_another_length_is_refused(length: int) -> None:
    text = ";".join((POINTS * 2)[:length])
    assert spread(text) is None
    assert count(text) == length


@settings(derandomize=True, deadline=None)
@given(st.text())
def test_any_text_is_spread_or_not(text: str) -> None:
    values = spread(text)
    assert values is None or len(values) == 30
