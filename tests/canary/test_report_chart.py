"""The geometry of the report's charts."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from canary import report
from canary.observation import Histogram
from canary.tests import Pair
from tests.canaries import latencies

counts = st.lists(st.integers(0, 10**6), min_size=5, max_size=5)


def drawn(stable: Histogram, canary: Histogram) -> report.Chart:
    return report.chart("latency", "Latency", "milliseconds", 1000, [Pair(stable, canary)])


def test_a_bar_is_as_high_as_its_share() -> None:
    found = drawn(latencies(0, 10, 30, 0, 0), latencies(0, 5, 0, 5, 0))
    full = report.HEIGHT - report.TOP - report.BOTTOM
    assert [(bar.track, bar.height) for bar in found.bars] == [
        ("stable", pytest.approx(full / 3)),
        ("canary", pytest.approx(full * 2 / 3)),
        ("stable", pytest.approx(full)),
        ("canary", 0),
        ("stable", 0),
        ("canary", pytest.approx(full * 2 / 3)),
    ]
    assert [mark.label for mark in found.grid] == ["0%", "20%", "40%", "60%"]


def test_the_rows_have_every_number_but_empty_ends() -> None:
    found = drawn(latencies(0, 10, 30, 0, 0), latencies(0, 5, 0, 0, 5))
    assert found.rows == [
        ("1 to 2", 10, 5, 0.25, 0.5),
        ("2 to 4", 30, 0, 0.75, 0),
        ("4 to 8", 0, 0, 0, 0),
        ("above 8", 0, 5, 0, 0.5),
    ]
    assert [mark.label for mark in found.bounds] == ["1", "2", "4", "8"]


def test_the_stables_steps_weigh_as_much_as_the_canarys() -> None:
    quick, slow = latencies(0, 30, 0, 0, 0), latencies(0, 0, 10, 0, 0)
    steps = [Pair(quick, latencies(0, 10, 0, 0, 0)), Pair(slow, latencies(0, 0, 10, 0, 0))]
    found = report.chart("latency", "Latency", "milliseconds", 1000, steps)
    assert found.rows == [("1 to 2", 30, 10, 0.5, 0.5), ("2 to 4", 10, 10, 0.5, 0.5)]


@pytest.mark.parametrize(
    ("canary", "problem"),
    [
        (latencies(0, 0, 0, 0, 0), "Not drawn: no step has values of both tracks."),
        (latencies(1, 2), "Not drawn: the canary's latency histogram has 2 counts for 4 bounds."),
        (
            Histogram([1.0], [1, 2]),
            "Not drawn: the tracks' latency histograms have no bounds in common.",
        ),
    ],
)
def test_what_cannot_be_drawn_says_why(canary: Histogram, problem: str) -> None:
    found = drawn(latencies(0, 0, 0, 0, 0), canary)
    assert found.problem == problem
    assert found.rows == []
    assert found.bars == []


def test_many_buckets_have_few_labels() -> None:
    many = Histogram([float(bound) for bound in range(1, 30)], [1] * 30)
    assert len(drawn(many, many).bounds) <= report.MOST_LABELS


@given(counts, counts)
def test_everything_lies_within_the_drawing(stable: list[int], canary: list[int]) -> None:
    assume(any(stable) and any(canary))
    found = drawn(latencies(*stable), latencies(*canary))
    for bar in found.bars:
        assert report.LEFT <= bar.x <= bar.x + bar.width <= report.WIDTH - report.RIGHT + 1e-9
        assert report.TOP - 1e-9 <= bar.y <= bar.y + bar.height
        assert bar.y + bar.height == pytest.approx(report.HEIGHT - report.BOTTOM)
    for mark in found.grid:
        assert report.TOP - 1e-9 <= mark.position <= report.HEIGHT - report.BOTTOM
    assert len(found.grid) <= 6
