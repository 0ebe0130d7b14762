"""Measure single cases with wrk, a server beside the limit.

The server has one core, and wrk the other. A round measures the limit and then the server, so that
what slows the machine slows both; ratios are of one round. Nothing else should run meanwhile.
"""

import re
import subprocess
import tempfile
from typing import NamedTuple

import psutil

from bench.servers import LIMIT, Running, running

SERVER_CORE, CLIENT_CORE = 1, 0
CONNECTIONS = (16, 128)
STARTS = 5
REQUESTS = 10_000
"""After so many the memory is read."""


class Load(NamedTuple):
    """What wrk measured: requests a second, and milliseconds; and microseconds of the processor."""

    rate: float
    p50: float
    p99: float
    cost: float


class Results(NamedTuple):
    """What was measured of a server, by connections and round; ``limits`` beside ``loads``.

    ``halves`` are of about half the requests a second that it can answer.
    """

    loads: dict[int, list[Load]]
    limits: dict[int, list[Load]]
    halves: list[Load]
    starts: list[float]
    megabytes: float


def wrk(server: Running, connections: int, seconds: float, pause: float = 0) -> Load:
    """Return what wrk measures of single cases on so many connections.

    Each sends its next case a ``pause`` of so many milliseconds after an answer.

    Raises:
        RuntimeError: some were not answered with 200.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            'wrk.method = "POST"\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            f"wrk.body = '{server.peer.body}'\n"
        )
        if pause:
            script.write(f"function delay() return {pause:.0f} end\n")
        script.flush()
        command = [
            "taskset", "--cpu-list", str(CLIENT_CORE), "wrk", "--threads=1", "--latency",
            f"--connections={connections}", f"--duration={seconds:g}s", "--timeout=10s",
            f"--script={script.name}", f"http://127.0.0.1:{server.port}{server.peer.path}",
        ]  # fmt: skip
        before = _processor_seconds(server.process)
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used = _processor_seconds(server.process) - before
    return parsed(output, used)


def parsed(output: str, used: float) -> Load:
    """Return what wrk printed; the server ``used`` so many seconds of the processor.

    Raises:
        RuntimeError: some requests were not answered with 200.
    """
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    (requests,) = re.findall(r"(\d+) requests in", output)
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", output)
    p50, p99 = (_milliseconds(output, share) for share in ("50%", "99%"))
    return Load(float(rate), p50, p99, 1e6 * used / int(requests))


def _milliseconds(output: str, share: str) -> float:
    ((number, unit),) = re.findall(rf"^\s+{share}\s+([\d.]+)(us|ms|s) *$", output, re.MULTILINE)
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _processor_seconds(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in _family(process))


def measure(peer: str, rounds: int, seconds: float) -> Results:
    """Return what is measured of a peer."""
    starts = []
    for _ in range(STARTS):
        with running(peer, SERVER_CORE) as server:
            starts.append(server.seconds)
    loads: dict[int, list[Load]] = {number: [] for number in (1, *CONNECTIONS)}
    limits: dict[int, list[Load]] = {number: [] for number in loads}
    with running(LIMIT, SERVER_CORE) as limit, running(peer, SERVER_CORE) as server:
        for _ in range(rounds):
            for number in loads:
                limits[number].append(wrk(limit, number, seconds))
                loads[number].append(wrk(server, number, seconds))
        most = CONNECTIONS[-1]
        pause = 2000 * most / max(load.rate for load in loads[most])
        halves = [wrk(server, most, seconds, pause) for _ in range(rounds)]
        sent = sum(load.rate * seconds for each in loads.values() for load in each)
        while sent < REQUESTS:
            sent += wrk(server, CONNECTIONS[0], seconds).rate * seconds
        memory = sum(each.memory_info().rss for each in _family(server.process))
    return Results(loads, limits, halves, starts, memory / 2**20)
