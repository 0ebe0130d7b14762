"""The page with the results: tables, a plot, and the versions they are of."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.figure import Figure

from bc_model.evaluation import markdown_table
from bench.measure import CONNECTIONS, Load, Results
from bench.own import SIZES, Own
from bench.servers import OURS, PEERS, requirements
from scripts.running import ROOT

PAGE, PLOT = ROOT / "docs/benchmark.md", ROOT / "docs/benchmark.svg"

HEAD = [
    "", *(f"requests/s at {number}, and of the limit" for number in CONNECTIONS),
    "µs of the processor", "p50 and p99 at one, ms", "p99 of the limit's",
    "p50 and p99 at half, ms", "cold start, s", "MB",
]  # fmt: skip


def ratios(results: Results, connections: int) -> list[float]:
    """Return the share of the limit's requests a second in each round."""
    pairs = zip(results.loads[connections], results.limits[connections], strict=True)
    return [load.rate / limit.rate for load, limit in pairs]


def row(peer: str, results: Results) -> list[str]:
    """Return the cells of a server: medians, and the range of the rounds' ratios."""
    cells = [PEERS[peer].name]
    for number in CONNECTIONS:
        rate = median(load.rate for load in results.loads[number])
        low, *_, high = sorted(ratios(results, number))
        share = median(ratios(results, number))
        cells.append(f"{rate:,.0f}, {share:.3f} ({low:.3f} to {high:.3f})")
    alone, limit = results.loads[1], results.limits[1]
    cost = median(load.cost for load in results.loads[CONNECTIONS[0]])
    pairs = zip(alone, limit, strict=True)
    return [
        *cells, f"{cost:.0f}", _latencies(alone),
        f"{median(load.p99 / beside.p99 for load, beside in pairs):.1f} ×",
        _latencies(results.halves), f"{median(results.starts):.2f}", f"{results.megabytes:.0f}",
    ]  # fmt: skip


def _latencies(loads: Sequence[Load]) -> str:
    p50, p99 = median(load.p50 for load in loads), median(load.p99 for load in loads)
    return f"{p50:.2f} and {p99:.2f}"


def own_tables(own: Own, steps: Mapping[str, float], growth: Sequence[Sequence[str]]) -> str:
    """Return what only this service answers, the steps of a case, and growth, as tables."""
    sizes = [f"{size:,}" for size in SIZES]
    rows = [[name, *(f"{rate:,.0f}" for rate in rates)] for name, rates in own.rows.items()]
    times = [
        [name, f"{each:.1f} s" if each >= 1 else f"{1000 * each:.1f} ms"]
        for name, each in own.seconds.items()
    ]
    return "\n\n".join([
        markdown_table(["rows a second, in batches of", *sizes], *rows),
        markdown_table(["", "takes"], *times),
        markdown_table(["step of a single case", "µs"],
            *([name, f"{each:.1f}"] for name, each in steps.items())),
        markdown_table(["training cases", "one case, µs", "each of 256, µs"], *growth),
    ])  # fmt: skip


def versions(peer: str) -> str:
    """Return the versions of what a server is made of, by its lock file."""
    lock = requirements(peer).read_text(encoding="utf-8")
    names = (
        "uvicorn",
        "granian",
        "starlette",
        "fastapi",
        "numpy",
        "scikit-learn",
        "onnxruntime",
        "litserve",
        "bentoml",
        "mlserver",
        "mlflow",
        "ray",
    )
    pins = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    return ", ".join(f"{name} {pins[name]}" for name in names if name in pins)


def machine() -> str:
    """Return what the machine is."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    model = cpu[1] if cpu else platform.machine()
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} × {model}"


def plot(results: Mapping[str, Results]) -> None:
    """Draw the shares of the limit."""
    shares = {
        PEERS[peer].name: median(ratios(each, CONNECTIONS[0])) for peer, each in results.items()
    }
    names = sorted(shares, key=shares.__getitem__)
    figure = Figure(figsize=(7, 0.45 * len(names) + 0.8), layout="constrained")
    axes = figure.subplots()
    colours = ["#1d70b8" if name == PEERS[OURS].name else "#8a9299" for name in names]
    bars = axes.barh(names, [shares[name] for name in names], color=colours)
    axes.bar_label(bars, [f"{shares[name]:.2f}" for name in names], padding=3)
    axes.set_xlabel(f"requests a second at {CONNECTIONS[0]} connections, as a share of the limit")
    axes.set_xlim(0, 1.15)
    axes.spines[["top", "right"]].set_visible(False)
    with mpl.rc_context({"svg.hashsalt": "benchmark", "svg.fonttype": "none"}):
        figure.savefig(PLOT, metadata={"Date": None})


def write(
    results: Mapping[str, Results],
    own: Own,
    steps: Mapping[str, float],
    growth: Sequence[Sequence[str]],
    rounds: int,
    seconds: float,
) -> None:
    """Write the part of the page that is measured, and the plot."""
    plot(results)
    measured = "\n".join([
        f"{rounds} rounds of {seconds:g} s. {machine()}.", "",
        markdown_table(HEAD, *(row(peer, each) for peer, each in results.items())), "",
        own_tables(own, steps, growth), "",
        *(f"- {PEERS[peer].name}: {versions(peer)}" for peer in results),
    ])  # fmt: skip
    before, start, rest = PAGE.read_text(encoding="utf-8").partition("<!-- measured -->\n")
    _, end, after = rest.partition("<!-- end -->\n")
    PAGE.write_text(f"{before}{start}{measured}\n{end}{after}", encoding="utf-8")
