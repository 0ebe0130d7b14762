"""Take one step of a run: check its settings, watch both tracks, and judge the canary."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from msgspec import Struct

from canary.cluster import KubernetesCluster, UnreachableError
from canary.counters import PodSource
from canary.generator import MOST_SECONDS, check
from canary.judge import Seen, Step, judge, reasons
from canary.observation import split, whole
from canary.observe import Images, Traffic, observe
from canary.store import Run, Store
from canary.thresholds import Thresholds
from canary.transitions import mine


class PlannedStep(Struct, forbid_unknown_fields=True):
    """So many pods of the canary for ``duration`` seconds."""

    replicas: int
    duration: float


class Settings(Struct, kw_only=True, forbid_unknown_fields=True):
    """Settings of a run; ``rate`` is in requests a second, sent to ``url``."""

    steps: list[PlannedStep]
    rate: float
    url: str
    thresholds: dict[str, Any] = {}


class Task(Struct, kw_only=True, forbid_unknown_fields=True):
    """One step to take in ``run``, with what the steps before it have ``seen``.

    ``seconds`` is the time under traffic.
    """

    run: Run
    stable_replicas: int
    canary_replicas: int
    seconds: float
    url: str = ""
    rate: float = 0.0
    thresholds: dict[str, Any] = {}
    seen: Seen = Seen()


def problems(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the settings of a run, by the names of the role's variables."""
    if not settings.steps:
        yield "canary_steps: there has to be a step, like {replicas: 1, duration: 60}"
    for number, step in enumerate(settings.steps, 1):
        if step.replicas < 1:
            yield f"canary_steps: step {number} has {step.replicas} replicas; give it 1 or more"
        if not 0 < step.duration <= MOST_SECONDS:
            yield (
                f"canary_steps: step {number} takes {step.duration:g} s; give it more than 0,"
                f" and at most {MOST_SECONDS}"
            )
    if settings.rate and not settings.url:
        yield (
            "canary_traffic_url: it is empty, so nothing can be sent; set it, or set"
            " canary_traffic_rate to 0 if there is enough traffic from users"
        )
    else:
        try:
            check(settings.url, settings.rate, 0)
        except ValueError as error:
            yield f"canary_traffic_{error}"
    try:
        Thresholds.merged(settings.thresholds)
    except ValueError as error:
        yield f"canary_thresholds: {error}"


def take(cluster: KubernetesCluster, task: Task) -> Seen:
    """Watch both tracks, and return what was seen so far with the verdict on all of it.

    Raises:
        ValueError: the task makes no sense.
        RefusedError: somebody has ended the run, or taken it over.
        UnreachableError: the cluster does not answer.
    """
    stable, canary, before = task.stable_replicas, task.canary_replicas, task.seen
    if stable < 1 or canary < 1:
        raise ValueError(f"{canary} canary pods beside {stable} stable ones cannot be compared")
    check(task.url, task.rate, task.seconds)
    thresholds = Thresholds.merged(task.thresholds)
    store = Store(cluster)
    mine(store.read(), task.run.id)

    def confirm() -> None:
        with suppress(UnreachableError):  # it may be back when the step ends
            mine(store.read(), task.run.id)

    started = time.monotonic()
    seen = observe(
        cluster,
        PodSource(cluster),
        Images(task.run.stable_image, task.run.canary_image),
        Traffic(task.url, task.rate),
        task.seconds,
        confirm,
    )
    mine(store.read(), task.run.id)
    observations = [*before.observations, seen]
    verdict = judge(observations, thresholds)
    step = Step(
        stable_replicas=stable,
        canary_replicas=canary,
        seconds=round(time.monotonic() - started, 1),
        requested_split=canary / (stable + canary),
        observed_split=split(seen),
        verdict=verdict,
    )
    observed = "no requests" if step.observed_split is None else f"{step.observed_split:.0%}"
    return Seen(
        observations=observations,
        steps=[*before.steps, step],
        model_versions=whole(observations).canary.model_versions,
        outcome=verdict.outcome,
        reasons=reasons(verdict),
        summary=(
            f"{canary} canary pods beside {stable}: {step.requested_split:.0%} of the requests"
            f" asked for, {observed} seen: {verdict.outcome}"
        ),
    )
