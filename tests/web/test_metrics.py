"""/metrics of the real service: the names, the zeros at the start, and counts that add up."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.routing import Route

from app import create_app
from bc_model.artifact import Reference, load_reference, read_manifest
from bc_model.classifier import Classifier
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from tests.cases import MALIGNANT
from tests.conftest import running_service
from web.problems import REJECTIONS
from web.settings import load_settings

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(client: httpx2.Client) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture(scope="module")
def fresh(
    model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx2.Client, Samples]]:
    """A service that was asked nothing but whether it is ready, and its first metrics."""
    log = tmp_path_factory.mktemp("fresh") / "log"
    with running_service({"MODEL_DIR": str(model_dir), "VERSION": "canary"}, log) as client:
        yield client, samples(client)


@pytest.fixture
def model_version(classifier: Classifier) -> dict[str, str]:
    """The label of what is compared between a model's cases and its training's."""
    return {"model_version": classifier.manifest.model_version}


def test_known_labels_are_there_at_zero(
    fresh: tuple[httpx2.Client, Samples], model_version: dict[str, str]
) -> None:
    _, found = fresh
    for name in ("app_requests_total", "app_generated_requests_total"):
        for endpoint in ("/predict", "/predict/batch", "/explain"):
            for status in ("200", "400", "413", "415", "422", "500"):
                labels = {"endpoint": endpoint, "method": "POST", "status": status}
                assert value(found, name, **labels) == 0
        assert value(found, name, endpoint="/readyz", method="GET", status="503") == 0
        answered = {labels - {("status", "200")} for each, labels in found
                    if each == name and ("status", "200") in labels}  # fmt: skip
        assert len(answered) > 20
        for route in answered:
            assert found[name, route | {("status", "500")}] == 0
    for diagnosis in ("malignant", "benign"):
        assert value(found, "app_predictions_total", prediction=diagnosis) == 0
    for reason in REJECTIONS:
        assert value(found, "app_invalid_requests_total", reason=reason) == 0
    for feature in FEATURE_NAMES:
        assert value(found, "app_feature_out_of_range_total", feature=feature) == 0
        for number in range(10):
            labels = {"feature": feature, "bin": str(number), **model_version}
            assert value(found, "app_feature_values_total", **labels) == 0
    assert value(found, "app_prediction_uncertain_total") == 0
    assert value(found, "app_prediction_unsupported_total") == 0
    assert value(found, "app_prediction_latency_seconds_count") == 0
    assert value(found, "app_probability_malignant_count", **model_version) == 0
    assert value(found, "app_requests_in_progress") == 1  # the one that asks


def test_the_model_and_its_track_are_named(
    fresh: tuple[httpx2.Client, Samples], classifier: Classifier
) -> None:
    version = classifier.manifest.model_version
    assert value(fresh[1], "app_model_info", model_version=version, version="canary") == 1


def test_counts_agree_with_what_was_sent(
    fresh: tuple[httpx2.Client, Samples],
    classifier: Classifier,
    dataset: Dataset,
    model_version: dict[str, str],
) -> None:
    client, before = fresh
    X = np.vstack([dataset.X[::40], dataset.X[:1] * 1000])
    answers = [client.post("/predict", json={"features": row}).json() for row in X.tolist()]
    for row in X[:2].tolist():
        client.post("/explain", json={"features": row}).raise_for_status()
    client.post("/predict", json={"features": MALIGNANT[1:]})
    client.post("/predict", content=b"{", headers={"Content-Type": "application/json"})
    after = samples(client)

    def added(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    for status, count in {"200": len(X), "422": 1, "400": 1, "415": 0}.items():
        labels = {"endpoint": "/predict", "method": "POST", "status": status}
        assert added("app_requests_total", **labels) == count
    assert added("app_request_duration_seconds_count", endpoint="/predict") == len(X) + 2
    answers += answers[:2]  # those of /explain
    X = np.vstack([X, X[:2]])
    for diagnosis in ("malignant", "benign"):
        expected = sum(answer["diagnosis"] == diagnosis for answer in answers)
        assert added("app_predictions_total", prediction=diagnosis) == expected > 0
    assert added("app_prediction_latency_seconds_count") == len(X)
    assert added("app_probability_malignant_count", **model_version) == len(X)
    total = sum(answer["probability_malignant"] for answer in answers)
    assert added("app_probability_malignant_sum", **model_version) == pytest.approx(total)
    assert added("app_invalid_requests_total", reason="invalid-values") == 1
    assert added("app_invalid_requests_total", reason="malformed-json") == 1
    scores = classifier.score(X)
    uncertain = sum(answer["verdict"] == "uncertain" for answer in answers)
    assert added("app_prediction_uncertain_total") == uncertain > 0
    assert added("app_prediction_unsupported_total") == (~scores.has_basis).sum() > 0
    outside = scores.outside.sum(axis=0)
    for column, feature in enumerate(FEATURE_NAMES):
        assert added("app_feature_out_of_range_total", feature=feature) == outside[column]


def test_feature_bins_hold_each_value_once(
    fresh: tuple[httpx2.Client, Samples],
    model_dir: Path,
    dataset: Dataset,
    model_version: dict[str, str],
) -> None:
    client, _ = fresh
    before = samples(client)
    X = dataset.X[100:120]
    for row in X.tolist():
        client.post("/predict", json={"features": row}).raise_for_status()
    after = samples(client)
    edges = load_reference(model_dir, read_manifest(model_dir)).edges
    for column, feature in enumerate(FEATURE_NAMES):
        expected = np.bincount(np.searchsorted(edges[column], X[:, column]), minlength=10)
        for number in range(10):
            labels = {"feature": feature, "bin": str(number), **model_version}
            added = value(after, "app_feature_values_total", **labels) - value(
                before, "app_feature_values_total", **labels
            )
            assert added == expected[number]


def test_drift_can_be_told_from_the_metrics_alone(
    fresh: tuple[httpx2.Client, Samples], reference: Reference, model_version: dict[str, str]
) -> None:
    _, found = fresh
    for feature, counts in zip(FEATURE_NAMES, reference.counts, strict=True):
        for number, count in enumerate(counts):
            labels = {"feature": feature, "bin": str(number), **model_version}
            assert value(found, "app_feature_reference_values", **labels) == count
    for name, thresholds in (
        ("app_feature_drift_threshold", reference.feature_thresholds),
        ("app_score_drift_threshold", reference.score_thresholds),
    ):
        assert value(found, name, **model_version) == thresholds.max()


def test_answers_and_their_reference_have_the_same_buckets(
    fresh: tuple[httpx2.Client, Samples], reference: Reference, model_version: dict[str, str]
) -> None:
    _, found = fresh
    name = "app_probability_malignant"
    bounds = {dict(labels)["le"] for each, labels in found if each == f"{name}_bucket"}
    for bound in bounds:
        below = (reference.out_of_fold <= float(bound)).sum(axis=1).mean()
        assert value(found, f"{name}_reference_bucket", le=bound, **model_version) == round(below)
    assert value(found, f"{name}_reference_count", **model_version) == len(reference.cases)
    total = reference.out_of_fold.mean(axis=0).sum()
    assert value(found, f"{name}_reference_sum", **model_version) == pytest.approx(total)


def test_endpoints_are_templates_never_paths(client: httpx2.Client) -> None:
    for path in ("/nothing", "/secret/123", "/problems/not-found", "/static/style.css"):
        client.get(path)
    text = client.get("/metrics").text
    endpoints = set(re.findall(r'endpoint="([^"]*)"', text))
    routes = {
        "/", "/predict", "/predict/batch", "/explain", "/model", "/health", "/livez", "/readyz",
        "/metrics", "/batch", "/export", "/paste", "/model/card",
    }  # fmt: skip
    documents = {"/openapi.json", "/docs", "/redoc", "/problems/{kind}", "/static", "unmatched"}
    assert endpoints == routes | documents


PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize("accept", [PROMETHEUS_ACCEPT, "application/openmetrics-text; version=abc"])
def test_openmetrics_when_asked_for(client: httpx2.Client, accept: str) -> None:
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in parse_openmetrics(response.text)}
    assert {"app_requests", "app_feature_values", "process_cpu_seconds"} <= names


@pytest.mark.parametrize("accept", ["*/*", "", "application/openmetrics-text;q=0.0, text/plain"])
def test_prometheus_text_otherwise(client: httpx2.Client, accept: str) -> None:
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["content-type"].startswith("text/plain; version=")


def test_generated_traffic_is_kept_apart(client: httpx2.Client) -> None:
    before = samples(client)
    body = {"features": MALIGNANT}
    client.post("/predict", json=body, headers={"X-Traffic": "generated"}).raise_for_status()
    after = samples(client)
    changed = {name for name, labels in after if after[name, labels] != before[name, labels]}
    assert {name for name in changed if name.startswith("app_generated")} == {
        "app_generated_requests_total",
        "app_generated_request_duration_seconds_bucket",
        "app_generated_request_duration_seconds_count",
        "app_generated_request_duration_seconds_sum",
        "app_generated_predictions_total",
        "app_generated_probability_malignant_bucket",
        "app_generated_probability_malignant_count",
        "app_generated_probability_malignant_sum",
    }
    for name in ("app_predictions_total", "app_probability_malignant_count"):
        assert name not in changed
    assert "app_feature_values_total" not in changed
    labels = {"endpoint": "/predict", "method": "POST", "status": "200"}
    key = "app_requests_total", frozenset(labels.items())
    assert after[key] == before[key]


def test_generated_requests_that_are_refused_are_nobodys_input(client: httpx2.Client) -> None:
    def refused() -> list[float]:
        found = samples(client)
        return [value(found, "app_invalid_requests_total", reason=each) for each in REJECTIONS]

    before = refused()
    headers = {"X-Traffic": "generated"}
    answer = client.post("/predict", json={"features": [1]}, headers=headers)
    assert answer.status_code == 422
    assert refused() == before


def test_every_case_of_a_batch_is_counted(
    fresh: tuple[httpx2.Client, Samples], dataset: Dataset, model_version: dict[str, str]
) -> None:
    client, _ = fresh
    before = samples(client)
    X = [*dataset.X[:4].tolist(), (1000 * dataset.X[0]).tolist()]
    answers = client.post("/predict/batch", json={"instances": X}).json()["predictions"]
    after = samples(client)
    malignant = [answer["diagnosis"] for answer in answers].count("malignant")
    request = {"endpoint": "/predict/batch", "method": "POST", "status": "200"}
    for name, labels, expected in (
        ("app_predictions_total", {"prediction": "malignant"}, malignant),
        ("app_probability_malignant_count", model_version, 5),
        ("app_prediction_latency_seconds_count", {}, 1),
        ("app_prediction_unsupported_total", {}, 1),
        ("app_feature_out_of_range_total", {"feature": "mean radius"}, 1),
        ("app_requests_total", request, 1),
    ):
        assert value(after, name, **labels) - value(before, name, **labels) == expected


def test_those_who_ask_at_once_share_an_exposition(model_dir: Path) -> None:
    app = create_app(load_settings({"MODEL_DIR": str(model_dir)}))
    (route,) = (each for each in app.routes if isinstance(each, Route) and each.path == "/metrics")

    async def ask() -> list[bytes]:
        requests = [Request({"type": "http", "method": "GET", "headers": []}) for _ in range(3)]
        together = await asyncio.gather(*map(route.endpoint, requests[:2]))
        await asyncio.sleep(0)
        return [response.body for response in (*together, await route.endpoint(requests[2]))]

    first, second, later = asyncio.run(ask())
    assert first is second
    assert later is not first
