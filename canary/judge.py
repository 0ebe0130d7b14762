"""The verdict on a canary: errors, latency, predictions, model."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from canary.latency_check import latency
from canary.model_check import model
from canary.observation import Observation, whole
from canary.thresholds import Thresholds
from canary.traffic_check import errors, predictions
from canary.verdict import Outcome, Part, Verdict, decisive, unmeasured

__all__ = ["Outcome", "Part", "Seen", "Step", "Verdict", "concluded", "judge", "reasons"]


class Step(Struct, frozen=True, kw_only=True):
    """One step of the run; ``verdict`` is on everything since the run's start.

    ``seconds`` is how long it took. A split is the canary's share of the requests, from 0 to 1;
    the observed one is None when there were no requests.
    """

    stable_replicas: int
    canary_replicas: int
    seconds: float
    requested_split: float
    observed_split: float | None
    verdict: Verdict


class Seen(Struct, frozen=True, kw_only=True):
    """What a run has seen so far, with the verdict on all of it and its ``reasons``.

    ``model_versions`` are the canary's; ``summary`` is the last step in one line.
    """

    observations: list[Observation] = []
    steps: list[Step] = []
    model_versions: list[str] = []
    outcome: Outcome = Outcome.INCONCLUSIVE
    reasons: list[str] = []
    summary: str = ""


def judge(observations: Sequence[Observation], thresholds: Thresholds) -> Verdict:
    """Return the verdict on at least one step of a run.

    It fails if any part does, and passes only if every part does.
    """
    seen = whole(observations)
    traffic = [judged(observations, thresholds) for judged in (errors, latency, predictions)]
    if seen.problem and seen.cases is not None:
        traffic = [_incomplete(part, seen.problem) for part in traffic]
    parts = [*traffic, model(seen, thresholds)]
    return Verdict(decisive(part.outcome for part in parts), parts)


def _incomplete(part: Part, problem: str) -> Part:
    """Return what a part is worth when a problem kept some of the traffic from being seen."""
    if part.outcome in (Outcome.FAIL, Outcome.ERROR):
        return part
    return replace(unmeasured(part.name, problem), numbers=part.numbers)


def reasons(verdict: Verdict) -> list[str]:
    """Return what each part of the verdict says, in one line."""
    return [f"{part.name}: {part.outcome}: {part.reason}" for part in verdict.parts]


def concluded(steps: Sequence[Step], outcome: Outcome, why: Sequence[str]) -> Verdict:
    """Return the verdict of the last of the ``steps``, preceded by ``why`` the run ended.

    Reasons that are that verdict's own are not repeated.
    """
    judged = steps[-1].verdict if steps else Verdict(outcome, [])
    other = " ".join(reason for reason in why if reason not in reasons(judged))
    parts = [Part("run", outcome, other, {}), *judged.parts] if other else judged.parts
    return Verdict(outcome, parts)
