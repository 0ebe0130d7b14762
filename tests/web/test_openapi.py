"""The OpenAPI document is valid, complete, and true of the answers."""

from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

from bc_model.answer_table import COLUMNS
from tests.cases import MALIGNANT, MALIGNANT_BY_NAME

# The pages and what serves the document itself.
NOT_API = {
    "/", "/batch", "/export", "/paste", "/model/card", "/openapi.json", "/docs", "/redoc",
    "/problems/{kind}", "/static",
}  # fmt: skip


@pytest.fixture(scope="module")
def document(client: httpx2.Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_the_columns_of_the_csv_are_named(document: dict[str, Any]) -> None:
    answers = document["paths"]["/predict/batch"]["post"]["responses"]["200"]["content"]
    assert ", ".join(COLUMNS) in answers["text/csv"]["schema"]["description"]


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_it_holds_every_route(client: httpx2.Client, document: dict[str, Any]) -> None:
    routes = {
        (sample.labels["endpoint"], sample.labels["method"].lower())
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == "app_requests_total" and sample.labels["status"] == "200"
    }
    documented = {
        (path, method) for path, operations in document["paths"].items() for method in operations
    }
    assert {route for route in routes if route[0] not in NOT_API and route[1] != "head"} == (
        documented
    )


@pytest.mark.parametrize(
    "path",
    ["/predict", "/predict/batch", "/explain", "/model", "/health", "/livez", "/readyz"],
)
def test_answers_are_as_documented(
    client: httpx2.Client, document: dict[str, Any], path: str
) -> None:
    (method,) = document["paths"][path]
    case = [1e9, *MALIGNANT[1:]]
    body = {"instances": [case]} if path.endswith("batch") else {"features": case}
    response = client.request(method, path, json=body if method == "post" else None)
    content = document["paths"][path][method]["responses"]["200"]["content"]
    schema = content[response.headers["content-type"]]["schema"]
    validator(document, schema).validate(response.json())


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"{}", "text/plain"),
        (b" " * 2**21, "application/json"),
        (b'{"features": ["a"]}', "application/json"),
    ],
)
def test_refusals_are_as_documented(
    client: httpx2.Client, document: dict[str, Any], body: bytes, content_type: str
) -> None:
    response = client.post("/predict", content=body, headers={"Content-Type": content_type})
    responses = document["paths"]["/predict"]["post"]["responses"]
    content = responses[str(response.status_code)]["content"]
    schema = content[response.headers["content-type"]]["schema"]
    validator(document, schema).validate(response.json())


@pytest.mark.parametrize(
    ("features", "is_taken"),
    [
        (MALIGNANT, True),
        (MALIGNANT_BY_NAME, True),
        (MALIGNANT[1:], False),
        ([-1, *MALIGNANT[1:]], False),
        ({**MALIGNANT_BY_NAME, "mean weight": 1}, False),
        ({"mean radius": 1}, False),
        ("x", False),
    ],
)
def test_the_requests_schema_and_the_service_agree(
    client: httpx2.Client, document: dict[str, Any], features: object, is_taken: bool
) -> None:
    body = {"features": features}
    schema = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert validator(document, schema["schema"]).is_valid(body) == is_taken
    assert (client.post("/predict", json=body).status_code == 200) == is_taken


def test_the_documented_example_is_answered(
    client: httpx2.Client, document: dict[str, Any]
) -> None:
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert client.post("/predict", json=content["example"]).json()["diagnosis"] == "malignant"
    batch = document["paths"]["/predict/batch"]["post"]["requestBody"]["content"]
    assert set(batch) == {"application/json", "text/csv", "application/x-npy"}
    answer = client.post("/predict/batch", json=batch["application/json"]["example"]).json()
    assert [case["diagnosis"] for case in answer["predictions"]] == ["malignant", "malignant"]
