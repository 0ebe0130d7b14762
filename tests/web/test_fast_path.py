"""The fast path answers with the same bytes as the ordinary one, and refuses nothing itself."""

import json
import math
from collections.abc import Iterator
from http.client import HTTPConnection

import httpx2
import numpy as np
import pytest

from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from tests.cases import MALIGNANT
from tests.web.test_protocol import metric

PLAIN = "application/json"
ORDINARY = "application/json; charset=utf-8"
"""A content type that only the ordinary path takes."""

Response = tuple[int, list[tuple[str, str]], bytes]

RANDOM_CASES = 3000


@pytest.fixture(scope="module")
def connection(client: httpx2.Client) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(client.base_url.host, client.base_url.port)
    yield connection
    connection.close()


def send(connection: HTTPConnection, content_type: str, body: bytes, **headers: str) -> Response:
    fields = {"Content-Type": content_type, "X-Request-ID": "same", **headers}
    connection.request("POST", "/predict", body, fields)
    response = connection.getresponse()
    kept = [(name, value) for name, value in response.getheaders() if name != "date"]
    return response.status, kept, response.read()


def bodies(dataset: Dataset) -> Iterator[bytes]:
    """All cases, and random ones: plausible, senseless, by name, cut off, and refused."""
    for row in dataset.X.tolist():
        yield json.dumps({"features": row}).encode()
    rng = np.random.default_rng(0)
    for number in range(RANDOM_CASES):
        case = rng.choice(dataset.X)
        places = rng.choice(30, rng.integers(4), replace=False)
        case[places] = rng.choice([0, 1e-3, 50, -1, 1e6, math.inf, 1e300], len(places))
        content: object = case.tolist()[: 29 if number % 10 == 1 else 30]
        if number % 3 == 0:
            content = dict(zip(FEATURE_NAMES, case.tolist(), strict=True))
        body = json.dumps({"feature" if number % 20 == 2 else "features": content}).encode()
        yield body[: rng.integers(len(body))] if number % 20 == 3 else body


def test_both_paths_answer_with_the_same_bytes(
    connection: HTTPConnection, dataset: Dataset
) -> None:
    statuses = set()
    for body in bodies(dataset):
        fast = send(connection, PLAIN, body)
        assert fast == send(connection, ORDINARY, body)
        statuses.add(fast[0])
    assert statuses == {200, 400, 422}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"", 400),
        ({}, b'{"features":' + b" " * 2**20 + b"}", 413),
        ({"Content-Encoding": "gzip"}, b"{}", 415),
        ({"Content-Encoding": "identity"}, json.dumps({"features": MALIGNANT}).encode(), 200),
        ({"Accept": "text/html"}, b"{", 400),
    ],
)
def test_what_is_not_plain_takes_the_ordinary_path(
    client: httpx2.Client, headers: dict[str, str], body: bytes, status: int
) -> None:
    with_type = {"Content-Type": PLAIN, **headers}
    assert client.post("/predict", content=body, headers=with_type).status_code == status


def test_a_body_in_pieces_takes_the_ordinary_path(client: httpx2.Client) -> None:
    body = json.dumps({"features": MALIGNANT}).encode()
    pieces = iter([body[:50], body[50:]])
    response = client.post("/predict", content=pieces, headers={"Content-Type": PLAIN})
    assert response.json()["diagnosis"] == "malignant"


def test_both_paths_are_counted_alike(client: httpx2.Client, connection: HTTPConnection) -> None:
    names = [
        rf'app_{traffic}requests_total\{{endpoint="/predict",method="POST",status="200"\}}'
        for traffic in ("", "generated_")
    ]
    body = json.dumps({"features": MALIGNANT}).encode()
    for content_type in (PLAIN, ORDINARY):
        before = [metric(client, name) for name in names]
        send(connection, content_type, body)
        send(connection, content_type, body, **{"X-Traffic": "generated"})
        assert [metric(client, name) for name in names] == [count + 1 for count in before]
