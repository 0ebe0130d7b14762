"""The service as its clients see it: the real process, over a socket."""

import json
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx2
import numpy as np
import pytest

from bc_model.artifact import Reference
from bc_model.classifier import Classifier
from bc_model.dataset import Dataset
from tests.cases import MALIGNANT, MALIGNANT_BY_NAME
from web.problems import KINDS
from web.result import choose_examples

POSTS = ["/predict", "/explain"]


def test_the_originals_request_gets_the_originals_fields(client: httpx2.Client) -> None:
    answer = client.post("/predict", json={"features": MALIGNANT}).raise_for_status().json()
    assert answer["prediction"] == 0
    assert answer["diagnosis"] == "malignant"
    assert answer["probability_benign"] == pytest.approx(1 - answer["probability_malignant"])
    assert answer["probability_benign"] < 0.05


def test_values_by_name_get_the_same_answer(client: httpx2.Client) -> None:
    by_name = dict(reversed(MALIGNANT_BY_NAME.items()))
    in_order = client.post("/predict", json={"features": MALIGNANT})
    assert client.post("/predict", json={"features": by_name}).json() == in_order.json()


def test_every_case_of_the_data_set_is_answered_as_the_model_does(
    client: httpx2.Client, classifier: Classifier, dataset: Dataset
) -> None:
    scores = classifier.score(dataset.X)
    for row in range(0, len(dataset.y), 10):
        answer = client.post("/predict", json={"features": dataset.X[row].tolist()}).json()
        low, high = answer["interval_malignant"]
        assert answer["probability_malignant"] == pytest.approx(scores.malignant[row], abs=1e-12)
        assert low <= answer["probability_malignant"] <= high
        assert answer["model_version"] == classifier.manifest.model_version
        assert answer["threshold"] == 0.5
        assert answer["prediction"] == (answer["probability_malignant"] < answer["threshold"])


def test_a_case_like_no_other_is_answered_with_warnings(client: httpx2.Client) -> None:
    answer = client.post("/predict", json={"features": [1e9, *MALIGNANT[1:]]}).json()
    outside, *inconsistent, basis = answer["warnings"]
    assert outside["code"] == "out_of_range"
    assert outside["feature"] == "mean radius"
    assert outside["detail"].startswith("1e+09 is outside the training range, 6.981 to ")
    assert {caution["code"] for caution in inconsistent} == {"inconsistent"}
    named = [caution["feature"] for caution in inconsistent]
    assert named == ["worst radius", "mean perimeter", "mean area"]
    assert (basis["code"], basis["feature"]) == ("no_basis", None)
    assert answer["support"] == 0


def test_a_borderline_or_an_impossible_case_is_no_verdict(
    client: httpx2.Client, classifier: Classifier, reference: Reference
) -> None:
    borderline = choose_examples(classifier, reference)["borderline"].x.tolist()
    for features, code in ((borderline, "interval"), ([0] * 30, "no_basis")):
        answer = client.post("/predict", json={"features": features}).raise_for_status().json()
        assert answer["verdict"] == "uncertain"
        assert code in {reason["code"] for reason in answer["reasons"]}


def test_explain_adds_up_to_the_answer(client: httpx2.Client) -> None:
    answer = client.post("/explain", json={"features": MALIGNANT}).raise_for_status().json()
    prediction = client.post("/predict", json={"features": MALIGNANT}).json()
    explanation = answer.pop("explanation")
    assert answer == prediction
    odds = answer["probability_malignant"] / answer["probability_benign"]
    assert explanation["log_odds"] == pytest.approx(np.log(odds))
    by_feature = [feature["contribution"] for feature in explanation["features"]]
    assert explanation["baseline"] + sum(by_feature) == pytest.approx(explanation["log_odds"])
    assert sum(explanation["measurements"].values()) == pytest.approx(explanation["sum"])
    assert len(by_feature) == 30
    assert len(explanation["measurements"]) == 10


def test_health_and_probes(client: httpx2.Client, classifier: Classifier) -> None:
    assert client.get("/health").json() == {
        "status": "healthy",
        "model": "SVM loaded",
        "version": "stable",
        "model_version": classifier.manifest.model_version,
        "threshold": 0.5,
    }
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_model_is_the_manifest(client: httpx2.Client, model_dir: Path) -> None:
    assert client.get("/model").json() == json.loads((model_dir / "manifest.json").read_bytes())


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("body", "content_type", "kind", "detail"),
    [
        (b'{"features": [1', "application/json", "malformed-json", "line 1, column 16"),
        (b"\xff", "application/json", "malformed-json", "not UTF-8"),
        (b"{}", "text/plain", "unsupported-media-type", "application/json, not text/plain"),
        (b"{}", None, "unsupported-media-type", "application/json, not missing"),
        (b"{}", "application/json; Charset=latin-1", "unsupported-media-type", "utf-8"),
        (b"{}", "application/json; charset=nonsense", "unsupported-media-type", "utf-8"),
        (b" " * 20_000_000, "text/plain", "unsupported-media-type", "not text/plain"),
        (b'{"\\ud800": 1}', "application/json", "invalid-values", "2 fields are wrong"),
        (b'{"features": {"\\udfff": 1}}', "application/json", "invalid-values", "31 fields"),
        (b" " * (2**20 + 1), "application/json", "body-too-large", "1048576 bytes"),
        (b" " * 20_000_000, "application/json", "body-too-large", "1048576 bytes"),
        (b"[]", "application/json", "invalid-values", "1 field is wrong"),
        (b'{"features": [NaN]}', "application/json", "invalid-values", "2 fields are wrong"),
        (b'{"features": "x"}', "application/json", "invalid-values", "1 field is wrong"),
        (b'{"features": null}', "application/json", "invalid-values", "1 field is wrong"),
        (b'{"features": {}}', "application/json", "invalid-values", "30 fields are wrong"),
    ],
)
def test_what_is_refused_and_how(
    client: httpx2.Client, path: str, body: bytes, content_type: str | None, kind: str, detail: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = client.post(path, content=body, headers=headers)
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == problem["status"] == KINDS[kind].status
    assert problem["type"] == f"/problems/{kind}"
    assert problem["title"] == KINDS[kind].title
    assert detail in problem["detail"]
    assert problem["instance"] == f"urn:request:{response.headers['x-request-id']}"
    assert bool(problem["errors"]) == (kind == "invalid-values")


def test_the_charset_may_be_named(client: httpx2.Client) -> None:
    headers = {"Content-Type": 'Application/JSON; charset="UTF-8"; profile=x'}
    content = json.dumps({"features": MALIGNANT})
    assert client.post("/predict", content=content, headers=headers).status_code == 200


def test_a_client_that_sends_before_it_listens_sees_the_refusal(client: httpx2.Client) -> None:
    for path, status in (("/predict", 415), ("/livez", 405), ("/nothing", 404)):
        connection = HTTPConnection(client.base_url.host, client.base_url.port)
        with closing(connection):
            connection.request("POST", path, b" " * 20_000_000, {"Content-Type": "text/plain"})
            answer = connection.getresponse()
            assert answer.status == status
            assert json.load(answer)["status"] == status


def test_a_compressed_body_is_refused(client: httpx2.Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = client.post("/predict", content=b"{}", headers=headers)
    assert response.status_code == 415
    assert "gzip" in response.json()["detail"]


def test_a_very_long_name_is_not_repeated_whole(client: httpx2.Client) -> None:
    response = client.post("/predict", json={"x" * 1_000_000: 1})
    assert response.status_code == 422
    assert len(response.content) < 1000


def test_no_redirect_follows_what_host_says(client: httpx2.Client) -> None:
    response = client.get("/predict/", headers={"Host": "evil.example"})
    assert response.status_code == 404


def test_unknown_routes_and_methods_are_problems_too(client: httpx2.Client) -> None:
    missing = client.get("/nothing")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
    wrong = client.get("/predict")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert wrong.headers["allow"] == "POST"
    assert set(client.put("/").headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert client.get("/static/nothing.css").json()["status"] == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/nothing", 404, "GET /nothing is not served here."),
        ("GET", "/problems/nonsense", 404, "Not found"),
        ("GET", "/predict", 405, "The method is not allowed"),
        ("POST", "/", 413, "The body has more than 1048576 bytes."),
        ("POST", "/batch", 415, "The content type is not supported"),
    ],
)
def test_a_browser_sees_a_problem_as_a_page(
    client: httpx2.Client, method: str, path: str, status: int, says: str
) -> None:
    headers = {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Request-ID": "lost",
    }
    content = b"x" * (2**20 + 1) if method == "POST" else None
    response = client.request(method, path, content=content, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["vary"] == "Accept"
    assert "<title>Error: " in response.text
    assert says in response.text
    assert "request id lost" in response.text
    assert client.request(method, path, content=content).json()["status"] == (
        415 if method == "POST" else status
    )


def test_the_address_of_an_export_leads_to_the_form(client: httpx2.Client) -> None:
    response = client.get("/export")
    assert (response.status_code, response.headers["location"]) == (303, "/")


@pytest.mark.parametrize("kind", KINDS)
def test_every_problem_type_can_be_looked_up(client: httpx2.Client, kind: str) -> None:
    page = client.get(f"/problems/{kind}")
    assert page.status_code == 200
    assert KINDS[kind].remedy in page.text


def test_an_unknown_problem_type_is_not_found(client: httpx2.Client) -> None:
    assert client.get("/problems/nonsense").status_code == 404


@pytest.mark.parametrize(
    "charset", ["", "; charset=utf8", '; charset="UTF-8"', "; charset=us-ascii"]
)
@pytest.mark.parametrize("encoding", [None, "", "identity", "Identity"])
def test_other_spellings_of_plain_utf_8_are_taken(
    client: httpx2.Client, charset: str, encoding: str | None
) -> None:
    headers = {"Content-Type": f"application/json{charset}"}
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    body = json.dumps({"features": MALIGNANT}).encode()
    for content in (body, b"\xef\xbb\xbf" + body):
        assert client.post("/predict", content=content, headers=headers).status_code == 200
