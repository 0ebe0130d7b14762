"""Measure what only this service does: batches, explanations, the page, and training."""

import csv
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
import numpy as np

from bc_model.dataset import load_dataset
from bc_model.features import FEATURE_NAMES
from bench.measure import CLIENT_CORE, SERVER_CORE
from bench.servers import CASE, OURS, running
from scripts.running import ROOT
from web.batch import CSV, NPY
from web.form import URLENCODED
from web.requests import JSON

SIZES = (1, 100, 5000)
SECONDS = 2
"""For which each is asked, one request after the other."""

FORMATS = {"JSON": JSON, "CSV": CSV, "NPY": NPY}


class Own(NamedTuple):
    """Rows a second by format and number of rows, and seconds that other things take."""

    rows: dict[str, list[float]]
    seconds: dict[str, float]


def body(media_type: str, rows: int) -> bytes:
    """Return so many cases of the data set, from its first one on, again and again.

    They have four decimals, and an array has single precision: as they are, 5,000 exceed the most
    bytes of a body.
    """
    X = np.resize(load_dataset(None).X, (rows, len(CASE))).round(4)
    if media_type == JSON:
        return msgspec.json.encode({"instances": X.tolist()})
    if media_type == CSV:
        text = io.StringIO()
        csv.writer(text).writerows(X.tolist())
        return text.getvalue().encode()
    array = io.BytesIO()
    np.save(array, X.astype(np.float32))
    return array.getvalue()


def measure() -> Own:
    """Return what is measured, with medians of the times between a request and its answer."""
    with running(OURS, SERVER_CORE) as server, _on_core(CLIENT_CORE):
        connection = HTTPConnection("127.0.0.1", server.port)

        def seconds(method: str, path: str, content: bytes = b"", media_type: str = JSON) -> float:
            times: list[float] = []
            end = time.perf_counter() + SECONDS
            while not times or time.perf_counter() < end:
                started = time.perf_counter()
                connection.request(method, path, content, {"Content-Type": media_type})
                response = connection.getresponse()
                answer = response.read()
                times.append(time.perf_counter() - started)
                if response.status != 200:
                    raise RuntimeError(f"{method} {path}: {response.status} {answer[:500]!r}")
            return median(times)

        rows = {
            name: [
                size / seconds("POST", "/predict/batch", body(media_type, size), media_type)
                for size in SIZES
            ]
            for name, media_type in FORMATS.items()
        }
        case = msgspec.json.encode({"features": CASE})
        form = urlencode(dict(zip(FEATURE_NAMES, CASE, strict=True))).encode()
        taken = {
            "`POST /explain`": seconds("POST", "/explain", case),
            "the page, empty": seconds("GET", "/"),
            "the page with an answer": seconds("POST", "/", form, URLENCODED),
            "`GET /metrics`": seconds("GET", "/metrics"),
        }
    taken["import of the service"] = _command("-c", "import app")
    with tempfile.TemporaryDirectory() as directory:
        train = ["-m", "bc_model", "train", "--artifacts", directory]
        taken["training and evaluation, on two cores"] = _command(*train)
    return Own(rows, taken)


def _command(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
