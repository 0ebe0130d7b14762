"""A CSV of cases in, a CSV of answers out; nothing at all when a case is bad."""

import csv
import os
import tempfile
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bc_model.answer_table import COLUMNS, INTENDED_USE, harmless, rounded
from bc_model.classifier import NO_BASIS, Classifier
from bc_model.data_problems import DataError
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from bc_model.metrics import wilson
from bc_model.predict_csv import CHUNK, predict_csv
from bc_model.predictor import ModelArrays
from tests.tables import write_rows

Rows = list[dict[str, str]]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def table(dataset: Dataset, path: Path) -> Path:
    return write_rows(path, [FEATURE_NAMES, *dataset.X.tolist()])


def test_the_answers_are_the_classifiers(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    output = tmp_path / "answers.csv"
    predict_csv(table(dataset, tmp_path / "cases.csv"), output, classifier)
    rows = read(output)
    assert tuple(rows[0]) == COLUMNS
    for number, (row, answer) in enumerate(
        zip(rows, classifier.answers(dataset.X), strict=True), start=1
    ):
        low, high = answer.interval_malignant
        support = wilson(answer.support / 100 * 455, 455)
        warnings = "; ".join(f"{caution.feature}: {caution.detail}" for caution in answer.warnings)
        assert row == {
            "id": str(number),
            "given_diagnosis": "",
            "verdict": answer.verdict,
            "reasons": "; ".join(reason.detail for reason in answer.reasons),
            "predicted_diagnosis": answer.diagnosis,
            "prediction": str(answer.prediction),
            "probability_benign": repr(answer.probability_benign),
            "probability_malignant": repr(answer.probability_malignant),
            "interval_malignant_low": repr(low),
            "interval_malignant_high": repr(high),
            "support": repr(answer.support),
            "support_low": repr(100 * support.low),
            "support_high": repr(100 * support.high),
            "threshold": "0.5",
            "model_version": classifier.manifest.model_version,
            "warnings": warnings,
            "intended_use": INTENDED_USE,
        }


def test_a_case_like_no_other_is_uncertain_and_the_reasons_say_why(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    cases = write_rows(tmp_path / "cases.csv", [[1e9, *dataset.X[0].tolist()[1:]]])
    predict_csv(cases, tmp_path / "answers.csv", classifier)
    (row,) = read(tmp_path / "answers.csv")
    assert row["verdict"] == "uncertain"
    assert row["reasons"].endswith(
        "the model has no basis for this case; the measurements contradict one another"
    )


def test_more_cases_than_a_chunk(dataset: Dataset, classifier: Classifier, tmp_path: Path) -> None:
    times = CHUNK // len(dataset.X) + 1
    cases = write_rows(tmp_path / "cases.csv", dataset.X.tolist() * times)
    predict_csv(cases, tmp_path / "answers.csv", classifier)
    rows = read(tmp_path / "answers.csv")
    assert [row["id"] for row in rows] == [str(n + 1) for n in range(times * len(dataset.X))]
    np.testing.assert_allclose(
        [float(row["probability_malignant"]) for row in rows],
        np.tile(classifier.score(dataset.X).malignant, times),
        rtol=1e-9,
    )


def test_the_files_own_ids_are_kept_and_others_are_numbers(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    ids = ["P-7", "", "P-7", "Mü, ller"]
    cases = write_rows(
        tmp_path / "cases.csv",
        [["ID", *FEATURE_NAMES], *([i, *x] for i, x in zip(ids, dataset.X.tolist(), strict=False))],
    )
    predict_csv(cases, tmp_path / "answers.csv", classifier)
    assert [row["id"] for row in read(tmp_path / "answers.csv")] == ["P-7", "2", "P-7", "Mü, ller"]


def test_warnings_are_named_by_their_feature(
    classifier: Classifier, arrays: ModelArrays, tmp_path: Path
) -> None:
    x = arrays.median.copy()
    x[11] = 1e9
    cases = write_rows(tmp_path / "cases.csv", [x.tolist()])
    predict_csv(cases, tmp_path / "answers.csv", classifier)
    (row,) = read(tmp_path / "answers.csv")
    assert row["warnings"] == (
        f"texture error: 1e+09 is outside the training range, {arrays.lowest[11]:g} to "
        f"{arrays.highest[11]:g}; {NO_BASIS}"
    )


def test_the_threshold_is_the_classifiers(
    dataset: Dataset, model_dir: Path, tmp_path: Path
) -> None:
    strict = Classifier.load(model_dir, 0.999)
    predict_csv(table(dataset, tmp_path / "cases.csv"), tmp_path / "answers.csv", strict)
    rows = read(tmp_path / "answers.csv")
    assert {row["threshold"] for row in rows} == {"0.999"}
    assert [row["predicted_diagnosis"] == "malignant" for row in rows] == [
        float(row["probability_malignant"]) >= 0.999 for row in rows
    ]


def test_standard_output_gets_the_same_as_a_file(
    dataset: Dataset, classifier: Classifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = table(dataset, tmp_path / "cases.csv")
    predict_csv(cases, None, classifier)
    predict_csv(cases, tmp_path / "answers.csv", classifier)
    assert capsys.readouterr() == ((tmp_path / "answers.csv").read_text(encoding="utf-8"), "")


def test_answers_may_replace_the_cases(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    cases = table(dataset, tmp_path / "cases.csv")
    predict_csv(cases, cases, classifier)
    assert len(read(cases)) == len(dataset.X)


def test_no_cases_have_no_answers(classifier: Classifier, tmp_path: Path) -> None:
    cases = write_rows(tmp_path / "cases.csv", [FEATURE_NAMES])
    predict_csv(cases, tmp_path / "answers.csv", classifier)
    assert (tmp_path / "answers.csv").read_text() == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize("former", [None, "former answers"])
@pytest.mark.parametrize("to_file", [True, False])
def test_of_bad_cases_all_are_named_and_nothing_is_written(
    dataset: Dataset,
    classifier: Classifier,
    tmp_path: Path,
    temporary: Path,
    capsys: pytest.CaptureFixture[str],
    former: str | None,
    to_file: bool,
) -> None:
    rows: list[list[object]] = [list(x) for _ in range(3) for x in dataset.X.tolist()]
    rows[1500][2], rows[700][29] = "?", -1
    cases, output = write_rows(tmp_path / "cases.csv", rows), tmp_path / "answers.csv"
    if former:
        output.write_text(former)
    with pytest.raises(DataError) as caught:
        predict_csv(cases, output if to_file else None, classifier)
    assert str(caught.value).splitlines() == [
        f"{cases}: 2 problems",
        "  line 701, column 'worst fractal dimension': -1 is negative",
        "  line 1501, column 'mean perimeter': '?' is not a number",
    ]
    assert (output.read_text() if output.exists() else None) == former
    assert capsys.readouterr() == ("", "")
    assert list(temporary.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} <= {"cases.csv", "answers.csv", "temporary"}


@pytest.mark.parametrize(
    ("content", "detail"), [(None, "No such file or directory"), (b"\xff", "is not UTF-8 text")]
)
def test_a_file_that_cannot_be_read(
    classifier: Classifier, tmp_path: Path, content: bytes | None, detail: str
) -> None:
    cases = tmp_path / "cases.csv"
    if content is not None:
        cases.write_bytes(content)
    with pytest.raises(DataError, match=detail):
        predict_csv(cases, tmp_path / "answers.csv", classifier)
    assert not (tmp_path / "answers.csv").exists()


def test_cases_may_come_from_a_pipe(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=table, args=(dataset, pipe))
    writer.start()
    predict_csv(pipe, tmp_path / "answers.csv", classifier)
    writer.join()
    assert len(read(tmp_path / "answers.csv")) == len(dataset.X)


def test_no_temporary_file_is_left(
    dataset: Dataset, classifier: Classifier, tmp_path: Path, temporary: Path
) -> None:
    predict_csv(table(dataset, tmp_path / "cases.csv"), tmp_path / "answers.csv", classifier)
    assert list(temporary.iterdir()) == []
    assert len(list(tmp_path.iterdir())) == 3


def test_the_given_diagnosis_is_kept_and_compared(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    rows = zip(dataset.y.tolist(), dataset.X.tolist(), strict=True)
    cases = write_rows(
        tmp_path / "cases.csv",
        [["diagnosis", *FEATURE_NAMES], *(["MB"[target], *x] for target, x in rows)],
    )
    agreement = predict_csv(cases, tmp_path / "answers.csv", classifier)
    answered = read(tmp_path / "answers.csv")
    assert [row["given_diagnosis"] for row in answered] == ["MB"[y] for y in dataset.y]
    pairs = Counter((row["given_diagnosis"], row["verdict"]) for row in answered)
    verdicts = ("malignant", "benign", "uncertain")
    assert agreement.rows == [
        ("malignant", [pairs["M", verdict] for verdict in verdicts]),
        ("benign", [pairs["B", verdict] for verdict in verdicts]),
    ]
    agree = pairs["M", "malignant"] + pairs["B", "benign"]
    assert agreement.summary == f"{agree} of 569 verdicts agree with the diagnoses given"
    assert agreement.table().splitlines()[0].split() == ["given", *verdicts]
    assert agreement.table().splitlines()[1].split() == [
        "malignant", *(str(pairs["M", verdict]) for verdict in verdicts)
    ]  # fmt: skip


def test_a_label_of_unknown_meaning_is_kept_and_not_compared(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    rows = [["Outcome", *FEATURE_NAMES], *([1, *x] for x in dataset.X[:2].tolist())]
    agreement = predict_csv(
        write_rows(tmp_path / "cases.csv", rows), tmp_path / "answers.csv", classifier
    )
    assert [row["given_diagnosis"] for row in read(tmp_path / "answers.csv")] == ["1", "1"]
    assert agreement.rows == []
    assert agreement.summary.startswith("2 labels were not compared: ")


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_text_that_a_spreadsheet_would_run_is_neutralised(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "P-7", "-5", "+3.5", "842302", "a=b", "Mü, ller"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_ids_and_labels_of_the_sender_are_neutralised(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    rows = [["id", "diagnosis", *FEATURE_NAMES], ["=1+1", "@x", *dataset.X[0].tolist()]]
    predict_csv(write_rows(tmp_path / "cases.csv", rows), tmp_path / "answers.csv", classifier)
    (row,) = read(tmp_path / "answers.csv")
    assert (row["id"], row["given_diagnosis"]) == ("'=1+1", "'@x")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (0.99999, "0.99999"), (0.9999, "0.9999"), (12.3456, "12.35"),
     (1e-7, "1e-07"), (100.0, "100"), (0.0, "0")],
)  # fmt: skip
def test_numbers_for_people(value: float, text: str) -> None:
    assert rounded(value, 4) == text
