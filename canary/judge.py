"""The verdict on a canary: errors, latency, predictions, model."""

from collections.abc import Sequence

from msgspec.structs import replace

from canary.model import model
from canary.observation import Observation
from canary.thresholds import Thresholds
from canary.traffic import errors, latency, predictions
from canary.verdict import Outcome, Part, Verdict, decisive, unmeasured
from canary.windows import whole

__all__ = ["Outcome", "Part", "Verdict", "judge"]


def judge(windows: Sequence[Observation], thresholds: Thresholds) -> Verdict:
    """Return the verdict on at least one window of a run.

    It fails if any part does, and passes only if every part does.

    Raises:
        ValueError: a histogram's bounds have changed from one window to another.
    """
    seen = whole(windows)
    traffic = [judged(windows, thresholds) for judged in (errors, latency, predictions)]
    if seen.problem and seen.cases is not None:
        traffic = [_incomplete(part, seen.problem) for part in traffic]
    parts = [*traffic, model(seen, thresholds)]
    return Verdict(decisive(part.outcome for part in parts), parts)


def _incomplete(part: Part, problem: str) -> Part:
    """Return what a part is worth when a problem kept some of the traffic from being seen."""
    if part.outcome in (Outcome.FAIL, Outcome.ERROR):
        return part
    return replace(unmeasured(part.name, problem), numbers=part.numbers)
