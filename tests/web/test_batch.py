"""Batches: three formats in, two out, every bad row named, nothing answered by halves."""

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_model.answer_table import INTENDED_USE
from bc_model.classifier import Classifier
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from bc_model.predict_csv import predict_csv
from tests.cases import MALIGNANT, MALIGNANT_BY_NAME
from tests.tables import write_rows
from web.batch import CSV, NPY, BatchDecoder
from web.problems import ProblemError
from web.requests import JSON

MOST_ROWS = 600

deterministic = settings(max_examples=200)


@pytest.fixture(scope="module")
def decoder(classifier: Classifier) -> BatchDecoder:
    return BatchDecoder(classifier.manifest.features, MOST_ROWS)


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array), **options)
    return stream.getvalue()


def as_csv(rows: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def instances(*cases: Any) -> bytes:
    return json.dumps({"instances": cases}).encode()


def refusal(decoder: BatchDecoder, media_type: str, body: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        decoder.decode(media_type, body)
    return caught.value


def test_every_format_holds_the_same_cases(decoder: BatchDecoder, dataset: Dataset) -> None:
    X = dataset.X.tolist()
    shuffled = [dict(reversed(list(zip(FEATURE_NAMES, x, strict=True)))) for x in X]
    for media_type, body in (
        (JSON, instances(*X)),
        (JSON, instances(*X[:300], *shuffled[300:])),
        (CSV, as_csv([FEATURE_NAMES, *X])),
        (CSV, b"\xef\xbb\xbf" + as_csv([*X, []])),
        (NPY, npy(dataset.X)),
        (NPY, npy(np.asfortranarray(dataset.X), version=(2, 0))),
    ):
        batch = decoder.decode(media_type, body)
        np.testing.assert_array_equal(batch.X, dataset.X)
        assert batch.identifiers == [str(number) for number in range(1, 570)]


def test_both_passes_read_the_same(decoder: BatchDecoder, dataset: Dataset) -> None:
    body = instances(*dataset.X.tolist(), MALIGNANT_BY_NAME)
    np.testing.assert_array_equal(decoder.from_json_thoroughly(body), decoder.decode(JSON, body).X)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "<i4", ">u8", "g"])
def test_numbers_of_any_kind_are_taken(decoder: BatchDecoder, dtype: str) -> None:
    X = np.arange(60).reshape(2, 30)
    np.testing.assert_array_equal(decoder.decode(NPY, npy(X.astype(dtype))).X, X)


def test_the_ids_of_a_file_are_kept(decoder: BatchDecoder) -> None:
    body = as_csv([["id", *FEATURE_NAMES], ["P-7", *MALIGNANT], ["", *MALIGNANT]])
    assert decoder.decode(CSV, body).identifiers == ["P-7", "2"]


def test_every_bad_field_of_every_bad_row_is_named(decoder: BatchDecoder) -> None:
    bad = ["x", -1, *MALIGNANT[2:]]
    short = MALIGNANT[:29]
    problem = refusal(decoder, JSON, instances(MALIGNANT, bad, short, None, MALIGNANT, {"a": 1}))
    assert problem.detail == "35 fields in rows 2 to 4 and 6 are wrong or missing."
    found = [(error.pointer, error.feature, error.detail) for error in problem.errors]
    assert [pointer for pointer, _, _ in found[:5]] == [
        "/instances/1/0", "/instances/1/1", "/instances/2", "/instances/3", "/instances/5/a",
    ]  # fmt: skip
    assert found[0][1] == "mean radius"
    assert found[0][2].startswith("row 2: must be a number of at least 0, like ")
    assert found[2][2] == "row 3: has 29 numbers, needs 30"
    assert found[5] == ("/instances/5/mean radius", "mean radius", "row 6: is missing")


def test_bad_lines_of_a_csv_are_named(decoder: BatchDecoder) -> None:
    rows: list[list[Any]] = [list(FEATURE_NAMES), *([*MALIGNANT] for _ in range(5))]
    rows[2][3], rows[4][0], rows[5] = "big", -1, [1]
    problem = refusal(decoder, CSV, as_csv(rows))
    assert problem.detail == "3 fields in lines 3 and 5 to 6 are wrong or missing."
    assert [(error.pointer, error.feature, error.detail) for error in problem.errors] == [
        ("/3/mean area", "mean area", "line 3: column 'mean area': 'big' is not a number"),
        ("/5/mean radius", "mean radius", "line 5: column 'mean radius': -1 is negative"),
        ("/6", None, "line 6: has 1 cell, should have 30"),
    ]


def test_bad_rows_of_an_array_are_named(decoder: BatchDecoder) -> None:
    X = np.tile(MALIGNANT, (4, 1))
    X[1, 2], X[3, 29] = np.nan, -0.5
    problem = refusal(decoder, NPY, npy(X))
    assert problem.detail == "2 fields in rows 2 and 4 are wrong or missing."
    assert [(error.pointer, error.feature, error.detail) for error in problem.errors] == [
        ("/1/2", "mean perimeter", "row 2: nan is not a finite number of at least 0"),
        ("/3/29", "worst fractal dimension", "row 4: -0.5 is not a finite number of at least 0"),
    ]


def test_a_number_too_large_for_the_model_is_named(decoder: BatchDecoder) -> None:
    X = np.ones((1, 30), dtype=np.longdouble)
    X[0, 0] = np.finfo(np.longdouble).max
    assert refusal(decoder, NPY, npy(X)).errors[0].detail.startswith("row 1: inf is not")


def test_the_list_is_bounded_but_every_row_is_named(decoder: BatchDecoder) -> None:
    problem = refusal(decoder, JSON, instances(*([["x"]] * 300), MALIGNANT, ["x"]))
    assert len(problem.errors) == 100
    assert problem.detail == (
        "602 fields in rows 1 to 300 and 302 are wrong or missing. The first 100 are listed."
    )


@pytest.mark.parametrize(
    ("media_type", "body", "kind", "detail"),
    [
        (JSON, b"{", "malformed-json", "is not JSON"),
        (JSON, b"[" * 100_000, "malformed-json", "nested too deep"),
        (JSON, b"[]", "invalid-values", "1 field is wrong"),
        (JSON, b"{}", "invalid-values", "1 field is wrong"),
        (JSON, instances(), "invalid-values", "1 field is wrong"),
        (JSON, b'{"instances": null}', "invalid-values", "1 field is wrong"),
        (JSON, b'{"instances": {"0": []}}', "invalid-values", "1 field is wrong"),
        (JSON, instances(*([MALIGNANT] * 601)), "too-many-rows", "more than 600 rows"),
        (JSON, instances(*([[]] * 601)), "too-many-rows", "more than 600 rows"),
        (CSV, b"", "invalid-values", "The body is empty."),
        (CSV, ",".join(FEATURE_NAMES).encode(), "invalid-values", "has no cases"),
        (CSV, b"\xff\xfe", "invalid-values", "is UTF-16 text"),
        (CSV, b'"', "invalid-values", "1 field in line 1 is wrong"),
        (CSV, as_csv([MALIGNANT] * 601), "too-many-rows", "more than 600 rows"),
        (CSV, b"x\n" * 602, "too-many-rows", "more than 600 rows"),
        (NPY, npy(np.ones((601, 30))), "too-many-rows", "more than 600 rows"),
        (NPY, b"", "invalid-values", "is not a NumPy array file"),
        (NPY, npy(np.ones((2, 30)), version=(3, 0)), "invalid-values", "version 1 or 2"),
        (NPY, npy(np.ones((2, 29))), "invalid-values", "has shape (2, 29); needs (n, 30)"),
        (NPY, npy(np.ones(30)), "invalid-values", "has shape (30,)"),
        (NPY, npy(np.ones((0, 30))), "invalid-values", "at least one row"),
        (NPY, npy(np.ones((2, 30), dtype=bool)), "invalid-values", "holds bool"),
        (NPY, npy(np.ones((2, 30), dtype=complex)), "invalid-values", "holds complex128"),
        (NPY, npy(np.full((2, 30), None), allow_pickle=True), "invalid-values", "holds object"),
        (NPY, npy(np.ones((2, 30)))[:-1], "invalid-values", "has 479 bytes of values"),
        (NPY, npy(np.ones((2, 30))) + b" ", "invalid-values", "has 481 bytes of values"),
    ],
)
def test_what_is_refused_and_how(
    decoder: BatchDecoder, media_type: str, body: bytes, kind: str, detail: str
) -> None:
    problem = refusal(decoder, media_type, body)
    assert problem.kind == kind
    assert detail in problem.detail
    assert bool(problem.errors) == (kind == "invalid-values")


def test_a_doubled_name_is_found_in_a_batch(decoder: BatchDecoder) -> None:
    body = instances(MALIGNANT, MALIGNANT_BY_NAME).replace(
        b'{"mean radius"', b'{"mean radius": 1, "mean radius"'
    )
    (error,) = refusal(decoder, JSON, body).errors
    assert (error.pointer, error.detail) == ("/instances/1/mean radius", "row 2: is given twice")


@deterministic
@given(st.binary() | st.binary().map(lambda tail: npy(np.ones((1, 30)))[:10] + tail))
def test_any_bytes_are_read_or_refused(decoder: BatchDecoder, body: bytes) -> None:
    for media_type in (JSON, CSV, NPY):
        assert refusal(decoder, media_type, body).detail


@deterministic
@given(position=st.integers(0, 127), byte=st.integers(0, 255))
def test_a_damaged_array_header_is_read_or_refused(
    decoder: BatchDecoder, position: int, byte: int
) -> None:
    body = bytearray(npy(np.ones((2, 30))))
    body[position] = byte
    with contextlib.suppress(ProblemError):
        assert decoder.decode(NPY, bytes(body)).X.shape[1] == 30


def post(client: httpx2.Client, content_type: str, body: bytes, **headers: str) -> httpx2.Response:
    headers = {"Content-Type": content_type, **headers}
    return client.post("/predict/batch", content=body, headers=headers)


def test_a_batch_is_answered_as_its_cases_are(client: httpx2.Client, dataset: Dataset) -> None:
    X = dataset.X[::57]
    response = post(client, NPY, npy(X)).raise_for_status()
    answer = response.json()
    assert response.headers["content-type"] == JSON
    assert answer["intended_use"] == INTENDED_USE
    for x, prediction in zip(X.tolist(), answer["predictions"], strict=True):
        alone = client.post("/predict", json={"features": x}).json()
        for name in ("diagnosis", "threshold", "model_version", "warnings", "support"):
            assert prediction[name] == alone[name]
        for name in ("probability_malignant", "interval_malignant"):
            assert prediction[name] == pytest.approx(alone[name], rel=1e-9)


def test_the_csv_is_what_the_command_writes(
    client: httpx2.Client, classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    cases = write_rows(tmp_path / "cases.csv", [FEATURE_NAMES, *dataset.X.tolist()])
    predict_csv(cases, tmp_path / "answers.csv", classifier)
    response = post(client, CSV, cases.read_bytes(), Accept="text/csv").raise_for_status()
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.content == (tmp_path / "answers.csv").read_bytes()


def test_a_refused_batch_is_a_problem(client: httpx2.Client) -> None:
    for response, status in (
        (post(client, CSV, b"mean radius\nx\n"), 422),
        (post(client, "text/plain", b""), 415),
        (post(client, NPY, b" " * (2**20 + 1)), 413),
        (post(client, JSON, instances(*([[]] * 5001))), 413),
        (post(client, JSON, b"{"), 400),
    ):
        assert response.status_code == response.json()["status"] == status
        assert response.headers["content-type"] == "application/problem+json"
    assert (
        "application/json or text/csv or application/x-npy"
        in (post(client, "text/plain", b"").json()["detail"])
    )
