"""From counters to the numbers that the judge compares."""

import random

import httpx2

from bc_model.dataset import Dataset
from canary.counters import PROBES, START, PodRecord, Reading, Values, parse, track
from canary.observation import Histogram, Stratum, Track, labels_problem

NOTHING = Track("app:1", [], 0, 0, Histogram([], [0]), {"malignant": 0, "benign": 0},
                Histogram([], [0]), 0, 0)  # fmt: skip


def series(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def came(values: Values) -> PodRecord:
    """Return a pod that came with nothing counted, and was read once."""
    return PodRecord("stable", True, [Reading(1, {START: 1, **values})])


def requests(count: float, **changes: str) -> Values:
    name = changes.pop("name", "app_requests_total")
    labels = {"endpoint": "/predict", "method": "POST", "status": "200", **changes}
    return {series(name, **labels): count}


def buckets(counts: dict[str, float], name: str = "app_", endpoint: str = "/predict") -> Values:
    family = f"{name}request_duration_seconds_bucket"
    return {series(family, endpoint=endpoint, le=le): count for le, count in counts.items()}


def test_no_pod() -> None:
    assert track([], "app:1", 0) == NOTHING


def test_requests_by_their_status() -> None:
    values = {**requests(5), **requests(2, status="422"), **requests(3, status="503")}
    values |= requests(4, name="app_generated_requests_total")
    values |= requests(1, name="app_generated_requests_total", status="500")
    values |= requests(2, name="app_generated_requests_total", status="429")
    values |= requests(1, name="app_generated_requests_total", status="307")
    seen = track([came(values)], "app:1", restarts=2, down=1)
    assert (seen.requests, seen.generated, seen.restarts, seen.down) == (18, 8, 2, 1)
    assert (seen.errors, seen.generated_errors) == (3 + 4, 4)


def test_requests_by_endpoint_and_whose_they_are() -> None:
    values = {**requests(5), **requests(2, endpoint="/explain"), **requests(3, status="503")}
    values |= requests(4, name="app_generated_requests_total")
    values |= requests(1, name="app_generated_requests_total", status="429")
    values |= buckets({"0.1": 6, "+Inf": 8}) | buckets({"0.1": 2, "+Inf": 2}, endpoint="/explain")
    values |= buckets({"0.1": 1, "+Inf": 5}, name="app_generated_")
    assert track([came(values)], "app:1", 0).strata == {
        "/predict": Stratum(8, 3, Histogram([0.1], [6, 2])),
        "/explain": Stratum(2, 0, Histogram([0.1], [2, 0])),
        "generated /predict": Stratum(5, 1, Histogram([0.1], [1, 4])),
    }


def test_probes_are_left_out() -> None:
    values: Values = {}
    for endpoint in sorted(PROBES):
        values |= requests(9, endpoint=endpoint, method="GET", status="503")
        values |= buckets({"0.1": 9, "+Inf": 9}, endpoint=endpoint)
    assert track([came(values)], "app:1", 0) == NOTHING
    values |= {**requests(1), **buckets({"0.1": 1, "+Inf": 1})}
    seen = track([came(values)], "app:1", 0)
    assert (seen.requests, seen.errors, seen.latency.counts) == (1, 0, [1, 0])


def test_buckets_are_not_cumulative_and_in_order() -> None:
    values = buckets({"+Inf": 10, "0.1": 7, "1e-2": 3, "0.5": 7})
    values |= buckets({"0.01": 1, "0.1": 1, "0.5": 2, "+Inf": 2}, name="app_generated_")
    pods = [came(values), came(buckets({"0.01": 1, "0.1": 1, "0.5": 1, "+Inf": 1}))]
    assert track(pods, "", 0).latency == Histogram([0.01, 0.1, 0.5], [4, 4, 0, 3])
    generated = track(pods, "", 0, is_generated=True).latency
    assert generated == Histogram([0.01, 0.1, 0.5], [1, 0, 1, 0])


def test_probabilities_and_labels() -> None:
    values = {
        series("app_predictions_total", prediction="malignant"): 3.0,
        series("app_generated_predictions_total", prediction="malignant"): 2.0,
        series("app_generated_predictions_total", prediction="benign"): 1.0,
        series("app_generated_probability_malignant_bucket", le="0.5"): 1.0,
        series("app_generated_probability_malignant_bucket", le="1.0"): 3.0,
        series("app_generated_probability_malignant_bucket", le="+Inf"): 3.0,
    }
    assert track([came(values)], "app:1", 0).predictions == {"malignant": 3, "benign": 0}
    seen = track([came(values)], "app:1", 0, is_generated=True)
    assert seen.predictions == {"malignant": 2, "benign": 1}
    assert seen.probabilities == Histogram([0.5, 1.0], [1, 2, 0])


def test_labels_of_another_service_are_for_the_judge() -> None:
    values = {
        series("app_requests_total"): 3.0,
        series("app_predictions_total", prediction="unsure"): 2.0,
        series("app_predictions_total"): 1.0,
        series("app_request_duration_seconds_bucket"): 3.0,
        series("app_model_info"): 1.0,
    }
    seen = track([came(values)], "app:1", 0)
    assert (seen.requests, seen.errors, seen.model_versions) == (3, 0, ["unknown"])
    assert seen.predictions == {"malignant": 0, "benign": 0, "unsure": 2, "": 1}
    assert labels_problem("canary", seen)


def test_model_versions_are_those_of_the_last_readings() -> None:
    def info(version: str) -> Values:
        return {START: 1.0, series("app_model_info", model_version=version, version="x"): 1.0}

    changed = PodRecord("stable", False, [Reading(1, info("old")), Reading(2, info("new"))])
    same = PodRecord("stable", False, [Reading(1, info("new"))])
    other = PodRecord("stable", False, [Reading(1, info("another"))])
    unread = PodRecord("stable", False, [])
    assert track([changed, same, other, unread], "", 0).model_versions == ["another", "new"]


def test_what_the_service_counts(client: httpx2.Client, dataset: Dataset) -> None:
    def read() -> Reading:
        return Reading(0, parse(client.get("/metrics").text))

    readings = [read()]
    rows = random.Random(0).sample(dataset.X.tolist(), 20)  # noqa: S311  which ones is no secret
    answers = []
    for number, row in enumerate(rows):
        headers = {"X-Traffic": "generated"} if number % 2 else {}
        answers.append(client.post("/predict", json={"features": row}, headers=headers).json())
        client.get("/health")
    client.post("/predict", json={})
    readings.append(read())
    for is_generated, refused in ((False, 1), (True, 0)):
        seen = track([PodRecord("stable", False, readings)], "app:1", 0, is_generated)
        assert (seen.requests, seen.errors, seen.generated) == (21, 0, 10)
        own = answers[is_generated::2]
        called = [answer["diagnosis"] for answer in own]
        assert seen.predictions == {name: called.count(name) for name in ("malignant", "benign")}
        assert sum(seen.latency.counts) == len(own) + refused
        bounds = [*seen.probabilities.bounds, float("inf")]
        expected = [0] * len(bounds)
        for answer in own:
            probability = answer["probability_malignant"]
            expected[next(i for i, bound in enumerate(bounds) if probability <= bound)] += 1
        assert seen.probabilities.counts == expected
        assert seen.model_versions == [answers[0]["model_version"]]
