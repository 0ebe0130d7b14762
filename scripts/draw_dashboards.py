"""``python -m scripts.draw_dashboards URL FOLDER`` draws the dashboards as SVG, without a Grafana.

The Prometheus at URL is asked what the panels in the dashboards' JSON ask, and the answers are
drawn where the panels are. Panels look plainer than Grafana's; the numbers are the same.
"""

import argparse
import itertools
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from scripts.dashboards import DIRECTORY

Object = dict[str, Any]

STEPS = 80
UNIT_WIDTH, UNIT_HEIGHT = 0.55, 0.38
GAP = 0.02
"""Inches of a unit of Grafana's grid, which is 24 units wide; the gap is a share of the picture."""

STYLES = ("-", "--", ":")
"""Of lines: where one lies on another, both are seen."""

UNITS: dict[str, Callable[[float], str]] = {
    "percentunit": lambda value: f"{100 * value:.3g} %",
    "s": lambda value: f"{1000 * value:.3g} ms",
    "bytes": lambda value: f"{value / 2**20:.3g} MiB",
    "reqps": lambda value: f"{value:.3g} req/s",
    "cps": lambda value: f"{value:.3g} /s",
}


class Series(NamedTuple):
    """What a query found under one name: values (n,) at times (n,), in minutes before now."""

    name: str
    times: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]


class Asked:
    """A Prometheus, and what dashboards' variables stand for."""

    def __init__(self, url: str, namespace: str, minutes: float, end: float) -> None:
        """Ask the Prometheus at ``url`` for the ``minutes`` before ``end``, a time.time()."""
        self._url, self._end, self._seconds = url, end, minutes * 60
        step = max(1, round(self._seconds / STEPS))
        self._variables = {
            "$__rate_interval": f"{4 * step}s", "$__range": f"{round(self._seconds)}s",
            "$namespace": namespace, "$feature": "mean radius", "$model": "",
        }  # fmt: skip
        self._step = str(step)
        info = self._get("query", query=f'app_model_info{{namespace="{namespace}"}}')
        self._variables["$model"] = info[0]["metric"]["model_version"]

    def series(self, target: Object) -> list[Series]:
        """Return what the target of a panel finds; the buckets of a histogram are told apart."""
        query = target["expr"]
        for name, value in self._variables.items():
            query = query.replace(name, value)
        if target.get("range"):
            start, end = str(self._end - self._seconds), str(self._end)
            found = self._get("query_range", query=query, start=start, end=end, step=self._step)
        else:
            found = [
                {**each, "values": [each["value"]]}
                for each in self._get("query", query=query, time=str(self._end))
            ]
        series = [self._one(each, target["legendFormat"]) for each in found]
        return _by_bucket(series) if target.get("format") == "heatmap" else series

    def title(self, title: str) -> str:
        """Return a panel's title with its variables filled in."""
        return title.replace("$feature", self._variables["$feature"])

    def _one(self, found: Object, legend: str) -> Series:
        name = re.sub(r"\{\{(\w+)\}\}", lambda match: found["metric"].get(match[1], ""), legend)
        times, values = np.array(found["values"], dtype=float).T
        return Series(name, (times - self._end) / 60, values)

    def _get(self, path: str, **parameters: str) -> list[Object]:
        address = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  what was asked for
            result: list[Object] = json.load(answer)["data"]["result"]
        return result


def _by_bucket(cumulative: list[Series]) -> list[Series]:
    """Return the buckets of a histogram by themselves; the last has no bound of its own."""
    ordered = sorted(cumulative, key=lambda each: float(each.name))
    below = np.zeros(1)
    buckets = []
    for each in ordered:
        buckets.append(Series(f"up to {each.name}", each.times, each.values - below))
        below = each.values
    return [each for each in buckets if each.name != "up to +Inf" or each.values[-1] > 0]


def draw_all(asked: Asked, folder: Path) -> None:
    """Write the pictures of the dashboards that have queries."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "dashboards"})
    for name in ("service", "canary", "model"):
        board = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
        _draw(board, asked, folder / f"{name}.svg")


def _draw(board: Object, asked: Asked, file: Path) -> None:
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    top = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = plt.figure(figsize=(24 * UNIT_WIDTH, top * UNIT_HEIGHT))
    for panel in board["panels"]:
        place = panel["gridPos"]
        left, bottom = place["x"] / 24, 1 - (place["y"] + place["h"]) / top
        if panel["type"] == "row":
            figure.text(0.01, bottom + 0.3 / top, panel["title"], fontsize=13, weight="bold")
            continue
        long_names = 0.09 if panel["type"] in ("bargauge", "state-timeline") else 0.045
        width, height = place["w"] / 24 - long_names - GAP, place["h"] / top - 2.4 / top
        axes = figure.add_axes((left + long_names, bottom + 1.2 / top, width, height))
        axes.set_title(asked.title(panel["title"]), fontsize=9, loc="left")
        series = [each for target in panel["targets"] for each in asked.series(target)]
        DRAWN[panel["type"]](axes, panel, series)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def _lines(axes: Axes, panel: Object, series: list[Series]) -> None:
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    if custom.get("stacking", {}).get("mode") == "normal" and series:
        times = np.unique(np.concatenate([each.times for each in series]))
        rows = [np.interp(times, *each[1:], left=0, right=0) for each in series]
        axes.stackplot(times, np.nan_to_num(rows), labels=[each.name for each in series], alpha=0.7)
    else:
        for each, style in zip(series, itertools.cycle(STYLES), strict=False):
            axes.plot(each.times, each.values, label=each.name, linewidth=1, linestyle=style)
    _scaled(axes, panel, series, "y")
    if 0 < len(series) <= 8:
        axes.legend(fontsize=6, loc="lower left", framealpha=0.6)
    axes.set_xlabel("minutes", fontsize=7, labelpad=1)
    top = axes.get_ylim()[1]
    axes.set_ylim(-0.03 * top, 1.1 * top)  # what is 0 all the time is above the axis, and seen


def _number(axes: Axes, panel: Object, series: list[Series]) -> None:
    axes.set_axis_off()
    for each in series[:1]:
        last = each.values[np.isfinite(each.values)][-1:]
        text = _format(panel)(float(last[0])) if len(last) else "no data"
        axes.text(0.5, 0.4, text, fontsize=20, ha="center", va="center", transform=axes.transAxes)


def _bars(axes: Axes, panel: Object, series: list[Series]) -> None:
    names, values = [each.name for each in series], [each.values[-1] for each in series]
    limit = _limit(panel)
    colours = ["tab:red" if limit and value >= limit else "tab:green" for value in values]
    axes.barh(names, values, color=colours if limit else "tab:blue")
    axes.invert_yaxis()
    _scaled(axes, panel, series, "x")
    axes.set_xlim(left=0)


def _states(axes: Axes, panel: Object, series: list[Series]) -> None:
    for number, each in enumerate(series):
        there = each.times[np.isfinite(each.values) & (each.values > 0)]
        axes.plot(there, np.full(len(there), number), linewidth=8, solid_capstyle="butt")
    if not series:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing", fontsize=8, ha="center", transform=axes.transAxes)
        return
    axes.set_yticks(range(len(series)), [each.name for each in series])
    axes.set_ylim(-0.5, len(series) - 0.5)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("minutes", fontsize=7, labelpad=1)


def _scaled(axes: Axes, panel: Object, series: list[Series], axis: str) -> None:
    """Label the values in the panel's unit, and draw its limit where it comes near."""
    form = _format(panel)
    scale = axes.yaxis if axis == "y" else axes.xaxis
    scale.set_major_formatter(lambda value, _: form(value))
    axes.tick_params(labelsize=6)
    limit = _limit(panel)
    highest = max((np.nanmax(each.values, initial=0) for each in series), default=0)
    if limit and highest > limit / 5:
        line = axes.axhline if axis == "y" else axes.axvline
        line(limit, color="tab:red", linestyle="--", linewidth=1)


def _format(panel: Object) -> Callable[[float], str]:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    return UNITS.get(unit, lambda value: f"{value:,.0f}" if value >= 100 else f"{value:.3g}")


def _limit(panel: Object) -> float | None:
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    return next((step["value"] for step in steps if step["value"] is not None), None)


DRAWN = {"timeseries": _lines, "stat": _number, "bargauge": _bars, "state-timeline": _states}


def main() -> None:
    """Draw the dashboards that have queries."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="like http://127.0.0.1:9090")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--namespace", default="breast-cancer", help="(default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=180, help="(default: %(default)s)")
    options = parser.parse_args()
    draw_all(Asked(options.url, options.namespace, options.minutes, time.time()), options.folder)


if __name__ == "__main__":
    main()
