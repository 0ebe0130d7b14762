"""The troubleshooting page: each message on it is brought about, or read from what prints it."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import preflight
import pytest
import rollout
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

import app
from bc_model import __main__ as command
from bc_model import artifact
from bc_model.classifier import Classifier
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from bc_model.floors import FloorError, check_floors
from bc_model.manifest import Feature, Manifest
from canary.judge import judge
from canary.store import Holder, RefusedError, Releases
from canary.thresholds import Thresholds
from canary.transitions import Claim, begin, mine
from tests import messages
from tests.canaries import observed, track
from tests.conftest import ROOT
from tests.tables import labelled_rows, write_rows
from web.batch import BatchDecoder
from web.logs import JsonFormatter
from web.middleware import ProblemResponder
from web.problems import ProblemError
from web.requests import JSON, BodyReader, FeatureDecoder, RequestContext, media_type
from web.server import DrainingServer
from web.settings import Settings

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ENTRIES = re.split(r"^### .+\n\n", PAGE, flags=re.MULTILINE)[1:]
ENTRY = re.compile(r"```text\n(.+?)\n```\n\n\*\*Cause\.\*\* .+?\n\n\*\*Fix\.\*\* ", re.DOTALL)


def test_each_entry_has_message_cause_and_fix() -> None:
    assert all(ENTRY.match(entry) for entry in ENTRIES)


def test_each_message_is_printed(
    start: list[str],
    model_and_data: list[str],
    requests: list[str],
    docker: list[str],
    rollouts: list[str],
    canary: list[str],
) -> None:
    brought_about = [*start, *model_and_data, *requests, *docker, *rollouts, *canary]
    texts = [*brought_about, *messages.of_roles(), *messages.of_code()]
    said = [line.strip() for text in texts for line in text.splitlines()]
    shown = [line for block in ENTRY.findall(PAGE) for line in block.splitlines()]
    missing = [line for line in shown if not any(map(pattern(line).fullmatch, said))]
    assert "\n".join(missing) == ""


def pattern(shown: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, shown.removeprefix("- ").split("..."))))


def test_links_lead_to_headings() -> None:
    headings = {h.lower().replace(" ", "-") for h in re.findall(r"^###? (.+)", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\(#(.+?)\)", PAGE)) <= headings


def refusals(attempts: Iterable[Callable[[], object]], *errors: type[BaseException]) -> list[str]:
    """Return what each attempt is refused with."""
    found = []
    for attempt in attempts:
        with pytest.raises(errors) as refused:
            attempt()
        found.append(str(refused.value))
        found += [error.detail for error in getattr(refused.value, "errors", [])]
    return found


def no_python(directory: Path) -> str:
    """Return what ``make up`` says where no Python will do."""
    shutil.copy(ROOT / "Makefile", directory)
    line = ["make", "up", "PYTHON=false"]
    return subprocess.run(line, cwd=directory, capture_output=True, text=True, check=False).stderr


@pytest.fixture
def start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> list[str]:
    lock = tmp_path / "requirements.txt"
    lock.write_text("no-such-package==1.0\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = list(preflight.port_problems("127.0.0.1", str(port), []))
        config = uvicorn.Config(Starlette(), port=port, log_config=None)
        refusals([DrainingServer(config, Starlette(), Settings()).run], SystemExit)
    found += map(JsonFormatter().format, caplog.records)
    for python in (str(tmp_path / "python"), sys.executable):
        found += preflight.python_problems(python, lock)
    found.append(no_python(tmp_path))
    monkeypatch.setattr(sys, "argv", ["app.py"])
    (tmp_path / "models/new").mkdir(parents=True)
    (tmp_path / "models/new/manifest.json").touch()
    artifact.use(tmp_path / "models", "new")
    places = [("MODEL_DIR", str(tmp_path / name)) for name in ("none", "models", ".")]
    for name, value in (*places, ("PORT", "80a")):
        monkeypatch.setenv(name, value)
        found += refusals([app.main], SystemExit)
    return found


@pytest.fixture
def model_and_data(
    tmp_path: Path, small: Dataset, manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    new = artifact.publish(
        tmp_path, replace(manifest, model_version="new"), {"model.npz": Path.touch}
    )
    (new / "model.npz").write_text("altered")
    old = artifact.publish(tmp_path, replace(manifest, format=0, model_version="old"), {})
    table = tmp_path / "table.csv"
    ones = "1," * (len(FEATURE_NAMES) - 5) + "1"
    header = ",".join(["diagnosis", "colour", *FEATURE_NAMES[1:]])
    table.write_text(f"{header}\nM\nM,1,NA,-1,1,{ones}\n0,1,1,1,1,{ones}\n")
    others = {
        "workbook.xlsx": b"PK\x03\x04\xff",
        "latin-1.csv": b"\xe9",
        "another.csv": b"name,size\n",
        "numbers.csv": ("\t".join(["7", "M", "1,001", *["1"] * 29]) + "\n"
                        + "\t".join(["8", "M", "0.5", "0,5", *["1"] * 28])).encode(),
        "unlabelled.csv": ",".join(FEATURE_NAMES).encode(),
    }  # fmt: skip
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    names, *rows = labelled_rows(small)
    reversed_rows = [["BM"["MB".index(str(row[0]))], *row[1:]] for row in rows]
    write_rows(tmp_path / "reversed.csv", [names, *reversed_rows])
    for file in (table, tmp_path / "reversed.csv", *(tmp_path / name for name in others)):
        assert command.main(["train", f"--data={file}", "--dry-run"]) == 1
    attempts = (lambda: artifact.verify(new), lambda: artifact.verify(old),
                lambda: check_floors({"accuracy": 0.5}, {"accuracy": 0.9}))  # fmt: skip
    return [capsys.readouterr().err, *refusals(attempts, artifact.ArtifactError, FloorError)]


@pytest.fixture
def requests(classifier: Classifier) -> list[str]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    features = [Feature(name, "", "", "", "", 1, 0, 2, {}) for name in FEATURE_NAMES]
    one, many = FeatureDecoder(features), BatchDecoder(features, 1)
    sent = Request({"type": "http", "headers": [(b"content-type", b"text/plain")]}, receive)
    attempts = (
        lambda: media_type(sent, JSON),
        lambda: asyncio.run(BodyReader(2).read(sent, 1)),
        lambda: one.decode(b"{"),
        lambda: one.decode(b'{"features": [1, "x"]}'),
        lambda: one.decode(b'{"features": {"mean radiu": 1}}'),
        lambda: many.decode(JSON, b'{"instances": [[], []]}'),
    )
    sent.state.context = RequestContext("1", is_generated=False)
    responder = ProblemResponder(lambda *_: Response())
    impossible = np.arange(30.0)[None, ::-1]
    cautions = [w.detail for answer in classifier.answers(impossible) for w in answer.warnings]
    problem = ProblemError("internal-error", "")
    failure = bytes(asyncio.run(responder.on_problem(sent, problem)).body).decode()
    return [*cautions, failure, *refusals(attempts, ProblemError)]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "docker").write_text("#!/bin/sh\necho permission denied >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return list(preflight.docker_problems())


@pytest.fixture
def rollouts() -> list[str]:
    status = {"observedGeneration": 1, "updatedReplicas": 3, "replicas": 3}
    deployment = {"metadata": {"generation": 1}, "spec": {"replicas": 3}, "status": status}
    found = [rollout.wait(lambda: deployment, 3, 0, 0).message]
    crashed = {"terminated": {"exitCode": 1, "reason": "Error"}}
    for reason in ("ImagePullBackOff", "ErrImagePull", "CrashLoopBackOff"):
        waiting = {"waiting": {"reason": reason, "message": "the kubelet's words"}}
        container = {"state": waiting, "lastState": crashed, "restartCount": 2}
        pod = {"metadata": {"name": "a"}, "status": {"containerStatuses": [container]}}
        found.append(rollout.describe(pod))
    unscheduled = {"conditions": [{"message": "0/1 nodes are available: Insufficient cpu."}]}
    return [*found, rollout.describe({"metadata": {"name": "a"}, "status": unscheduled})]


@pytest.fixture
def canary() -> list[str]:
    few = observed(track(requests=9), track(requests=9))
    away = replace(few, cases=None, problem="The labelled cases could not be asked: it is away.")
    lost = replace(few, sent=9, lost=9, failures=["The connection was refused."])
    parts = [part for seen in (few, away, lost) for part in judge([seen], Thresholds()).parts]
    claim = Claim(id="1", started="today", expires=1.0, holder=Holder("me", "here", 1, 0.0))
    tested = begin(Releases(), claim, "app:1", "app:2")
    assert tested.run
    waiting = Releases(replace(tested.run, phase="waiting"))
    attempts = (
        lambda: begin(tested, claim, "app:1", "app:2"),
        lambda: begin(waiting, claim, "app:1", "app:3"),
        lambda: mine(Releases(), "1"),
    )
    reasons = [f"{part.name}: {part.outcome}: {part.reason}" for part in parts]
    return [*reasons, *refusals(attempts, RefusedError)]
