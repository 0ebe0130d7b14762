"""Simulated canary runs: how often the judge stops a good canary, and catches a bad one.

Pods, requests and latencies are drawn at random, from a sample of the real service, and counted in
the service's own buckets. The models' answers are real: those of the artifact, of models fitted
here, and of deliberately damaged ones.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from scipy import stats

from bc_model.arrays import BoolArray, FloatArray
from bc_model.drift import PROBABILITY_BUCKETS
from bc_model.evaluation import markdown_table
from bc_model.training import Progress
from canary.judge import Outcome, judge
from canary.observation import WAITS, Observation, Stratum, Track, histogram
from canary.thresholds import Thresholds
from studies.candidates import Candidates, Draw
from web.metrics import REQUEST_BUCKETS

STABLE_REPLICAS = 3
RATE = 20
"""Requests a second that the traffic generator sends, on average."""

BATCH_RATE = 0.5
"""Users' batches a second; each takes BATCH_COST times as long as a single case."""

BATCH_COST = 20

STEPS = ((1, 60), (3, 60))
"""The canary's replicas in each step, and its seconds."""

STALL_SECONDS = 0.5
BLOCKED_SECONDS = 0.3
"""How long a blocked event loop takes nothing up, in each second."""

NETWORK_SECONDS, NETWORK_SPREAD = 0.001, 0.3
"""What connecting and the network add for a client: the median, and the spread of its logarithm."""

# From ``python -m studies.measure_latency``: 4,000 requests to /predict, 20 a second, to six
# processes of ``python app.py`` on a machine of two cores that others were using too, which shows
# in the last fifth.

MEDIANS = (0.978, 0.937, 0.916, 0.924, 0.931, 0.913)
"""Each process's median, in milliseconds: pods of one image differ as these do."""

QUANTILES = {
    0: 0.551, 0.001: 0.595, 0.01: 0.64, 0.05: 0.695, 0.1: 0.748, 0.15: 0.79, 0.2: 0.827,
    0.25: 0.856, 0.3: 0.885, 0.35: 0.914, 0.4: 0.939, 0.45: 0.97, 0.5: 1.0, 0.55: 1.038,
    0.6: 1.076, 0.65: 1.12, 0.7: 1.181, 0.75: 1.289, 0.8: 1.57, 0.85: 2.332, 0.9: 3.155,
    0.95: 4.6, 0.97: 5.815, 0.98: 6.755, 0.99: 8.376, 0.995: 10.156, 0.999: 18.605, 1: 190.687,
}  # fmt: skip
"""Quantiles of the durations, in medians of the process that answered."""

POD_SPREAD = float(np.std(np.log(MEDIANS), ddof=1))
"""Standard deviation of the logarithm of pods' medians."""

_RANKS = np.array(list(QUANTILES))
_LOG_QUANTILES = np.log(np.array(list(QUANTILES.values())) * np.mean(MEDIANS) / 1000)


@dataclass(frozen=True)
class Scenario:
    """What is the matter with a canary, and what should become of it.

    ``draw`` returns the answers of its model to the labelled cases.
    ``slowdown`` multiplies its latency; a ``stalling`` share of its requests takes
    ``STALL_SECONDS`` more, and a ``hanging`` share is never answered. Its clients wait for
    ``outside`` seconds more than the service measures, and for its event loop if it is ``blocked``;
    a ``stale`` share of its answers is that to another request. The error rates are shares of the
    generated requests. ``users`` are requests a second whose connections stay with the stable. A
    ``batch_errors`` share of the canary's batches fails, and they take ``batch_slowdown`` times as
    long. In the second step, everything on both tracks takes ``busy`` times as long, and
    ``busy_errors`` more of the requests fail.
    """

    name: str
    expected: Outcome
    draw: Draw
    canary_errors: float = 0.0
    stable_errors: float = 0.0
    slowdown: float = 1.0
    stalling: float = 0.0
    hanging: float = 0.0
    outside: float = 0.0
    blocked: bool = False
    stale: float = 0.0
    users: float = 0.0
    batch_errors: float = 0.0
    batch_slowdown: float = 1.0
    busy: float = 1.0
    busy_errors: float = 0.0
    rate: float = RATE

    @property
    def has_batches(self) -> bool:
        """Whether users send batches."""
        return self.batch_errors > 0 or self.batch_slowdown > 1


def scenarios(candidates: Candidates) -> list[Scenario]:
    """Return the rows of the table, named as they are there."""
    same = candidates.same
    good, bad = Outcome.PASS, Outcome.FAIL
    return [
        Scenario("the same image", good, same),
        Scenario("the same image, 1 % errors on both tracks", good, same, 0.01, 0.01),
        Scenario("the same image, the canary's pods 10 % slower", good, same, slowdown=1.1),
        Scenario("the same image, a second step of 3 × the latency", good, same, busy=3),
        Scenario("the same image, a second step of 3 % errors", good, same, busy_errors=0.03),
        Scenario("retrained with another seed", good, candidates.retrained(seed=7)),
        Scenario("retrained with C = 0.5", good, candidates.retrained(C=0.5)),
        Scenario("retrained with C = 5", good, candidates.retrained(C=5)),
        Scenario("2 % errors added", bad, same, 0.02),
        Scenario("2 % errors added to 1 % on both tracks", bad, same, 0.03, 0.01),
        Scenario("2 % of its requests hang", bad, same, hanging=0.02),
        Scenario("latency × 1.5", bad, same, slowdown=1.5),
        Scenario("one request in ten takes 0.5 s more", bad, same, stalling=0.1),
        Scenario("50 ms more outside the service", bad, same, outside=0.05),
        Scenario("an event loop blocked for 300 ms a second", bad, same, blocked=True),
        Scenario("one answer in a hundred is that to another request", bad, same, stale=0.01),
        Scenario(
            "2 % errors on both tracks, and users on stable without",
            good,
            same,
            0.02,
            0.02,
            users=400,
        ),
        Scenario("every batch fails, one request in forty", bad, same, batch_errors=1),
        Scenario("batches take 4 times as long", bad, same, batch_slowdown=4),
        Scenario("sensitivity − 5 points", bad, candidates.insensitive(0.05)),
        Scenario("C = 5, and sensitivity − 5 points", bad, candidates.insensitive(0.05, C=5)),
        Scenario("overfitted with C = 10", Outcome.INCONCLUSIVE, candidates.retrained(C=10)),
        Scenario("overfitted with C = 30", bad, candidates.retrained(C=30)),
        Scenario("overfitted with C = 1000", bad, candidates.retrained(C=1000)),
        Scenario("underfitted with C = 0.3", bad, candidates.retrained(C=0.3)),
        Scenario("trained on shuffled labels", bad, candidates.shuffled()),
        Scenario("labels swapped", bad, candidates.swapped()),
        Scenario("no traffic", Outcome.INCONCLUSIVE, same, rate=0),
    ]


def simulate(
    scenario: Scenario,
    candidates: Candidates,
    thresholds: Thresholds,
    generator: np.random.Generator,
) -> Outcome:
    """Return what becomes of one run: judged after each step on everything since the start.

    A look that fails, or is an error, ends the run; otherwise the last look decides.
    """
    run = _Run(scenario, candidates, generator)
    outcome = Outcome.INCONCLUSIVE
    for replicas, seconds in STEPS:
        run.step(replicas, seconds)
        outcome = judge(run.windows, thresholds).outcome
        if outcome in (Outcome.FAIL, Outcome.ERROR):
            break
    return outcome


class _Run:
    """The pods of one run, and what was counted."""

    def __init__(
        self, scenario: Scenario, candidates: Candidates, generator: np.random.Generator
    ) -> None:
        self._scenario = scenario
        self._generator = generator
        most = STABLE_REPLICAS + max(replicas for replicas, _ in STEPS)
        self._speeds = np.exp(generator.normal(0, POD_SPREAD, most))
        self._speeds[STABLE_REPLICAS:] *= scenario.slowdown
        stable, canary = candidates.same(generator), scenario.draw(generator)
        self._answers = np.stack([stable.served, canary.served])
        self._threshold = candidates.threshold
        self.windows: list[Observation] = []
        self._cases = candidates.cases(stable, canary)

    def step(self, replicas: int, seconds: float) -> None:
        """Send each request to a random pod, with a random case, and add a window."""
        draw, scenario = self._generator, self._scenario
        is_busy = bool(self.windows)
        requests = round(scenario.rate * seconds)
        pods = draw.integers(STABLE_REPLICAS + replicas, size=requests)
        to_canary = pods >= STABLE_REPLICAS
        durations = np.exp(np.interp(draw.random(requests), _RANKS, _LOG_QUANTILES))
        durations *= self._speeds[pods] * (scenario.busy if is_busy else 1)
        durations += STALL_SECONDS * (to_canary & (draw.random(requests) < scenario.stalling))
        error_rates = np.where(to_canary, scenario.canary_errors, scenario.stable_errors)
        error_rates = error_rates + is_busy * scenario.busy_errors
        failed = draw.random(requests) < error_rates
        hang = to_canary & (draw.random(requests) < scenario.hanging)
        asked = draw.integers(self._answers.shape[1], size=requests)
        answers = self._answers[to_canary.astype(int), asked]
        waits = durations + np.exp(draw.normal(np.log(NETWORK_SECONDS), NETWORK_SPREAD, requests))
        waits += to_canary * scenario.outside
        if scenario.blocked:
            waits += to_canary * np.maximum(BLOCKED_SECONDS - draw.random(requests), 0)
        stable, canary = (
            replace(
                self._track(durations[track], failed[track], answers[track]),
                waits=histogram(waits[track & ~failed], WAITS),
                checked=int((track & ~failed).sum()),
            )
            for track in (~to_canary, to_canary & ~hang)
        )
        canary = replace(canary, wrong=int(draw.binomial(canary.checked, scenario.stale)))
        stable, canary = self._with_users(stable, canary, replicas, seconds)
        cases = replace(
            self._cases,
            stable_failures=self._case_failures(scenario.stable_errors),
            canary_failures=self._case_failures(scenario.canary_errors + scenario.hanging),
        )
        window = Observation("", "", stable, canary, cases, sent=requests, lost=int(hang.sum()))
        self.windows.append(window)

    def _with_users(
        self, stable: Track, canary: Track, replicas: int, seconds: float
    ) -> tuple[Track, Track]:
        """Add users' requests to the tracks."""
        draw, scenario = self._generator, self._scenario
        users = round(scenario.users * seconds)
        if users:
            durations = np.exp(np.interp(draw.random(users), _RANKS, _LOG_QUANTILES))
            stable = _with("/predict", stable, durations, 0)
        batches = round(BATCH_RATE * seconds) if scenario.has_batches else 0
        if batches:
            to_canary = draw.integers(STABLE_REPLICAS + replicas, size=batches) >= STABLE_REPLICAS
            durations = BATCH_COST * np.exp(np.interp(draw.random(batches), _RANKS, _LOG_QUANTILES))
            slower = durations[to_canary] * scenario.batch_slowdown
            failed = int(draw.binomial(to_canary.sum(), scenario.batch_errors))
            stable = _with("/predict/batch", stable, durations[~to_canary], 0)
            canary = _with("/predict/batch", canary, slower, failed)
        return stable, canary

    def _track(self, seconds: FloatArray, failed: BoolArray, probabilities: FloatArray) -> Track:
        """Count requests (k,) in their track; those that ``failed`` predicted nothing."""
        predicted = probabilities[~failed]
        malignant = int((predicted >= self._threshold).sum())
        errors = int(failed.sum())
        latency = histogram(seconds, REQUEST_BUCKETS)
        return Track(
            image="simulated",
            model_versions=["simulated"],
            requests=len(failed),
            errors=errors,
            latency=latency,
            predictions={"malignant": malignant, "benign": len(predicted) - malignant},
            probabilities=histogram(predicted, PROBABILITY_BUCKETS),
            restarts=0,
            generated=len(failed),
            generated_errors=errors,
            strata={"generated /predict": Stratum(len(failed), errors, latency)},
        )

    def _case_failures(self, rate: float) -> int:
        return int(self._generator.binomial(len(self._cases.targets), rate))


def _with(endpoint: str, track: Track, durations: FloatArray, errors: int) -> Track:
    """Return the track with users' requests to an endpoint (k,)."""
    stratum = Stratum(len(durations), errors, histogram(durations, REQUEST_BUCKETS))
    return replace(
        track,
        requests=track.requests + stratum.requests,
        errors=track.errors + stratum.errors,
        strata={**track.strata, endpoint: stratum},
    )


def simulation_table(
    candidates: Candidates, runs: int, seed: int, progress: Callable[[str], Progress]
) -> str:
    """Return the Markdown table of all scenarios, with ``runs`` of each.

    ``progress`` returns a wrapper for the iterable of a named row.
    """
    rows = []
    for row, scenario in enumerate(scenarios(candidates)):
        found = Counter(
            simulate(scenario, candidates, Thresholds(), np.random.default_rng([seed, row, run]))
            for run in progress(scenario.name)(range(runs))
        )
        shares = (_share(found[outcome], runs) for outcome in Outcome)
        rows.append([scenario.name, scenario.expected, *shares])
    return markdown_table(["canary", "should", *Outcome], *rows)


def _share(count: int, runs: int) -> str:
    """Return a share of the runs with its exact 95 % interval (Clopper and Pearson, 1934)."""
    interval = stats.binomtest(count, runs).proportion_ci()
    return f"{count / runs:.1%} [{interval.low:.1%}, {interval.high:.1%}]"
