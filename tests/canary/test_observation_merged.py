"""A run's observations as one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from canary.observation import Cases, Histogram, Observation, Track, split, whole

NOTHING = Track("app:1", [], 0, 0, Histogram([], [0]), {"malignant": 0, "benign": 0},
                Histogram([], [0]), 0, 0)  # fmt: skip
COUNTS = st.integers(0, 10**6)
HISTOGRAMS = st.lists(COUNTS, min_size=3, max_size=3).map(lambda it: Histogram([0.1, 0.5], it))
TRACKS = st.builds(
    Track,
    image=st.just("app:1"),
    model_versions=st.lists(st.sampled_from("ab"), unique=True).map(sorted),
    latency=HISTOGRAMS | st.just(Histogram([], [0])),
    predictions=st.fixed_dictionaries({"malignant": COUNTS, "benign": COUNTS}),
    probabilities=HISTOGRAMS,
    **dict.fromkeys(
        ("requests", "errors", "restarts", "generated", "generated_errors", "down"), COUNTS
    ),
)
CASES = Cases([0, 1], [True, True], [0.9, 0.1], [0.9, 0.1], 0.5, 0.5)


def observed(started: str, ended: str, stable: Track, canary: Track, **more: Any) -> Observation:
    return Observation(started, ended, stable, canary, **{"cases": None, **more})


@given(st.lists(TRACKS, min_size=3, max_size=3))
def test_taking_windows_together_adds_up(observations: list[Track]) -> None:
    first, second, third = (
        observed(f"0{number}:00", f"0{number + 1}:00", each, each)
        for number, each in enumerate(observations)
    )
    left = whole([first, second, third])
    assert left == whole([whole([first, second]), third]) == whole([first, whole([second, third])])
    assert whole([first]) == first
    assert (left.started, left.ended) == ("00:00", "03:00")
    seen = left.canary
    for name in ("requests", "errors", "generated", "generated_errors"):
        assert getattr(seen, name) == sum(getattr(each, name) for each in observations)
    for name in ("restarts", "down"):  # each step counts from the pods' start
        assert getattr(seen, name) == max(getattr(each, name) for each in observations)
    assert sum(seen.latency.counts) == sum(sum(each.latency.counts) for each in observations)
    assert seen.predictions["benign"] == sum(each.predictions["benign"] for each in observations)
    assert set(seen.model_versions) == {v for each in observations for v in each.model_versions}


def test_the_whole_keeps_the_last_cases_and_all_problems() -> None:
    lost = {"sent": 9, "lost": 2, "failures": ["a", "b"]}
    first = observed("1", "2", NOTHING, NOTHING, cases=CASES, problem="One.", **lost)
    second = observed("2", "3", NOTHING, NOTHING, problem="Two.", **lost)
    together = whole([first, second])
    assert (together.cases, together.problem) == (CASES, "One. Two.")
    assert (together.sent, together.lost, together.failures) == (18, 4, ["a", "b", "a"])
    other = replace(CASES, stable=[0.8, 0.1])
    assert whole([first, replace(second, cases=other)]).cases == other


def test_the_whole_keeps_labels_that_are_in_one_window_only() -> None:
    odd = replace(NOTHING, predictions={"malignant": 1, "unsure": 2})
    first = observed("1", "2", NOTHING, odd)
    assert whole([first, observed("2", "3", odd, NOTHING)]).canary.predictions == {
        "malignant": 1,
        "benign": 0,
        "unsure": 2,
    }


def test_steps_of_other_buckets_are_added_in_those_of_both() -> None:
    one = replace(NOTHING, latency=Histogram([0.1, 0.2, 0.4], [1, 2, 3, 4]))
    two = replace(NOTHING, latency=Histogram([0.1, 0.3, 0.4], [5, 6, 7, 8]))
    seen = whole([observed("1", "2", one, one), observed("2", "3", two, one)])
    assert seen.stable.latency == Histogram([0.1, 0.4], [6, 18, 12])
    assert seen.canary.latency == Histogram([0.1, 0.2, 0.4], [2, 4, 6, 8])


def test_split() -> None:
    three, one = replace(NOTHING, requests=3), replace(NOTHING, requests=1)
    assert split(observed("1", "2", three, one)) == 0.25
    assert split(observed("1", "2", NOTHING, NOTHING)) is None
    assert split(observed("1", "2", three, NOTHING)) == 0.0
