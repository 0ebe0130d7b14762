"""Counters of pods over time: what they gained, whatever happens to the processes that count."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.counters import START, PodRecord, Reading, Series, Values, gained, parse

REQUESTS: Series = (
    "app_requests_total",
    frozenset({("endpoint", "/predict"), ("method", "POST"), ("status", "200")}),
)
MALIGNANT: Series = ("app_predictions_total", frozenset({("prediction", "malignant")}))


def reading(time: float, value: float | None, start: float | None = 1.0) -> Reading:
    values: Values = {} if start is None else {START: start}
    return Reading(time, values if value is None else {**values, REQUESTS: value})


def record(*readings: Reading, is_new: bool = False) -> PodRecord:
    return PodRecord("stable", is_new, list(readings))


def test_what_was_counted_before_the_window_does_not_count() -> None:
    assert gained([record(reading(1, 100), reading(2, 103), reading(3, 110))]) == {REQUESTS: 10}
    assert gained([record(reading(1, 100))]) == {}


def test_pod_that_came_counts_from_its_start() -> None:
    assert gained([record(reading(2, 7), reading(3, 9), is_new=True)]) == {REQUESTS: 9}
    assert gained([record(reading(2, 7), is_new=True)]) == {REQUESTS: 7}


def test_pod_that_went_keeps_what_was_seen_of_it() -> None:
    gone, stays = record(reading(1, 5), reading(2, 8)), record(reading(1, 0), reading(4, 10))
    assert gained([gone, stays]) == {REQUESTS: 13}


def test_pod_that_was_never_read() -> None:
    assert gained([record(), record(is_new=True)]) == {}
    assert gained([]) == {}


def test_first_reading_that_failed_is_made_up_for_without_counting_too_much() -> None:
    """The pod was there before: what it had counted until it was first read may be older."""
    assert gained([record(reading(3, 40), reading(4, 42))]) == {REQUESTS: 2}


def test_process_started_anew_begins_at_zero() -> None:
    readings = [
        reading(1, 100),
        reading(2, 103),
        reading(3, 2, start=2.5),
        reading(4, 4, start=2.5),
    ]
    assert gained([record(*readings)]) == {REQUESTS: 3 + 4}


def test_process_started_anew_that_has_counted_more_than_the_one_before() -> None:
    readings = [reading(1, 100), reading(2, 150, start=1.5)]
    assert gained([record(*readings)]) == {REQUESTS: 150}


def test_series_that_comes_up_later_begins_at_zero() -> None:
    readings = [reading(1, None), reading(2, 3), reading(3, 5)]
    assert gained([record(*readings)]) == {REQUESTS: 5}


def test_series_that_is_missing_from_one_reading_goes_on_where_it_was() -> None:
    assert gained([record(reading(1, 10_000), reading(2, None), reading(3, 10_001))]) == {
        REQUESTS: 1
    }
    assert gained([record(reading(2, 7), reading(3, None), reading(4, 9), is_new=True)]) == {
        REQUESTS: 9
    }


def test_process_that_does_not_tell_when_it_started() -> None:
    readings = [reading(1, 3, start=None), reading(2, 5, start=None)]
    assert gained([record(*readings)]) == {REQUESTS: 2}
    assert gained([record(*readings, is_new=True)]) == {REQUESTS: 5}


def test_what_is_no_counter_is_not_added_up() -> None:
    info: Series = ("app_model_info", frozenset({("model_version", "0123")}))
    readings = [Reading(1, {START: 1, info: 1}), Reading(2, {START: 1, info: 1, MALIGNANT: 2})]
    assert gained([record(*readings)]) == {MALIGNANT: 2}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_counter_that_is_no_number(value: float) -> None:
    with pytest.raises(ValueError, match=rf"^a pod counts {value} app_requests_total$"):
        gained([record(reading(1, 0), reading(2, value))])


EVENTS = st.lists(st.sampled_from(["request", "read", "restart"]), max_size=30)


@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=4))
def test_counts_every_request_that_was_seen_once(pods: list[tuple[list[str], bool]]) -> None:
    """Lost are only those between a process's last reading and its end, or before the first."""
    expected, records = 0, []
    for events, is_new in pods:
        counter, start = (0 if is_new else 1000), 1.0
        readings = [] if is_new else [reading(0, counter)]
        unseen = 0
        for time, event in enumerate(events, 1):
            if event == "request":
                counter, unseen = counter + 1, unseen + 1
            elif event == "read":
                readings.append(reading(time, counter, start))
                expected, unseen = expected + unseen, 0
            else:
                counter, unseen, start = 0, 0, start + 1
        records.append(record(*readings, is_new=is_new))
    assert sum(gained(records).values()) == expected


def test_metrics_of_the_service(client: httpx2.Client) -> None:
    found = parse(client.get("/metrics").text)
    assert {name for name, _ in found} == {
        "process_start_time_seconds",
        "app_model_info",
        *(
            f"app_{prefix}{family}"
            for prefix in ("", "generated_")
            for family in (
                "requests_total",
                "request_duration_seconds_bucket",
                "predictions_total",
                "probability_malignant_bucket",
            )
        ),
    }
    assert found[START] > 0
    assert REQUESTS in found
    assert MALIGNANT in found


@pytest.mark.parametrize(
    "text",
    ["<html>", "{", "app_requests_total", "app_requests_total x", "\0", 'a{b="} 1', "# TYPE"],
)
def test_what_is_no_prometheus_text(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever the parser says
        parse(text)


@given(
    st.text(alphabet=st.sampled_from('app_requests_total{}="\\,#TYPEHELP \n\t1eN+'), max_size=60)
)
def test_nothing_but_a_value_error_comes_of_any_text(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert all(isinstance(value, float) for value in found.values())
