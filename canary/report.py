"""The report of a canary: JSON by msgspec, a table for the terminal, one HTML page."""

import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

from canary import tests
from canary.judge import Seen, Step, concluded
from canary.observation import Observation, Track, histogram_problem, whole
from canary.store import Run
from canary.tests import Pair
from canary.thresholds import Thresholds, described
from canary.verdict import Verdict

COLUMNS = 100
"""How many columns the table for the terminal has at most."""

TRACKS = ("stable", "canary")

WIDTH, HEIGHT = 400, 220
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 10, 38
"""Units of the drawing, which is scaled to its place on the page."""

MOST_LABELS = 7
GRID_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)

Line = tuple[str, str, str]


class Bar(NamedTuple):
    """A bar of one track."""

    track: str
    x: float
    y: float
    width: float
    height: float


class Mark(NamedTuple):
    """A labelled place on an axis."""

    position: float
    label: str


class Row(NamedTuple):
    """A bucket in the table: counts, and shares of each track's total from 0 to 1.

    In the stable's share its steps weigh as much as the canary's, as they do for the judge.
    """

    label: str
    stable: int
    canary: int
    stable_share: float
    canary_share: float


class Chart(NamedTuple):
    """What is drawn; where there is nothing to draw, ``problem`` says why."""

    name: str
    title: str
    unit: str
    problem: str
    rows: list[Row]
    bars: list[Bar]
    bounds: list[Mark]
    grid: list[Mark]


class Ended(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run that is over, of which a report is to be written; ``thresholds`` are not all."""

    run: Run
    seen: Seen
    decision: str
    thresholds: dict[str, Any] = {}


class Report(Struct, frozen=True, kw_only=True):
    """Everything about one run; ``steps`` are what its steps have seen, ``verdict`` is on all.

    ``decision`` is what became of the canary: ``promoted``, ``stopped``, ``waiting``, ...
    """

    run: str
    started: str
    ended: str
    namespace: str
    stable_image: str
    canary_image: str
    steps: list[Step]
    observations: list[Observation]
    verdict: Verdict
    decision: str
    thresholds: Thresholds

    @property
    def seen(self) -> Observation | None:
        """What was seen in all observations, if anything was."""
        return whole(self.observations) if self.observations else None


def write(ended: Ended, namespace: str, directory: Path, dry_run: bool) -> dict[str, str]:
    """Write the report as JSON and as a page; return it as a ``table``, and both files' paths.

    Raises:
        ValueError: a threshold is unknown or makes no sense.
        OSError: it cannot be written.
    """
    run, seen = ended.run, ended.seen
    report = Report(
        run=run.id,
        started=run.started,
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        namespace=namespace,
        stable_image=run.stable_image,
        canary_image=run.canary_image,
        steps=seen.steps,
        observations=seen.observations,
        verdict=concluded(seen.steps, seen.outcome, seen.reasons),
        decision=ended.decision,
        thresholds=Thresholds.merged(ended.thresholds),
    )
    as_json, page = directory / f"{run.id}.json", directory / f"{run.id}.html"
    if not dry_run:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            as_json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
            page.write_text(html(report), encoding="utf-8")
        except OSError as error:
            raise OSError(f"The report cannot be written: {error}") from error
    return {"table": table(report), "json": str(as_json), "page": str(page)}


def table(report: Report) -> str:
    """Return the report for the terminal: plain text of at most 100 columns."""
    seen = report.seen
    blocks = [
        _wrapped("", f"Canary {report.run}: {report.verdict.outcome.upper()}, {report.decision}"),
        _facts(report),
        _columns([_STEP_HEAD, *(_step(*numbered) for numbered in enumerate(report.steps, 1))]),
        *([_columns([("", "stable", "canary"), *_counts(seen)])] if seen else []),
        [
            line
            for part in report.verdict.parts
            for line in _wrapped(f"{part.name:<12} {part.outcome.upper():<13} ", part.reason)
        ],
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def html(report: Report) -> str:
    """Return the report as one page that needs no other file and runs no script."""
    size = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "bottom": BOTTOM}
    return _PAGE.render(
        report=report,
        charts=_charts(report.observations) if report.observations else [],
        size=size,
        models=[_models(report.seen, track) for track in TRACKS],
        counts=_counts(report.seen) if report.seen else [],
        thresholds=[
            (name, getattr(report.thresholds, name), default, why)
            for name, default, why in described()
        ],
    )


def chart(name: str, title: str, unit: str, scale: float, pairs: Sequence[Pair]) -> Chart:
    """Return the chart of all steps' ``pairs``, with bounds times ``scale`` in ``unit``.

    Buckets that are empty in both tracks at either end are left out.
    """
    problem = next(filter(None, (histogram_problem(name, *pair) for pair in pairs)), "")
    compared = tests.filled(pairs)
    if not (problem or compared):
        problem = "no step has values of both tracks"
    if problem:
        return Chart(name, title, unit, f"Not drawn: {problem}.", [], [], [], [])
    edges = [0.0, *(scale * bound for bound in compared[0].stable.bounds)]
    rows = _rows(edges, compared)
    used = [number for number, row in enumerate(rows) if row.stable or row.canary]
    first, last = used[0], used[-1]
    rows = rows[first : last + 1]
    highest = max(max(row.stable_share, row.canary_share) for row in rows)
    slot = (WIDTH - LEFT - RIGHT) / len(rows)
    every = -(-(len(rows) + 1) // MOST_LABELS)
    marks = [
        Mark(LEFT + slot * number, f"{edge:g}")
        for number, edge in enumerate(edges[first : last + 2])
        if number % every == 0
    ]
    return Chart(name, title, unit, "", rows, _bars(rows, highest, slot), marks, _grid(highest))


def _rows(edges: list[float], pairs: Sequence[Pair]) -> list[Row]:
    labels = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    stable = np.array([pair.stable.counts for pair in pairs]).sum(0).tolist()
    canary = np.array([pair.canary.counts for pair in pairs]).sum(0).tolist()
    weighted_canary, weighted_stable = tests.counts(pairs)
    shares = [(each / each.sum()).tolist() for each in (weighted_stable, weighted_canary)]
    names = [*labels, f"above {edges[-1]:g}"]
    return [Row(*row) for row in zip(names, stable, canary, *shares, strict=True)]


def _bars(rows: list[Row], highest: float, slot: float) -> list[Bar]:
    bars = []
    for number, row in enumerate(rows):
        for place, track in enumerate(("stable", "canary")):
            height = _height(row.stable_share if track == "stable" else row.canary_share, highest)
            x = LEFT + slot * (number + 0.1 + 0.4 * place)
            bars.append(Bar(track, x, HEIGHT - BOTTOM - height, 0.4 * slot, height))
    return bars


def _grid(highest: float) -> list[Mark]:
    step = next((step for step in GRID_STEPS if highest / step <= 5), GRID_STEPS[-1])
    return [
        Mark(HEIGHT - BOTTOM - _height(step * number, highest), f"{step * number:.0%}")
        for number in range(int(highest / step) + 1)
    ]


def _height(share: float, highest: float) -> float:
    return (HEIGHT - TOP - BOTTOM) * share / highest


def _charts(observations: Sequence[Observation]) -> list[Chart]:
    tracks = [(step.stable, step.canary) for step in observations]
    latencies = [Pair(stable.latency, canary.latency) for stable, canary in tracks]
    scores = [Pair(stable.probabilities, canary.probabilities) for stable, canary in tracks]
    return [
        chart("latency", "Latency", "milliseconds", 1000, latencies),
        chart("score", "Score", "probability of malignant", 1, scores),
    ]


_PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
).get_template("report.html")

_STEP_HEAD = ("step", "stable pods", "canary pods", "seconds", "requested", "observed", "verdict")


def _facts(report: Report) -> list[str]:
    seen = report.seen
    facts = {
        "stable": f"{report.stable_image}, model {_models(seen, 'stable')}",
        "canary": f"{report.canary_image}, model {_models(seen, 'canary')}",
        "namespace": report.namespace,
        "time": f"{report.started} to {report.ended}",
    }
    if seen and seen.problem:
        facts["problem"] = seen.problem
    return [line for name, value in facts.items() for line in _wrapped(f"{name:<12} ", value)]


def _step(number: int, step: Step) -> Sequence[str]:
    return (
        str(number),
        str(step.stable_replicas),
        str(step.canary_replicas),
        f"{step.seconds:g}",
        _percent(step.requested_split),
        _percent(step.observed_split),
        step.verdict.outcome,
    )


def _models(seen: Observation | None, track: str) -> str:
    versions: list[str] = getattr(seen, track).model_versions if seen else []
    return ", ".join(versions) or "unknown"


def _counts(observation: Observation) -> list[Line]:
    tracks = (observation.stable, observation.canary)

    def row(name: str, value: Callable[[Track], int]) -> Line:
        stable, canary = (str(value(track)) for track in tracks)
        return name, stable, canary

    return [
        row("requests", lambda track: track.requests),
        row("of these generated", lambda track: track.generated),
        row("errors", lambda track: track.errors),
        row("restarts", lambda track: track.restarts),
        row("called malignant", lambda track: track.predictions.get("malignant", 0)),
        row("called benign", lambda track: track.predictions.get("benign", 0)),
    ]


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines, the first column left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _wrapped(head: str, text: str) -> list[str]:
    """Return ``text`` behind ``head``, in lines that are indented by as much."""
    return textwrap.wrap(text, COLUMNS, initial_indent=head, subsequent_indent=" " * len(head)) or [
        head.rstrip()
    ]
