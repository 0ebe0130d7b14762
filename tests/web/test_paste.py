"""Pasted text: whatever separates the values, they come back in order, or it is said why not."""

import json

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_model.classifier import Classifier
from bc_model.features import FEATURE_NAMES
from tests.cases import MALIGNANT, MALIGNANT_BY_NAME
from web.paste import Pasted, count, read_paste
from web.requests import JsonCaseReader

POINTS = [f"{value:.10g}" for value in MALIGNANT]
COMMAS = [text.replace(".", ",") for text in POINTS]
HEADER = ",".join(["id", *FEATURE_NAMES])

ROWS = {
    "commas": ",".join(POINTS),
    "commas and spaces": ", ".join(POINTS),
    "semicolons": ";".join(POINTS),
    "semicolons, decimal commas": "; ".join(COMMAS),
    "a spreadsheet": "\t".join(POINTS) + "\n",
    "a spreadsheet, decimal commas": "\t".join(COMMAS) + "\r\n",
    "a spreadsheet, grouped digits": "\t".join(f"{value:,}" for value in MALIGNANT),
    "a column": "\n".join(POINTS),
    "a column, decimal commas": "\n".join(COMMAS),
    "spaces": "  ".join(COMMAS),
    "UCI's line": "842302,M," + ",".join(POINTS),
    "an id": "P-7;" + ";".join(COMMAS),
    "a comma at the end": "842302,M," + ",".join(POINTS) + ",",
    "quotes": ",".join(f'"{text}"' for text in POINTS),
    "Python's list": str(list(MALIGNANT)),
    "Python's list of text": str(POINTS),
    "NumPy": "[" + " ".join(f"{value:.6e}" for value in MALIGNANT) + "]",
    "NumPy's array": f"array([{', '.join(POINTS)}])",
    "R": f"c({', '.join(POINTS)})",
    "half a list": "[" + ", ".join(POINTS),
    "the body of /predict": json.dumps({"features": MALIGNANT}),
    "the body of /predict, by name": json.dumps({"features": MALIGNANT_BY_NAME}),
    "an object": json.dumps(MALIGNANT_BY_NAME),
    "a header and its row": f"{HEADER}\n7,{','.join(POINTS)}",
    "a header and its row of a spreadsheet": "\t".join(FEATURE_NAMES) + "\n" + "\t".join(COMMAS),
    "instances": json.dumps({"instances": [MALIGNANT]}),
}


@pytest.fixture(scope="module")
def json_cases(classifier: Classifier) -> JsonCaseReader:
    return JsonCaseReader(classifier.manifest.features)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_is_spread(json_cases: JsonCaseReader, row: str) -> None:
    found = read_paste(row, json_cases)
    assert found.values == POINTS
    assert found.note.startswith("30 values filled in from the pasted row")


def test_a_wrong_value_stays_for_the_form_to_name(json_cases: JsonCaseReader) -> None:
    found = read_paste(",".join(["n/a", *POINTS[1:]]), json_cases)
    assert found.values == ["n/a", *POINTS[1:]]
    assert found.note == "29 of 30 values filled in from the pasted row."


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", 0), ("17.99", 1), ("17,99", 1), ("1.234,5", 1), ("1 2 3", 3), ("1;2;3;4", 4),
        ("[17.99", 1), ('{"features": [17.99', 1), ("a,b,c", 0),
    ],
)  # fmt: skip
def test_only_numbers_are_counted(json_cases: JsonCaseReader, text: str, values: int) -> None:
    assert read_paste(text, json_cases).values == []
    assert count(text) == values


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "\n"])
@pytest.mark.parametrize(
    "row",
    [[*POINTS, "0"], ["842302", *POINTS], ["842302", "0", *POINTS], ["7", *POINTS, "1"]],
    ids=["a target behind", "a number before", "two numbers before", "one on each side"],
)
def test_a_row_with_a_number_too_many_is_not_guessed_at(
    json_cases: JsonCaseReader, row: list[str], separator: str
) -> None:
    text = separator.join(row)
    assert read_paste(text, json_cases).values == []
    assert count(text) == len(row)


@pytest.mark.parametrize(
    ("before", "label", "note"),
    [
        ([], "", "30 values filled in from the pasted row."),
        (["P-7"], "P-7", "30 values filled in from the pasted row; case P-7."),
        (["M"], "", "30 values filled in from the pasted row; left out: M."),
        (
            ["842302", "M"],
            "842302",
            "30 values filled in from the pasted row; case 842302; left out: M.",
        ),
    ],
)
def test_the_id_becomes_the_case_and_what_was_left_out_is_said(
    json_cases: JsonCaseReader, before: list[str], label: str, note: str
) -> None:
    found = read_paste(",".join([*before, *POINTS]), json_cases)
    assert found == Pasted(note, POINTS, label, cases=1)


def test_blank_cells_are_not_counted_as_values(json_cases: JsonCaseReader) -> None:
    found = read_paste("\t".join([POINTS[0], "", *POINTS[2:]]), json_cases)
    assert found.note == "29 of 30 values filled in from the pasted row."


@pytest.mark.parametrize("length", [29, 33, 60])
def test_a_row_of_another_length_is_refused(json_cases: JsonCaseReader, length: int) -> None:
    text = ";".join((POINTS * 2)[:length])
    found = read_paste(text, json_cases)
    assert found.values == []
    assert found.note.startswith(f"What was pasted holds {length} values; a row has 30 values")
    assert found.note.endswith("Nothing was changed.")


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(",".join(map(str, case)) for case in (MALIGNANT, MALIGNANT)),
        "\n".join([HEADER, *(f"{n}," + ",".join(map(str, MALIGNANT)) for n in (1, 2))]),
        json.dumps({"instances": [MALIGNANT, MALIGNANT_BY_NAME]}),
        json.dumps([MALIGNANT, MALIGNANT]),
    ],
    ids=["rows", "a header and rows", "instances", "a list of lists"],
)
def test_several_cases_are_for_the_page_of_many(
    client: httpx2.Client, json_cases: JsonCaseReader, text: str
) -> None:
    found = read_paste(text, json_cases)
    assert (found.values, found.cases) == ([], 2)
    assert found.note == "2 cases were pasted. The fields take one; nothing was changed."
    shown = client.post("/batch", files={"cases": (None, found.table)})
    assert "<title>2 results: " in shown.raise_for_status().text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"features": [17.99', "The body is not JSON"),
        ('{"features": [17.99]}', "has 1 numbers, needs 30"),
        ('{"mean radius": 17.99}', "is missing"),
        ("{}", "is missing"),
        ("[]", "has 0 numbers, needs 30"),
        (f"{HEADER}\n1,2,3", "line 2: has 3 cells, should have 31"),
        (f"{HEADER}\n\n", "holds 0 values"),
        ("some\ntext", "has none of the thirty names"),
    ],
)
def test_what_cannot_be_read_is_said(json_cases: JsonCaseReader, text: str, reason: str) -> None:
    found = read_paste(text, json_cases)
    assert found.values == []
    assert found.note.endswith("Nothing was changed.")
    assert reason in found.note


def test_the_page_s_script_asks_the_service(client: httpx2.Client) -> None:
    headers = {"Content-Type": "text/plain;charset=UTF-8"}
    found = client.post("/paste", content=f"P-7,{','.join(POINTS)}", headers=headers).json()
    assert found == {
        "note": "30 values filled in from the pasted row; case P-7.",
        "values": POINTS,
        "label": "P-7",
        "cases": 1,
        "table": "",
    }
    assert client.post("/paste", json={}).status_code == 415


@given(st.text())
def test_any_text_is_spread_or_not(json_cases: JsonCaseReader, text: str) -> None:
    assert len(read_paste(text, json_cases).values) in (0, 30)
