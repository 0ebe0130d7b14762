"""The process: how it starts, what stops its start, and what it does not import."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from tests.cases import MALIGNANT, MALIGNANT_BY_NAME
from tests.conftest import ROOT, START_SECONDS, free_port, running_service


def test_sigterm_ends_the_service_and_says_so_nowhere_else(model_dir: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running_service({"MODEL_DIR": str(model_dir), "VERSION": "canary"}, log) as client:
        assert client.get("/health").json()["version"] == "canary"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[-1]["message"].startswith("Finished server process")


def test_another_threshold_changes_the_decision_alone(model_dir: Path, tmp_path: Path) -> None:
    environment = {"MODEL_DIR": str(model_dir), "THRESHOLD": "0.99"}
    with running_service(environment, tmp_path / "log") as client:
        answer = client.post("/predict", json={"features": MALIGNANT}).json()
        assert client.get("/health").json()["threshold"] == 0.99
    assert answer["threshold"] == 0.99
    assert answer["diagnosis"] == "benign"
    assert answer["prediction"] == 1
    assert answer["probability_malignant"] > 0.95


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def test_a_wrong_setting_stops_the_start(model_dir: Path) -> None:
    ended = start({"MODEL_DIR": str(model_dir), "PORT": "http"})
    assert ended.returncode == 1
    assert ended.stderr == "app.py: PORT='http' must be a whole number from 1 to 65535\n"


def test_a_missing_model_stops_the_start(tmp_path: Path) -> None:
    ended = start({"MODEL_DIR": str(tmp_path)})
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"{tmp_path} is not a model: it has no manifest.json" in ended.stderr
    assert "python -m bc_model train" in ended.stderr


@pytest.mark.parametrize("name", ["model.npz", "reference.npz", "manifest.json"])
def test_a_flipped_byte_stops_the_start(model_dir: Path, tmp_path: Path, name: str) -> None:
    for file in ("model.npz", "reference.npz", "manifest.json"):
        (tmp_path / file).write_bytes((model_dir / file).read_bytes())
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    ended = start({"MODEL_DIR": str(tmp_path)})
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"{tmp_path}/{name} " in ended.stderr


def test_a_port_in_use_stops_the_start(model_dir: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        ended = start({"MODEL_DIR": str(model_dir), "PORT": str(port)})
    assert ended.returncode != 0
    assert "address already in use" in ended.stdout


def test_help_lists_the_settings() -> None:
    ended = subprocess.run(
        [sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "MAX_BODY_BYTES" in ended.stdout
    assert "(default: artifacts/current)" in ended.stdout


SERVE_WITHOUT = """
import pickle, runpy, sys, threading, time, urllib.request, os, signal, json

class Forbidden(pickle.Unpickler):
    def __init__(self, *arguments, **keywords):
        raise AssertionError("something was unpickled")

def forbidden(*arguments, **keywords):
    raise AssertionError("something was unpickled")

pickle.Unpickler, pickle.load, pickle.loads = Forbidden, forbidden, forbidden

def ask():
    base = f"http://127.0.0.1:{os.environ['PORT']}"
    for _ in range(200):
        try:
            urllib.request.urlopen(base + "/readyz")
            break
        except OSError:
            time.sleep(0.05)
    body = os.environ["BODY"].encode()
    headers = {"Content-Type": "application/json"}
    for path in ("/predict", "/explain"):
        request = urllib.request.Request(base + path, body, headers)
        print(path, json.load(urllib.request.urlopen(request))["diagnosis"])
    for path in ("/", "/?example=benign", "/batch", "/model/card", "/metrics", "/model",
                 "/openapi.json"):
        urllib.request.urlopen(base + path).read()
    for path, content_type, body in json.loads(os.environ["BODIES"]):
        headers = {"Content-Type": content_type}
        request = urllib.request.Request(base + path, body.encode("latin-1"), headers)
        print(path, urllib.request.urlopen(request).status)
    heavy = {"sklearn", "scipy", "joblib", "matplotlib", "tqdm"} & set(sys.modules)
    print("imported:", sorted(heavy))
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=ask).start()
sys.argv = ["app.py"]
runpy.run_path("app.py", run_name="__main__")
"""


def bodies_of_batches() -> list[tuple[str, str, str]]:
    """Paths with content types and bodies, as Latin-1 text."""
    array = io.BytesIO()
    np.save(array, np.array([MALIGNANT]))
    row = ",".join(map(str, MALIGNANT))
    part = 'Content-Disposition: form-data; name="cases"; filename="cases.csv"'
    form = f"--limit\r\n{part}\r\n\r\n{row}\r\n--limit--\r\n"
    case = urlencode(MALIGNANT_BY_NAME)
    return [
        ("/predict/batch", "application/json", json.dumps({"instances": [MALIGNANT]})),
        ("/predict/batch", "text/csv", row),
        ("/predict/batch", "application/x-npy", array.getvalue().decode("latin-1")),
        ("/batch", "multipart/form-data; boundary=limit", form),
        ("/", "application/x-www-form-urlencoded", case),
        ("/export", "application/x-www-form-urlencoded", case),
    ]


def test_serving_imports_no_training_library_and_unpickles_nothing(model_dir: Path) -> None:
    environment = {
        **os.environ,
        "MODEL_DIR": str(model_dir),
        "PORT": str(free_port()),
        "BODY": json.dumps({"features": MALIGNANT}),
        "BODIES": json.dumps(bodies_of_batches()),
        "LOG_LEVEL": "error",
        "no_proxy": "*",
    }
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", SERVE_WITHOUT],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    answers = ["/predict malignant", "/explain malignant"]
    answers += [f"{path} 200" for path, _, _ in bodies_of_batches()]
    assert ended.stdout.splitlines() == [*answers, "imported: []"], ended.stderr
    assert ended.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"VERSION": "canary", "POD_NAME": "breast-cancer-api-1"}, "canary/breast-cancer-api-1"),
        ({"VERSION": "canary"}, "canary"),
        ({}, "stable"),
    ],
)
def test_every_answer_names_its_track_and_pod(
    model_dir: Path, tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    with running_service({"MODEL_DIR": str(model_dir), **settings}, tmp_path / "log") as client:
        body = {"features": [9] * 30}
        answers = [client.get("/livez"), client.get("/no"), client.post("/predict", json=body)]
    assert [answer.headers["X-Served-By"] for answer in answers] == [named] * 3
