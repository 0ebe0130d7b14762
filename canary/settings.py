"""What a run is given, checked before anything is done."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from canary.generator import MOST_SECONDS, check
from canary.thresholds import Thresholds


def problems(
    steps: Sequence[Mapping[str, Any]], rate: float, url: str, thresholds: Mapping[str, object]
) -> Iterator[str]:
    """Yield what is wrong with the settings of a run, by the names of their variables.

    ``steps`` have ``replicas`` and ``duration`` (s); ``rate`` is in requests a second.
    """
    if not steps:
        yield "canary_steps: there has to be a step, like {replicas: 1, duration: 60}"
    for number, step in enumerate(steps, 1):
        if step["replicas"] < 1:
            yield f"canary_steps: step {number} has {step['replicas']} replicas; give it 1 or more"
        if not 0 < step["duration"] <= MOST_SECONDS:
            yield (
                f"canary_steps: step {number} takes {step['duration']:g} s; give it more than 0,"
                f" and at most {MOST_SECONDS}"
            )
    if rate and not url:
        yield (
            "canary_traffic_url: it is empty, so nothing can be sent; set it, or where there are"
            " users enough -e canary_traffic_rate=0"
        )
    else:
        try:
            check(url, rate, 0)
        except ValueError as error:
            yield f"canary_traffic_{error}"
    try:
        Thresholds.merged(thresholds)
    except ValueError as error:
        yield f"canary_thresholds: {error}"
