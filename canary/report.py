"""The report of a canary: JSON by msgspec, a table for the terminal, one HTML page."""

import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

from canary import chart
from canary.observation import Observation, Track
from canary.releases import Run
from canary.statistics import Pair
from canary.thresholds import Thresholds, limits
from canary.verdict import Outcome, Part, Verdict
from canary.windows import whole

WIDTH = 100
"""How many columns the table for the terminal has at most."""

TRACKS = ("stable", "canary")

Row = tuple[str, str, str]


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

    windows: list[Observation] = []
    steps: list[Step] = []
    model_versions: list[str] = []
    outcome: Outcome = Outcome.INCONCLUSIVE
    reasons: list[str] = []
    summary: str = ""


class Ended(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run that is over, of which a report is to be written; ``thresholds`` are not all."""

    run: Run
    seen: Seen
    decision: str
    thresholds: dict[str, Any] = {}


class Report(Struct, frozen=True, kw_only=True):
    """Everything about one run; ``windows`` are what its steps have seen, ``verdict`` is on all.

    ``decision`` is what became of the canary: ``promoted``, ``stopped``, ``waiting``, ...
    """

    run: str
    started: str
    ended: str
    namespace: str
    stable_image: str
    canary_image: str
    steps: list[Step]
    windows: list[Observation]
    verdict: Verdict
    decision: str
    thresholds: Thresholds

    @property
    def seen(self) -> Observation | None:
        """What was seen in all windows, if anything was."""
        return whole(self.windows) if self.windows else None


def reasons(verdict: Verdict) -> list[str]:
    """Return what each part of the verdict says, in one line."""
    return [f"{part.name}: {part.outcome}: {part.reason}" for part in verdict.parts]


def concluded(steps: Sequence[Step], outcome: Outcome, why: Sequence[str]) -> Verdict:
    """Return the verdict of the last of the ``steps``, and before it ``why`` the run ended else.

    Reasons that are that verdict's own are not repeated.
    """
    judged = steps[-1].verdict if steps else Verdict(outcome, [])
    other = " ".join(reason for reason in why if reason not in reasons(judged))
    parts = [Part("run", outcome, other, {}), *judged.parts] if other else judged.parts
    return Verdict(outcome, parts)


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
        windows=seen.windows,
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
    size = {
        "width": chart.WIDTH,
        "height": chart.HEIGHT,
        "left": chart.LEFT,
        "right": chart.RIGHT,
        "bottom": chart.BOTTOM,
    }
    return _PAGE.render(
        report=report,
        charts=_charts(report.windows) if report.windows else [],
        size=size,
        models=[_models(report.seen, track) for track in TRACKS],
        counts=_counts(report.seen) if report.seen else [],
        thresholds=[
            (name, getattr(report.thresholds, name), default, why)
            for name, default, why in limits()
        ],
    )


def _charts(windows: Sequence[Observation]) -> list[chart.Chart]:
    tracks = [(window.stable, window.canary) for window in windows]
    latencies = [Pair(stable.latency, canary.latency) for stable, canary in tracks]
    scores = [Pair(stable.probabilities, canary.probabilities) for stable, canary in tracks]
    return [
        chart.chart("latency", "Latency", "milliseconds", 1000, latencies),
        chart.chart("score", "Score", "probability of malignant", 1, scores),
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


def _counts(observation: Observation) -> list[Row]:
    tracks = (observation.stable, observation.canary)

    def row(name: str, value: Callable[[Track], int]) -> Row:
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
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head)) or [
        head.rstrip()
    ]
