"""The two tracks' histograms side by side: the geometry of a chart, and the rows of its table."""

from typing import NamedTuple

from canary.observation import Histogram
from canary.validity import histogram_problem

WIDTH, HEIGHT = 400, 220
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 10, 38
"""Units of the drawing, which is scaled to its place on the page."""

MOST_LABELS = 7
GRID_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)


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
    """A bucket in the table: counts, and shares of each track's total from 0 to 1."""

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


def chart(
    name: str, title: str, unit: str, scale: float, pair: tuple[Histogram, Histogram]
) -> Chart:
    """Return the chart of the (stable, canary) ``pair``, with bounds times ``scale`` in ``unit``.

    Buckets that are empty in both at either end are left out.
    """
    stable, canary = pair
    problem = histogram_problem(name, stable, canary)
    if not (problem or any(stable.counts) or any(canary.counts)):
        problem = "nothing was counted"
    if problem:
        return Chart(name, title, unit, f"Not drawn: {problem}.", [], [], [], [])
    used = [
        number
        for number, counts in enumerate(zip(stable.counts, canary.counts, strict=True))
        if any(counts)
    ]
    first, last = used[0], used[-1]
    edges = [0.0, *(scale * bound for bound in stable.bounds)]
    rows = [_row(number, edges, stable, canary) for number in range(first, last + 1)]
    highest = max(max(row.stable_share, row.canary_share) for row in rows)
    slot = (WIDTH - LEFT - RIGHT) / len(rows)
    every = -(-(len(rows) + 1) // MOST_LABELS)
    marks = [
        Mark(LEFT + slot * number, f"{edge:g}")
        for number, edge in enumerate(edges[first : last + 2])
        if number % every == 0
    ]
    return Chart(name, title, unit, "", rows, _bars(rows, highest, slot), marks, _grid(highest))


def _row(number: int, edges: list[float], stable: Histogram, canary: Histogram) -> Row:
    is_last = number == len(edges) - 1
    label = f"above {edges[-1]:g}" if is_last else f"{edges[number]:g} to {edges[number + 1]:g}"
    counts = stable.counts[number], canary.counts[number]
    shares = (
        count / max(sum(all_.counts), 1)
        for count, all_ in zip(counts, (stable, canary), strict=True)
    )
    return Row(label, *counts, *shares)


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
