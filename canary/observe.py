"""One step of a canary: traffic, counters, and the labelled cases."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from canary import tests
from canary.cases import LabelledCases, ask_cases, read_cases, warm_up
from canary.cluster import Cluster, Pod, UnreachableError, persistently
from canary.counters import PodRecord, PodSource, track
from canary.generator import Sent, check, generate
from canary.observation import FEW, WAITS, Cases, Observation, Track, histogram

ENOUGH = 1000
"""The e-value of errors that ends the traffic early: one in a thousand by chance."""


class Images(NamedTuple):
    """What the two tracks run."""

    stable: str
    canary: str


class Traffic(NamedTuple):
    """Where generated requests go; ``rate`` is in requests a second, 0 for none."""

    url: str
    rate: float


def observe(
    cluster: Cluster,
    source: PodSource,
    images: Images,
    traffic: Traffic,
    seconds: float,
    confirm: Callable[[], None] = lambda: None,
) -> Observation:
    """Warm the canary up and ask the labelled cases, then watch both tracks under traffic.

    Only requests in the ``seconds`` after the cases count; restarts count since the pods came. The
    traffic ends early when the canary is hopeless, or when ``confirm`` raises an error.

    Raises:
        UnreachableError: the stable track does not give its labelled cases, or the cluster does not
            answer.
        ValueError: the traffic settings or the counters are invalid.
    """
    check(traffic.url, traffic.rate, seconds)
    started = _now()
    before = persistently(cluster.pods)
    labelled = read_cases(cluster)
    warm_up(cluster, labelled)
    cases, problem = _cases(cluster, labelled)
    expected = {"stable": cases.stable, "canary": cases.canary} if cases else {}
    with source.watch() as records:
        sent = generate(
            traffic.url,
            labelled.cases.tolist(),
            traffic.rate,
            seconds,
            confirm,
            expected,
            is_hopeless,
        )
    after = persistently(cluster.pods)
    is_generated = traffic.rate > 0
    stable, canary = (
        replace(
            _track(name, image, records, before, after, is_generated),
            waits=histogram(sent.seconds[name], WAITS),
            checked=len(sent.seconds[name]) if cases else 0,
            wrong=sent.wrong[name],
        )
        for name, image in zip(Images._fields, images, strict=True)
    )
    failed = len(sent.failures)
    return Observation(
        started=started,
        ended=_now(),
        stable=stable,
        canary=canary,
        cases=cases,
        problem=" ".join(filter(None, (problem, *(record.problem for record in records)))),
        sent=sent.answered + failed,
        lost=max(failed - stable.generated_errors - canary.generated_errors, 0),
        failures=sent.failures[:FEW],
    )


def is_hopeless(sent: Sent) -> bool:
    """Return whether nothing more has to be seen of the canary.

    Of a thousand canaries that fail no more requests than the stable, at most one is hopeless,
    however often this is asked. The verdict is the judge's; this only ends the traffic.
    """
    named = ((track == "canary", failed) for track, failed in sent.outcomes if track)
    return tests.evidence(named) >= ENOUGH or sent.wrong["canary"] > 0


def _cases(cluster: Cluster, labelled: LabelledCases) -> tuple[Cases | None, str]:
    try:
        return ask_cases(cluster, labelled), ""
    except UnreachableError as error:
        return None, f"The labelled cases could not be asked: {error}."


def _track(
    name: str,
    image: str,
    records: list[PodRecord],
    before: list[Pod],
    after: list[Pod],
    is_generated: bool,
) -> Track:
    own = (record for record in records if record.track == name)
    restarts = sum(pod.restarts for pod in after if pod.track == name)
    seen = {pod.name for pod in (*before, *after) if pod.track == name}
    ready = {pod.name for pod in after if pod.is_ready}
    return track(own, image, restarts, is_generated, down=len(seen - ready))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
