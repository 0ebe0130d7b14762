"""The page for many cases: results as a table and a download, errors by row, nothing by halves."""

import csv
import html
import re
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from bc_model.answer_table import rounded
from bc_model.classifier import Classifier
from bc_model.csv_cases import NOT_TEXT, not_text
from bc_model.csv_header import no_table
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from bc_model.predict_csv import predict_csv
from tests.cases import MALIGNANT
from tests.tables import write_rows

SPREADSHEET = b"PK\3\4\x14\0\6\0[Content_Types].xml\0"


def send(client: httpx2.Client, content: bytes, **fields: str) -> httpx2.Response:
    return client.post("/batch", files={"cases": ("cases.csv", content)}, data=fields)


@pytest.fixture
def cases(dataset: Dataset, tmp_path: Path) -> bytes:
    return write_rows(tmp_path / "cases.csv", [FEATURE_NAMES, *dataset.X.tolist()]).read_bytes()


def test_the_download_is_what_the_command_writes(
    client: httpx2.Client, classifier: Classifier, cases: bytes, tmp_path: Path
) -> None:
    predict_csv(tmp_path / "cases.csv", tmp_path / "answers.csv", classifier)
    response = send(client, cases, download="csv").raise_for_status()
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    name = f"answers-cases-{datetime.now(UTC):%Y-%m-%d}.csv"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    downloaded = list(csv.DictReader(response.text.splitlines()))
    written = list(csv.DictReader((tmp_path / "answers.csv").read_text().splitlines()))
    assert downloaded[0].keys() == written[0].keys()
    for mine, theirs in zip(downloaded, written, strict=True):
        for column in mine:
            if column.startswith(("probability", "interval", "support")):
                exact = float(theirs[column])
                assert float(mine[column]) == pytest.approx(exact, rel=5e-4)
                assert mine[column] == rounded(exact, 4)
            else:
                assert mine[column] == theirs[column]


def test_the_table_has_a_row_for_every_case(
    client: httpx2.Client, classifier: Classifier, dataset: Dataset, cases: bytes
) -> None:
    text = send(client, cases).raise_for_status().text
    answers = classifier.answers(dataset.X)
    verdicts = [answer.verdict for answer in answers]
    counts = {name: verdicts.count(name) for name in ("malignant", "benign", "uncertain")}
    assert (
        "569 cases: {malignant} malignant, {benign} benign, {uncertain} uncertain".format(**counts)
        in text
    )
    shown = re.findall(r'<th scope="row">(\d+)</th>\s*<td><span class="(\w+)">', text)
    assert shown == [(str(number), name) for number, name in enumerate(verdicts, 1)]
    notes = [
        *(reason for answer in answers if answer.is_uncertain for reason in answer.reasons),
        *(w for answer in answers for w in answer.warnings if w.code != "no_basis"),
    ]
    assert text.count('<span class="hint">') == len(notes)


def test_the_table_can_be_downloaded_afterwards(client: httpx2.Client, cases: bytes) -> None:
    shown = send(client, b"\xef\xbb\xbf" + cases).text
    (sent,) = re.findall(r'<input type="hidden" name="cases" value="([^"]*)">', shown)
    assert '<input type="hidden" name="name" value="cases.csv">' in shown
    fields = {"cases": html.unescape(sent), "name": "cases.csv", "download": "csv"}
    again = client.post("/batch", files={name: (None, text) for name, text in fields.items()})
    assert "answers-cases-" in again.headers["content-disposition"]
    assert again.content == send(client, cases, download="csv").content


def test_every_bad_row_is_named_and_none_is_answered(client: httpx2.Client) -> None:
    rows = [list(MALIGNANT) for _ in range(5)]
    rows[1][0], rows[3][29] = -1, "<b>"  # type: ignore[call-overload]
    content = "\n".join(",".join(map(str, row)) for row in rows).encode()
    response = send(client, content)
    assert response.status_code == 422
    assert "<title>Error: " in response.text
    assert response.text.count("2 fields in lines 2 and 4 are wrong or missing.") == 2
    assert "Line 2, column &#39;mean radius&#39;: -1 is negative" in response.text
    assert "Line 4, column &#39;worst fractal dimension&#39;: &#39;&lt;b&gt;&#39; is" in (
        response.text
    )
    assert 'class="answers"' not in response.text


def test_one_cause_in_every_row_is_one_line(client: httpx2.Client, dataset: Dataset) -> None:
    rows = [["x", *row[1:]] for row in dataset.X.tolist()]
    content = "\n".join(",".join(map(str, row)) for row in rows).encode()
    text = html.unescape(send(client, content).text)
    assert re.findall("<li>(.*)</li>", text) == [
        "Is not a number, 569 times; first on line 1, column 'mean radius': 'x'; "
        "line 2, column 'mean radius': 'x'; line 3, column 'mean radius': 'x'"
    ]


def test_what_is_wrong_keeps_its_capitals(client: httpx2.Client) -> None:
    content = ",".join([*FEATURE_NAMES, "Age"]).encode() + b"\n" + b"1\n"
    text = html.unescape(send(client, content).text)
    content = ",".join([*FEATURE_NAMES, "Age"]).encode() + b"\n" + b"1," * 30 + b"7\n"
    text += html.unescape(send(client, content).text)
    assert "<li>Line 2, column 'Age': is not a known column; remove it</li>" in text
    assert "<li>Line 2: has 1 cell, should have 31</li>" in text


def test_the_largest_file_can_be_downloaded_afterwards(client: httpx2.Client) -> None:
    row = ",".join(map(str, MALIGNANT)).encode() + b"\n"
    content = row * (2**20 // len(row))
    shown = send(client, content).raise_for_status().text
    (sent,) = re.findall(r'<input type="hidden" name="cases" value="([^"]*)">', shown)
    fields = {"cases": html.unescape(sent).replace("\n", "\r\n"), "download": "csv"}
    again = client.post("/batch", files={name: (None, text) for name, text in fields.items()})
    assert again.raise_for_status().text.count("\n") == 1 + content.count(b"\n") > 4900


@pytest.mark.parametrize(
    ("content", "status", "detail"),
    [
        (b"", 422, "Choose a CSV file that is not empty."),
        (b"\xff", 422, f"The file {NOT_TEXT}."),
        (SPREADSHEET + b"\xe2", 422, f"The file {not_text(SPREADSHEET)}."),
        (SPREADSHEET, 422, f"The file {not_text(SPREADSHEET)}."),
        (b"name;Size\nMax;3\n", 422, f"The file {no_table(['name;Size'])}."),
        (b"\n\n" + b"," * 9, 422, "The file is empty."),
        (b"1\n" * 5002, 413, "The file has more than 5000 rows; split it."),
        (b"1" * (2**20 + 6024), 413, "The file is larger than 1 MB; split it."),
    ],
)
def test_what_is_refused_is_shown_on_the_page(
    client: httpx2.Client, content: bytes, status: int, detail: str
) -> None:
    response = send(client, content)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    text = html.unescape(response.text)
    assert f'<a href="#cases">{detail}</a>' in text
    assert f'id="cases-error">{detail}</span>' in text
    assert "<li>" not in response.text  # it is all said already


def test_another_content_type_is_refused(client: httpx2.Client) -> None:
    assert client.post("/batch", json={}).status_code == 415


def test_given_and_answered_are_compared(client: httpx2.Client, dataset: Dataset) -> None:
    rows = zip(dataset.y.tolist(), dataset.X.tolist(), strict=True)
    lines = [",".join(map(str, ["MB"[target], *x])) for target, x in rows]
    content = "\n".join([",".join(["diagnosis", *FEATURE_NAMES]), *lines]).encode()
    text = send(client, content).raise_for_status().text
    assert re.search(r"<p>\d{3} of 569 verdicts agree with the diagnoses given\.</p>", text)
    counts = re.findall(r'<tr><th scope="row">(\w+)</th>((?:<td class="number">\d+</td>){3})', text)
    assert [given for given, _ in counts] == ["Malignant", "Benign"]
    sums = [sum(map(int, re.findall(r">(\d+)<", cells))) for _, cells in counts]
    assert sums == [212, 357]


def test_without_diagnoses_nothing_is_compared(client: httpx2.Client, cases: bytes) -> None:
    assert "Given and answered" not in send(client, cases).text
