"""The labelled cases: the same from every layout, and refused with every reason."""

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from bc_model.arrays import BENIGN, MALIGNANT
from bc_model.csv_header import no_table
from bc_model.data_problems import DataError
from bc_model.dataset import BUNDLED, MINIMUM_PER_CLASS, Dataset, load_dataset
from bc_model.features import FEATURE_NAMES
from bc_model.labels import UNCLEAR
from tests.tables import Row, labelled_rows, write_rows

UCI = [
    f"{name}{number}"
    for number in (1, 2, 3)
    for name in (
        "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
        "concave_points", "symmetry", "fractal_dimension",
    )
]  # fmt: skip
KAGGLE = [
    name.replace("3", "_worst").replace("2", "_se").replace("1", "_mean").replace("ve_p", "ve p")
    for name in UCI
]


def problems(path: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    assert str(caught.value).splitlines()[0].startswith(f"{path}: ")
    return [str(problem) for problem in caught.value.problems]


def test_the_bundled_cases_are_those_of_scikit_learn(dataset: Dataset) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    np.testing.assert_array_equal(dataset.X, X)
    np.testing.assert_array_equal(dataset.y, y)
    assert dataset.source == BUNDLED
    assert load_breast_cancer().target_names.tolist()[MALIGNANT] == "malignant"
    assert load_breast_cancer().target_names.tolist()[BENIGN] == "benign"


def wdbc(rows: list[list[object]]) -> list[Row]:
    return [[number, *row] for number, row in enumerate(rows[1:])]


def with_header(header: list[str]) -> Callable[[list[list[object]]], list[Row]]:
    return lambda rows: [header, *wdbc(rows)]


def backwards(rows: list[list[object]]) -> list[Row]:
    return [row[::-1] for row in rows]


def targets(rows: list[list[object]]) -> list[Row]:
    return [["target", *FEATURE_NAMES], *([int(row[0] == "B"), *row[1:]] for row in rows[1:])]


def index_and_blank_lines(rows: list[list[object]]) -> list[Row]:
    return [line for number, row in enumerate(rows) for line in ([number or "", *row], [])]


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(wdbc, id="wdbc.data"),
        pytest.param(with_header(["id", "diagnosis", *FEATURE_NAMES]), id="scikit-learn"),
        pytest.param(with_header(["ID", "Diagnosis", *UCI]), id="UCI"),
        pytest.param(with_header(["id", "diagnosis", *KAGGLE, ""]), id="Kaggle"),
        pytest.param(backwards, id="other order"),
        pytest.param(targets, id="target 0 and 1"),
        pytest.param(index_and_blank_lines, id="index and blank lines"),
    ],
)
def test_every_layout_gives_exactly_the_bundled_cases(
    dataset: Dataset, tmp_path: Path, layout: Callable[[list[list[object]]], list[Row]]
) -> None:
    read = load_dataset(write_rows(tmp_path / "cases.csv", layout(labelled_rows(dataset))))
    np.testing.assert_array_equal(read.X, dataset.X)
    np.testing.assert_array_equal(read.y, dataset.y)
    assert read.sha256 == dataset.sha256
    assert read.source == "cases.csv"


@pytest.mark.parametrize(
    ("encoding", "quoting", "line_end"),
    [("utf-8-sig", csv.QUOTE_ALL, "\r\n"), ("utf-8", csv.QUOTE_NONNUMERIC, "\n")],
)
def test_byte_order_mark_quotes_and_line_ends(
    small: Dataset, tmp_path: Path, encoding: str, quoting: Literal[1, 2], line_end: str
) -> None:
    path = tmp_path / "cases.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, quoting=quoting, lineterminator=line_end)
        writer.writerows(labelled_rows(small))
    assert load_dataset(path).sha256 == small.sha256


def test_the_hash_is_of_values_and_labels_alone(small: Dataset) -> None:
    def altered(**changes: object) -> str:
        return dataclasses.replace(small, **changes).sha256  # type: ignore[arg-type]

    X, y = small.X.copy(), small.y.copy()
    X[3, 4] = np.nextafter(X[3, 4], 2)
    y[5] = 1 - y[5]
    assert altered(source="other") == small.sha256
    assert altered(X=small.X.astype(">f8"), y=small.y.astype(np.int32)) == small.sha256
    assert len({small.sha256, altered(X=X), altered(y=y), altered(X=small.X[::-1])}) == 4


def test_every_problem_of_every_row_is_listed_at_once(small: Dataset, tmp_path: Path) -> None:
    rows = labelled_rows(small)[:31]
    rows[3][1], rows[3][30], rows[7][0], rows[9][5] = "1_000", "nan", "X", -2
    rows[11] = rows[11][:-1]
    assert problems(write_rows(tmp_path / "cases.csv", rows)) == [
        "line 4, column 'mean radius': '1_000' is not a number",
        "line 4, column 'worst fractal dimension': 'nan' is not a number",
        f"line 8, column 'diagnosis': 'X' {UNCLEAR}",
        "line 10, column 'mean smoothness': -2 is negative",
        "line 12: has 30 cells, should have 31",
        "has 14 malignant cases; at least 16 are needed",
        "has 14 benign cases; at least 16 are needed",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", ["is empty"], id="empty"),
        pytest.param(b"\xff\xfea\x00", ["is UTF-16 text; save it as CSV in UTF-8"], id="not UTF-8"),
        pytest.param(b"radius\n", [no_table(["radius"])], id="another table"),
    ],
)
def test_files_that_hold_no_cases(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes(content)
    assert sorted(problems(path)) == sorted(expected)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    assert problems(tmp_path / "cases.csv") == ["No such file or directory"]
    assert problems(tmp_path) == ["Is a directory"]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        pytest.param(
            slice(0, MINIMUM_PER_CLASS),
            ["has 0 malignant cases; at least 16 are needed"],
            id="one class",
        ),
        pytest.param(
            slice(-1, None), ["has 15 benign cases; at least 16 are needed"], id="too few"
        ),
        pytest.param(
            slice(0, None),
            [
                "has 0 malignant cases; at least 16 are needed",
                "has 0 benign cases; at least 16 are needed",
            ],
            id="header alone",
        ),
    ],
)
def test_too_few_cases(small: Dataset, tmp_path: Path, missing: slice, expected: list[str]) -> None:
    header, *rows = labelled_rows(small)
    del rows[missing]
    assert problems(write_rows(tmp_path / "cases.csv", [header, *rows])) == expected


def test_a_constant_column_tells_nothing(small: Dataset, tmp_path: Path) -> None:
    rows = labelled_rows(small)
    for row in rows[1:]:
        row[3], row[8] = 7.5, 0
    assert problems(write_rows(tmp_path / "cases.csv", rows)) == [
        "column 'mean perimeter': is 7.5 in every case",
        "column 'mean concave points': is 0 in two fifths of the cases or more",
    ]


@pytest.mark.parametrize("count", range(32, 37))
def test_zeros_are_taken_while_no_training_fold_can_have_a_median_of_0(
    dataset: Dataset, tmp_path: Path, count: int
) -> None:
    mixed = np.concatenate([np.flatnonzero(dataset.y == target)[:18] for target in (0, 1)])
    rows = labelled_rows(Dataset(dataset.X[mixed], dataset.y[mixed], ""))
    del rows[1 : 1 + (36 - count) // 2], rows[len(rows) - (37 - count) // 2 :]
    assert len(rows) == 1 + count
    path, zeros = tmp_path / "cases.csv", 0
    while True:
        rows[1 + zeros][7], zeros = 0, zeros + 1
        write_rows(path, rows)
        if 5 * zeros >= 2 * count:
            break
        column = np.sort(load_dataset(path).X[:, 6])
        assert np.median(column[: count * 4 // 5]) > 0
    assert problems(path) == ["column 'mean concavity': is 0 in two fifths of the cases or more"]


def test_the_problems_read_well_as_one_message(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "cases.csv", [["id", "diagnosis", *FEATURE_NAMES], [1, "M"]])
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    assert str(caught.value) == f"{path}: 1 problem\n  line 2: has 2 cells, should have 32"


def kaggle_names_and_numbers(dataset: Dataset, malignant: object, benign: object) -> list[Row]:
    label = {MALIGNANT: malignant, BENIGN: benign}
    rows = zip(dataset.y.tolist(), dataset.X.tolist(), strict=True)
    return [["target", *KAGGLE], *([label[target], *x] for target, x in rows)]


@pytest.mark.parametrize(("malignant", "benign"), [(1, 0), (0, 1), ("1.0", "0.0"), (4, 2)])
def test_numbers_mean_nothing_until_it_is_said_which_is_malignant(
    small: Dataset, tmp_path: Path, malignant: object, benign: object
) -> None:
    rows = kaggle_names_and_numbers(small, malignant, benign)
    path = write_rows(tmp_path / "cases.csv", rows)
    with pytest.raises(DataError, match="--malignant-label") as caught:
        load_dataset(path)
    assert len(str(caught.value).splitlines()) == 2
    read = load_dataset(path, str(malignant))
    assert read.sha256 == small.sha256
    count = int((small.y == MALIGNANT).sum())
    assert read.reading == (
        f"cases.csv: {count} cases labelled {malignant} are read as malignant, "
        f"{len(small.y) - count} cases labelled {benign} are read as benign"
    )


@pytest.mark.parametrize("words", [True, False])
def test_labels_that_contradict_the_sizes_are_refused_unless_insisted_on(
    small: Dataset, tmp_path: Path, words: bool
) -> None:
    malignant, benign = ("B", "M") if words else ("0", "1")
    path = write_rows(tmp_path / "cases.csv", kaggle_names_and_numbers(small, malignant, benign))
    said = None if words else benign
    with pytest.raises(DataError, match="the labels seem to be reversed") as caught:
        load_dataset(path, said)
    assert "--trust-labels" in str(caught.value)
    reversed_labels = load_dataset(path, said, trust_labels=True)
    np.testing.assert_array_equal(reversed_labels.y, 1 - small.y)


@pytest.mark.parametrize("label", ["type", "Outcome", "Class", "y", "diagnosis_result", "label"])
def test_other_names_of_the_diagnosis(small: Dataset, tmp_path: Path, label: str) -> None:
    header, *rows = labelled_rows(small)
    path = write_rows(tmp_path / "cases.csv", [[label, *header[1:]], *rows])
    assert load_dataset(path).sha256 == small.sha256


def test_a_file_without_diagnoses_says_so(small: Dataset, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "cases.csv", [row[1:] for row in labelled_rows(small)])
    assert problems(path) == [
        "line 1: has no column of diagnoses (diagnosis, target, label, class, type or outcome)"
    ]


def test_grouped_digits_come_back_exactly(small: Dataset, tmp_path: Path) -> None:
    header, *rows = labelled_rows(small)
    grouped = [[row[0], *(f"{value:,}" for value in row[1:])] for row in rows]
    path = tmp_path / "cases.tsv"
    lines = ["\t".join(map(str, row)) for row in [header, *grouped]]
    assert any("," in line for line in lines[1:])
    path.write_text("\n".join(lines))
    assert load_dataset(path).sha256 == small.sha256
    german = [line.translate({ord("."): ",", ord(","): "."}) for line in lines]
    path.write_text("\n".join(german))
    assert load_dataset(path).sha256 == small.sha256
