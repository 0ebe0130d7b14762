"""The services that are compared: a file each in peers/, with a locked environment of its own."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bc_model.dataset import load_dataset
from scripts.running import ROOT, START_SECONDS, free_port

HERE = Path(__file__).parent
CACHE = ROOT / ".cache/bench"
OURS = "this service"
LIMIT = "limit_uvicorn"

STOP_SECONDS = 5

ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
    # Nobody is told that they ran.
    "BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}  # fmt: skip

CASE = load_dataset(None).X[0].tolist()
"""A malignant one, which is 0 to all of them."""


class Peer(NamedTuple):
    """What a service is called, how it is asked for ``CASE``, and where its answer says 0."""

    name: str
    path: str = "/predict"
    question: object = {"features": CASE}
    answer: tuple[str | int, ...] = ("prediction",)

    @property
    def body(self) -> str:
        """The question as JSON."""
        return json.dumps(self.question)

    def is_right(self, answer: Any) -> bool:
        """Return whether ``answer`` is what it should be."""
        for key in self.answer:
            answer = answer[key]
        return bool(answer == 0)


PEERS = {
    OURS: Peer("this service, with everything on"),
    LIMIT: Peer("the limit: bare ASGI on uvicorn"),
    "limit_granian": Peer("bare ASGI on granian"),
    "onnx": Peer("ONNX Runtime in bare Starlette"),
    "fastapi_sklearn": Peer("FastAPI and scikit-learn"),
    "original": Peer("the original's design, of late 2023"),
    "litserve": Peer("LitServe"),
    "bentoml_service": Peer("BentoML"),
    "mlserver": Peer(
        "MLServer", "/v2/models/model/infer",
        {"inputs": [{"name": "X", "shape": [1, len(CASE)], "datatype": "FP64", "data": CASE}]},
        ("outputs", 0, "data", 0),
    ),
    "mlflow_server": Peer("MLflow", "/invocations", {"inputs": [CASE]}, ("predictions", 0)),
    "ray_serve": Peer("Ray Serve"),
}  # fmt: skip


class Running(NamedTuple):
    """A server that answers; it took so many ``seconds`` from its start to a right answer."""

    peer: Peer
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
        if peer != OURS and "\nscikit-learn==" in lock.read_text():
            subprocess.run([python, "-P", "-W", "ignore", HERE / "train.py"], check=True)
        if peer != OURS and "def prepare" in file(peer).read_text():
            subprocess.run([python, "-P", file(peer), "prepare"], check=True)
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
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **ENVIRONMENT, "PATH": path, "PORT": str(port)}
    # -P: a file of the name of a package must not hide it.
    arguments = [str(file(peer))] if peer == OURS else ["-P", str(file(peer)), str(port)]
    command = ["taskset", "--cpu-list", str(core), str(python), *arguments]
    started = time.monotonic()
    log = CACHE / f"{peer}.log"
    with log.open("wb") as errors:
        process = psutil.Popen(
            command, cwd=file(peer).parent, env=environment,
            stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
    try:
        while not _answers(PEERS[peer], port):
            if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                raise RuntimeError(f"{peer} does not answer; see {log}")
            time.sleep(0.002)
        yield Running(PEERS[peer], process, port, time.monotonic() - started)
    finally:
        with suppress(psutil.NoSuchProcess):  # it has already exited
            family = [process, *process.children(recursive=True)]
            process.terminate()
            for each in psutil.wait_procs(family, timeout=STOP_SECONDS)[1]:
                each.kill()  # some leave child processes running


def _answers(peer: Peer, port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", peer.path, peer.body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status == 200 and peer.is_right(json.loads(response.read()))
    except OSError:
        return False
    finally:
        connection.close()
