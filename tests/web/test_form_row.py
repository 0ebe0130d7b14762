"""Pasted rows: whatever separates the values, they come back in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cases import MALIGNANT
from web.form import Row, count, spread

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
    found = spread(row)
    assert found is not None
    assert found.values == POINTS


def test_a_wrong_value_stays_for_the_form_to_name() -> None:
    found = spread(",".join(["n/a", *POINTS[1:]]))
    assert found == Row(["n/a", *POINTS[1:]], [])


@pytest.mark.parametrize(
    ("text", "values"),
    [("", 1), ("17.99", 1), ("17,99", 2), ("1.234,5", 2), ("1 2 3", 3), ("1;2;3;4", 4)],
)
def test_what_is_no_row_is_counted(text: str, values: int) -> None:
    assert spread(text) is None
    assert count(text) == values


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "\n"])
@pytest.mark.parametrize(
    "row",
    [[*POINTS, "0"], ["842302", *POINTS], ["842302", "0", *POINTS], ["7", *POINTS, "1"]],
    ids=["a target behind", "a number before", "two numbers before", "one on each side"],
)
def test_a_row_with_a_number_too_many_is_not_guessed_at(row: list[str], separator: str) -> None:
    text = separator.join(row)
    assert spread(text) is None
    assert count(text) == len(row)


@pytest.mark.parametrize(
    ("before", "note"),
    [
        ([], "30 values filled in from the pasted row."),
        (["P-7"], "30 values filled in from the pasted row; left out: P-7."),
        (["842302", "M"], "30 values filled in from the pasted row; left out: 842302, M."),
    ],
)
def test_what_was_left_out_is_said(before: list[str], note: str) -> None:
    found = spread(",".join([*before, *POINTS]))
    assert found is not None
    assert found.dropped == before
    assert found.note == note


def test_blank_cells_are_not_counted_as_values() -> None:
    found = spread("\t".join([POINTS[0], "", *POINTS[2:]]))
    assert found is not None
    assert found.note == "29 of 30 values filled in from the pasted row."


@pytest.mark.parametrize("length", [29, 33, 60])
def test_a_row_of_another_length_is_refused(length: int) -> None:
    text = ";".join((POINTS * 2)[:length])
    assert spread(text) is None
    assert count(text) == length


@given(st.text())
def test_any_text_is_spread_or_not(text: str) -> None:
    row = spread(text)
    assert row is None or len(row.values) == 30
