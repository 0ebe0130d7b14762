"""Reading cases: every layout comes back exactly, every problem is named where it is."""

import csv
import io
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_model.arrays import BENIGN, MALIGNANT
from bc_model.csv_cases import Case, CaseReader
from bc_model.csv_header import NOT_WDBC
from bc_model.data_problems import Problem
from bc_model.features import FEATURE_NAMES
from bc_model.labels import BLANK, UNCLEAR
from tests.tables import Row

deterministic = settings(max_examples=60)

VALUES = [0.5 + number for number in range(30)]
LAST = FEATURE_NAMES[-1]
HEADER = ["id", "diagnosis", *FEATURE_NAMES]

NO_LABELS = "has no column of diagnoses (diagnosis, target, label, class, type or outcome)"

names = st.permutations(range(30))
tables = st.lists(
    st.lists(st.floats(0, allow_nan=False, allow_infinity=False), min_size=30, max_size=30),
    min_size=1,
    max_size=4,
)
not_numbers = st.sampled_from(["", "nan", "-inf", "1e999", "1_000", "1e", "0x10", "1 2", "1 001 2"])
# Neither digits nor the letters of "inf" and "nan".
gibberish = st.text(alphabet="bcmsxyz_-+; \"'é", max_size=8)
negatives = st.floats(max_value=0, exclude_max=True, allow_infinity=False).map(str)


def as_csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def read(text: str, *, labelled: bool = False) -> tuple[list[Case], list[Problem]]:
    reader = CaseReader(io.StringIO(text, newline=""), labelled=labelled)
    return list(reader), reader.problems


def problems(rows: Sequence[Row], *, labelled: bool = True) -> list[str]:
    _, found = read(as_csv(rows), labelled=labelled)
    return [str(problem) for problem in found]


@deterministic
@given(tables, names, st.sampled_from([repr, "{:.17e}".format, " {!r} ".format]))
def test_any_table_comes_back_exactly(
    table: list[list[float]], order: list[int], written: Callable[[float], str]
) -> None:
    header = [FEATURE_NAMES[column] for column in order]
    rows = [[written(row[column]) for column in order] for row in table]
    cases, found = read(as_csv([header, *rows]))
    assert found == []
    assert [case.values for case in cases] == table
    assert [case.line for case in cases] == list(range(2, 2 + len(table)))
    assert {(case.identifier, case.label, case.target) for case in cases} == {(None, None, None)}


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("header", [True, False])
def test_what_a_spreadsheet_writes_with_decimal_commas(separator: str, header: bool) -> None:
    rows = [["id", *FEATURE_NAMES]] * header + [["7", *(str(v).replace(".", ",") for v in VALUES)]]
    if not header:
        rows[0].insert(1, "M")
    text = "\r\n".join(["", *(separator.join(row) for row in rows), ""])
    (case,), found = read(text)
    assert found == []
    assert (case.line, case.identifier, case.values) == (2 + header, "7", VALUES)


@deterministic
@given(names, st.integers(0, 2), st.integers(0, 29), st.one_of(not_numbers, gibberish))
def test_any_cell_that_is_no_number_is_reported_where_it_is(
    order: list[int], row: int, column: int, cell: str
) -> None:
    table: list[list[object]] = [list(VALUES) for _ in range(3)]
    table[row][column] = cell
    header = [FEATURE_NAMES[number] for number in order]
    cases, found = read(as_csv([header, *table]))
    assert found == [Problem(2 + row, header[column], "is not a number", repr(cell.strip()))]
    assert [case.line for case in cases] == [line for line in (2, 3, 4) if line != 2 + row]


@deterministic
@given(st.integers(0, 2), st.integers(0, 29), negatives)
def test_any_negative_cell_is_reported_where_it_is(row: int, column: int, cell: str) -> None:
    table: list[list[object]] = [[7, "M", *VALUES], [8, "B", *VALUES], [9, "B", *VALUES]]
    table[row][2 + column] = cell
    _, found = read(as_csv(table), labelled=True)
    assert found == [Problem(1 + row, FEATURE_NAMES[column], "is negative", cell)]


@pytest.mark.parametrize(
    ("rows", "identifier", "target"),
    [
        pytest.param([["842302", "M", *VALUES]], "842302", MALIGNANT, id="wdbc.data"),
        pytest.param([["x", "benign", *VALUES]], "x", BENIGN, id="wdbc.data, in words"),
        pytest.param([HEADER, [" 7 ", " b ", *VALUES]], "7", BENIGN, id="header"),
        pytest.param([["Target", *FEATURE_NAMES], [0, *VALUES]], None, MALIGNANT, id="target 0"),
        pytest.param([["target", *FEATURE_NAMES], ["1", *VALUES]], None, BENIGN, id="target 1"),
        pytest.param([["target", *FEATURE_NAMES], ["M", *VALUES]], None, MALIGNANT, id="target M"),
        pytest.param([["", *HEADER], [0, 7, "B", *VALUES]], "7", BENIGN, id="index column"),
        pytest.param([[], [], HEADER, [""], [7, "B", *VALUES], []], "7", BENIGN, id="blank lines"),
        pytest.param([[*HEADER, ""], [7, "B", *VALUES]], "7", BENIGN, id="comma after the header"),
        pytest.param([HEADER, [7, "B", *VALUES, ""]], "7", BENIGN, id="comma after the row"),
        pytest.param([[*HEADER, ""], [7, "B", *VALUES, " "]], "7", BENIGN, id="comma after both"),
    ],
)
def test_labelled_layouts(rows: list[Row], identifier: str | None, target: int) -> None:
    (case,), found = read(as_csv(rows), labelled=True)
    assert found == []
    assert (case.identifier, case.target, case.values) == (identifier, target, VALUES)


@pytest.mark.parametrize(
    ("rows", "identifier", "label"),
    [
        pytest.param([VALUES], None, None, id="values alone"),
        pytest.param([FEATURE_NAMES, VALUES], None, None, id="header"),
        pytest.param([["ID", *FEATURE_NAMES], ["a 1", *VALUES]], "a 1", None, id="id"),
        pytest.param([[1, "?", *VALUES]], "1", "?", id="an unknown diagnosis"),
        pytest.param([["Class", *FEATURE_NAMES], [1, *VALUES]], None, "1", id="an unclear one"),
    ],
)
def test_layouts_without_a_certain_diagnosis(
    rows: list[Row], identifier: str | None, label: str | None
) -> None:
    (case,), found = read(as_csv(rows))
    assert found == []
    assert case[1:] == (identifier, label, None, VALUES)


def test_quoted_cells_and_lines() -> None:
    text = '"' + '","'.join(HEADER) + '"\r\n"a\nb",M,' + ",".join(map(repr, VALUES)) + "\r\n"
    (case,), found = read(text, labelled=True)
    assert found == []
    assert case == Case(3, "a\nb", "M", MALIGNANT, VALUES)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(
            HEADER[:-1], [f"line 1, column {LAST!r}: is missing from the header"], id="missing"
        ),
        pytest.param(HEADER[:1] + HEADER[2:], [f"line 1: {NO_LABELS}"], id="unlabelled"),
        pytest.param([*HEADER, "radius1"], ["line 1, column 'radius1': is twice in the header"]),
        pytest.param([*HEADER, "ID"], ["line 1, column 'ID': is twice in the header"]),
        pytest.param(
            [*HEADER, "target"],
            ["line 1, column 'target': stands beside 'diagnosis'; leave one of them out"],
        ),
        pytest.param(
            ["age", "ID", "id", *FEATURE_NAMES[:-1]],
            [
                "line 1, column 'id': is twice in the header",
                f"line 1, column {LAST!r}: is missing from the header",
                f"line 1: {NO_LABELS}",
            ],
            id="all of it",
        ),
    ],
)
def test_problems_of_the_header(header: list[str], expected: list[str]) -> None:
    assert problems([header]) == expected


@pytest.mark.parametrize(
    ("column", "meant"),
    [("age", ""), ("radius", ""), ("raduis_mean", " (is 'mean radius' meant?)")],
)
def test_a_column_that_is_not_known_may_be_blank_and_is_named_once(column: str, meant: str) -> None:
    header = [*HEADER, column]
    assert problems([header, [1, "M", *VALUES, ""], [2, "B", *VALUES, " "]]) == []
    assert problems(
        [header, [1, "M", *VALUES, ""], [2, "B", *VALUES, 7], [3, "B", *VALUES, 8]]
    ) == [f"line 3, column {column!r}: is not a known column{meant}; remove it"]


def test_columns_are_left_out_on_request() -> None:
    text = as_csv([[*HEADER, "Age", "target"], [1, "M", *VALUES, 7, 1]])
    reader = CaseReader(io.StringIO(text), labelled=True, ignored=["age", "TARGET"])
    assert [case.values for case in reader] == [VALUES]
    assert reader.problems == []
    reader = CaseReader(io.StringIO(text), labelled=True, ignored=["target", "stage"])
    assert list(reader) == []
    assert [str(problem) for problem in reader.problems] == [
        "line 1, column 'stage': is not in the header, so it cannot be ignored",
        "line 2, column 'Age': is not a known column; remove it, or leave it out (--ignore)",
    ]


@pytest.mark.parametrize("index", ["", "X", "Unnamed: 0", "index"])
def test_the_index_in_front_is_left_out(index: str) -> None:
    assert problems([[index, *HEADER], ["row 1", 1, "M", *VALUES]]) == []


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("index", [[], [""]])
@pytest.mark.parametrize("before", [[], ["842302", "M"]])
def test_a_header_of_numbers_counts_the_columns(
    start: int, index: list[str], before: list[str]
) -> None:
    numbers = list(range(start, start + len(before) + 30))
    rows = [[*index, *numbers], [*([0] * len(index)), *before, *VALUES]]
    (case,), found = read(as_csv(rows))
    assert found == []
    assert (case.line, case.values, case.label) == (2, VALUES, before[1] if before else None)
    assert (case.identifier, case.target) == (("842302", MALIGNANT) if before else (None, None))


def test_excel_names_the_separator_in_a_line_of_its_own() -> None:
    text = "sep=|\r\n" + "|".join(FEATURE_NAMES) + "\r\n" + "|".join(map(str, VALUES)) + "\r\n"
    (case,), found = read(text)
    assert found == []
    assert (case.line, case.values) == (3, VALUES)


def test_the_decimal_mark_of_the_first_row_holds_for_the_file() -> None:
    commas = [str(value).replace(".", ",") for value in VALUES]
    rows = [list(FEATURE_NAMES), commas, ["1.001", *commas[1:]], ["0.5", *commas[1:]]]
    cases, found = read("\n".join("\t".join(row) for row in rows))
    assert [case.values[0] for case in cases] == [0.5, 1001]
    assert [str(problem) for problem in found] == [
        "line 4, column 'mean radius': '0.5' has a decimal point, where others have a decimal comma"
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1, "M", *VALUES[1:]], ["line 2: has 31 cells, should have 32"]),
        ([1, "M", *VALUES, 1], ["line 2: has 33 cells, should have 32"]),
        (
            [1, "0", *VALUES],
            [f"line 2, column 'diagnosis': '0' {UNCLEAR}"],
        ),
        (
            [1, "", "?", -1, *VALUES[:-3], ""],
            [
                "line 2, column 'mean radius': '?' is not a number",
                "line 2, column 'mean texture': -1 is negative",
                f"line 2, column {LAST!r}: '' is not a number",
                f"line 2, column 'diagnosis': '' {BLANK}",
            ],
        ),
    ],
)
def test_problems_of_a_row(row: Row, expected: list[str]) -> None:
    assert problems([HEADER, row]) == expected


def test_rows_are_searched_also_where_the_diagnosis_is_missing() -> None:
    assert problems([FEATURE_NAMES, VALUES, ["x", *VALUES[1:]]]) == [
        f"line 1: {NO_LABELS}",
        "line 3, column 'mean radius': 'x' is not a number",
    ]


def test_problems_are_named_by_the_columns_own_header() -> None:
    header = [f"{name}_mean" if name == "radius" else name for name in ("radius", *HEADER[:2])]
    header += FEATURE_NAMES[1:]
    assert problems([header, ["x", 1, "M", *VALUES[1:]]]) == [
        "line 2, column 'radius_mean': 'x' is not a number"
    ]


def test_every_problem_of_a_file_is_found_at_once() -> None:
    rows: list[Row] = [
        [*HEADER[:-1], "age"],
        [1, "M", "x", *VALUES[1:]],
        [1, "M", *VALUES],
        [2, "?", *VALUES],
        [3],
        [2, "B", -3, *VALUES[1:]],
    ]
    assert problems(rows) == [
        f"line 1, column {LAST!r}: is missing from the header",
        "line 2, column 'age': is not a known column; remove it",
        "line 2, column 'mean radius': 'x' is not a number",
        "line 3, column 'id': '1', the id on line 2, is given again",
        f"line 4, column 'diagnosis': '?' {UNCLEAR}",
        "line 5: has 1 cell, should have 32",
        "line 6, column 'mean radius': -3 is negative",
        "line 6, column 'id': '2', the id on line 4, is given again",
    ]


def test_doubled_and_blank_ids_matter_only_for_training() -> None:
    doubled = as_csv([[7, "M", *VALUES], [7, "M", *VALUES]])
    assert read(doubled)[1] == []
    assert [str(problem) for problem in read(doubled, labelled=True)[1]] == [
        "line 2, column 'id': '7', the id on line 1, is given again"
    ]
    assert read(as_csv([["", "M", *VALUES], ["", "M", *VALUES]]), labelled=True)[1] == []


def test_diagnoses_are_known_also_of_rows_with_other_problems() -> None:
    text = as_csv([[1, "M", *VALUES], [2, "B", "x", *VALUES[1:]], [3, "?", *VALUES]])
    reader = CaseReader(io.StringIO(text), labelled=True)
    assert [case.line for case in reader] == [1]
    assert reader.targets == [MALIGNANT, BENIGN]


@pytest.mark.parametrize(
    ("text", "labelled", "expected"),
    [
        pytest.param("", False, ["is empty"], id="empty"),
        pytest.param("\n , ,\n\n", False, ["is empty"], id="blank"),
        pytest.param(
            "1,2,3\n",
            False,
            [
                "line 1: has 3 cells; without a header row, needs "
                "32 cells (id, M or B, 30 values) or 30 values"
            ],
            id="cell count",
        ),
        pytest.param(
            as_csv([[0, *VALUES, 1], [1, *VALUES, 0]]),
            False,
            [f"line 1: {NOT_WDBC}"],
            id="a number on each side of the values",
        ),
        pytest.param(
            as_csv([VALUES]),
            True,
            ["line 1: has 30 cells; without a header row, needs 32 cells (id, M or B, 30 values)"],
            id="values alone, to train on",
        ),
        pytest.param(
            as_csv([[1, "M", *VALUES]]) + '2,"M"x,1\n',
            True,
            ["""line 2: is not valid CSV: ',' expected after '"'"""],
            id="broken quoting",
        ),
        pytest.param(
            as_csv([[1, "M", *VALUES], [2, "M", "x", *VALUES[1:]]]) + '3,"M',
            True,
            [
                "line 2, column 'mean radius': 'x' is not a number",
                "line 3: is not valid CSV: unexpected end of data",
            ],
            id="unfinished quoting",
        ),
    ],
)
def test_problems_of_a_file(text: str, labelled: bool, expected: list[str]) -> None:
    assert [str(problem) for problem in read(text, labelled=labelled)[1]] == expected


def test_a_text_without_any_known_column_is_not_searched_further() -> None:
    for labelled in (True, False):
        rows = [["never", "mind"], ["the", "rest"]]
        assert problems(rows, labelled=labelled) == [
            "has none of the thirty names in its first row, which holds 'never', 'mind'; "
            "a column is called like 'mean radius', 'radius_mean' or 'radius1'"
        ]
