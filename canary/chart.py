"""The two tracks' histograms side by side: the geometry of a chart, and the rows of its table."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from canary import statistics
from canary.statistics import Pair
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
    """A bucket in the table: counts, and shares of each track's total from 0 to 1.

    In the stable's share its windows weigh as much as the canary's, as they do for the judge.
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


def chart(name: str, title: str, unit: str, scale: float, pairs: Sequence[Pair]) -> Chart:
    """Return the chart of all windows' ``pairs``, with bounds times ``scale`` in ``unit``.

    Buckets that are empty in both tracks at either end are left out.
    """
    problem = next(filter(None, (histogram_problem(name, *pair) for pair in pairs)), "")
    compared = statistics.filled(pairs)
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
    weighted_canary, weighted_stable = statistics.counts(pairs)
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
