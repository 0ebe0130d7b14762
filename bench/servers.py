"""The services that are compared: a file each in peers/, with a locked environment of its own."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import psutil

from bc_model.dataset import load_dataset
from scripts.running import ROOT, START_SECONDS, free_port

HERE = Path(__file__).parent
CACHE = ROOT / ".cache/bench"
OURS = "this service"
LIMIT = "limit_uvicorn"

BODY = json.dumps({"features": load_dataset(None).X[0].tolist()})

PEERS = {
    OURS: "this service, with everything on",
    LIMIT: "the limit: bare ASGI on uvicorn",
    "limit_granian": "bare ASGI on granian",
    "onnx": "ONNX Runtime in bare Starlette",
    "fastapi_sklearn": "FastAPI and scikit-learn",
    "original": "the original's design, of late 2023",
}


class Running(NamedTuple):
    """A server that answers; it took so many ``seconds`` from its start to a right answer."""

    process: psutil.Process
    port: int
    seconds: float


def requirements(peer: str) -> Path:
    """Return the lock file of a peer."""
    return ROOT / "requirements-serve.txt" if peer == OURS else HERE / f"peers/{peer}.txt"


def install(peer: str) -> Path:
    """Return the Python of the peer's environment, which is made if it is not there."""
    lock = requirements(peer)
    directory = CACHE / peer.replace(" ", "_")
    python, made = directory / "bin/python", directory / "made-of"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not made.exists() or made.read_text() != digest:
        print(f"installing {peer}", file=sys.stderr, flush=True)
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, directory],
                       check=True)  # fmt: skip
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", lock],
            check=True,
        )
        if "def train" in (file(peer).read_text() if peer != OURS else ""):
            subprocess.run([python, "-P", file(peer), "train"], check=True)
        made.write_text(digest)
    return python


def file(peer: str) -> Path:
    """Return what a peer's Python runs."""
    return ROOT / "app.py" if peer == OURS else HERE / f"peers/{peer}.py"


@contextmanager
def running(peer: str, core: int) -> Iterator[Running]:
    """Run a peer on one core until the block ends.

    Raises:
        RuntimeError: it does not answer as it should in time.
    """
    port, python = free_port(), install(peer)
    environment = {**os.environ, "PORT": str(port)}
    for library in ("OPENBLAS", "OMP"):
        environment[f"{library}_NUM_THREADS"] = "1"
    # -P: a file of the name of a package must not hide it.
    arguments = [str(file(peer))] if peer == OURS else ["-P", str(file(peer)), str(port)]
    command = ["taskset", "--cpu-list", str(core), str(python), *arguments]
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=file(peer).parent, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                raise RuntimeError(f"{peer} does not answer")
            time.sleep(0.002)
        yield Running(psutil.Process(process.pid), port, time.monotonic() - started)
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status == 200 and json.loads(response.read())["prediction"] == 0
    except OSError:
        return False
    finally:
        connection.close()
