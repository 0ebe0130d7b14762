"""The verdict when its parts disagree."""

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from canary.judge import Outcome, Part, Verdict, judge
from canary.observation import Observation
from canary.thresholds import Thresholds
from canary.verdict import decisive
from tests.canaries import cases, latencies, observed, track
from tests.conftest import ROOT

LIMITS = Thresholds()

outcomes = st.sampled_from(list(Outcome))


@given(st.sets(outcomes))
def test_fail_then_error_then_inconclusive_decide(found: set[Outcome]) -> None:
    for outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE):
        if outcome in found:
            assert decisive(found) is outcome
            return
    assert decisive(found) is Outcome.PASS


def test_the_parts_and_their_order() -> None:
    verdict = judge([observed()], LIMITS)
    assert verdict.outcome is Outcome.PASS
    assert [part.name for part in verdict.parts] == ["errors", "latency", "predictions", "model"]


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (observed(canary=track(errors=500)), Outcome.FAIL),
        (observed(canary=track(errors=-1)), Outcome.ERROR),
        (observed(canary=track(requests=5)), Outcome.INCONCLUSIVE),
        (observed(canary=track(errors=-1, latency=latencies(0, 0, 0, 0, 0))), Outcome.ERROR),
        (observed(canary=track(errors=-1, latency=latencies(0, 0, 0, 0, 500))), Outcome.FAIL),
        (replace(observed(canary=track(requests=5)), cases=None), Outcome.ERROR),
        (observed(cases_=cases(canary=cases().canary[::-1])), Outcome.FAIL),
    ],
)
def test_one_part_decides(observation: Observation, expected: Outcome) -> None:
    verdict = judge([observation], LIMITS)
    assert verdict.outcome is expected
    assert verdict.outcome is decisive(part.outcome for part in verdict.parts)


def test_traffic_that_was_seen_in_part_passes_nothing() -> None:
    verdict = judge([observed(problem="a pod of the canary did not answer")], LIMITS)
    assert verdict.outcome is Outcome.ERROR
    for part in verdict.parts[:3]:
        assert (part.outcome, part.reason) == (Outcome.ERROR, "A pod of the canary did not answer.")
        assert part.numbers
    assert verdict.parts[3].outcome is Outcome.PASS


def test_what_failed_fails_though_not_all_was_seen() -> None:
    bad = track(errors=500, latency=latencies(1, 2))
    parts = judge([observed(canary=bad, problem="a pod did not answer")], LIMITS).parts
    assert parts[0].outcome is Outcome.FAIL
    assert parts[1].reason == "The canary's latency histogram has 2 counts for 4 bounds."


def test_observation_and_verdict_go_through_json() -> None:
    for observation in (observed(), replace(observed(), cases=None, problem="no pod")):
        text = msgspec.json.encode(observation)
        assert msgspec.json.decode(text, type=Observation) == observation
        verdict = judge([observation], LIMITS)
        assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
    part = Part("errors", Outcome.FAIL, "Why.", {"n": 1, "p": 0.5})
    assert msgspec.json.encode(part) == (
        b'{"name":"errors","outcome":"fail","reason":"Why.","numbers":{"n":1,"p":0.5}}'
    )


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000))
def test_every_number_is_finite_and_every_reason_a_sentence(n: int, failed: int, slow: int) -> None:
    canary = track(requests=n + failed, errors=failed, latency=latencies(n, 0, slow, 0, failed))
    for part in judge([observed(canary=canary)], LIMITS).parts:
        assert b"null" not in msgspec.json.encode(part.numbers)
        assert part.reason[0] == part.reason[0].upper()
        assert part.reason.endswith(".")


def test_neither_does_the_service_import_the_judge_nor_the_judge_scikit_learn() -> None:
    for modules, unwanted in (("app", "canary"), ("canary.judge, canary.report", "sklearn")):
        code = f"import sys, {modules}; sys.exit({unwanted!r} in sys.modules)"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
