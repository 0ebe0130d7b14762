"""The verdict on a canary: errors, latency, predictions, model."""

from msgspec.structs import replace

from canary.model import model
from canary.observation import Observation
from canary.thresholds import Thresholds
from canary.traffic import errors, latency, predictions
from canary.verdict import Outcome, Part, Verdict, decisive, unmeasured

__all__ = ["Outcome", "Part", "Verdict", "judge"]


def judge(observation: Observation, thresholds: Thresholds) -> Verdict:
    """Return the verdict: it fails if any part does, and passes only if every part does."""
    traffic = [judged(observation, thresholds) for judged in (errors, latency, predictions)]
    if observation.problem and observation.cases is not None:
        traffic = [_incomplete(part, observation.problem) for part in traffic]
    parts = [*traffic, model(observation, thresholds)]
    return Verdict(decisive(part.outcome for part in parts), parts)


def _incomplete(part: Part, problem: str) -> Part:
    """Return what a part is worth when a problem kept some of the traffic from being seen."""
    if part.outcome in (Outcome.FAIL, Outcome.ERROR):
        return part
    return replace(unmeasured(part.name, problem), numbers=part.numbers)
