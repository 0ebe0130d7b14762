"""Shows both tracks right now: pods, model versions, and the split of the requests."""

import time
from collections.abc import Sequence
from typing import Any

from canary.cluster import Cluster, Pod
from canary.counters import PodRecord, PodSource, track
from canary.store import Entry, Releases, Run

TRACKS = ("stable", "canary")


def status(
    cluster: Cluster, releases: Releases, images: dict[str, str], seconds: float
) -> dict[str, Any]:
    """Return what there is to tell, after watching the pods for some ``seconds``.

    ``images`` are those of the tracks that are deployed, by the tracks' names. UnreachableError
    when the cluster does not answer.
    """
    with PodSource(cluster).watch() as records:
        time.sleep(seconds)
    pods = cluster.pods()
    found = {name: _track(name, image, pods, records) for name, image in images.items()}
    told: dict[str, Any] = {"tracks": found}
    if "canary" in found:
        told["split"] = _split(pods, found, seconds)
    if releases.run:
        run = releases.run
        told["under way"] = (
            f"{run.canary_image}: {run.phase}, by {run.holder} since {run.started} ({_known(run)})"
        )
    told["history"] = [
        f"{entry.when} {entry.who} {entry.action}: {entry.from_image} -> {entry.to_image}"
        f" ({_known(entry)})"
        for entry in releases.history
    ]
    return told


def _known(about: Run | Entry) -> str:
    """Return what is known about the image that is, or was, tried."""
    model = f"model {', '.join(about.model_versions) or 'unknown'}"
    return "; ".join(filter(None, (model, about.verdict or "not judged", about.note)))


def _track(
    name: str, image: str, pods: Sequence[Pod], records: Sequence[PodRecord]
) -> dict[str, Any]:
    own = [pod for pod in pods if pod.track == name]
    seen = track((record for record in records if record.track == name), image, 0)
    return {
        "image": image,
        "pods": f"{sum(pod.is_ready for pod in own)} of {len(own)} are ready",
        "model versions": seen.model_versions,
        "requests": seen.requests,
    }


def _split(pods: Sequence[Pod], tracks: dict[str, Any], seconds: float) -> str:
    ready = {name: sum(pod.is_ready for pod in pods if pod.track == name) for name in TRACKS}
    asked = _share(ready["canary"], sum(ready.values()))
    requests = {name: tracks[name]["requests"] if name in tracks else 0 for name in TRACKS}
    seen = _share(requests["canary"], sum(requests.values()))
    total = sum(requests.values())
    return f"{asked} asked for, {seen} seen of {total} requests in {seconds:g} s, to the canary"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"
