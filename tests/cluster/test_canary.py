"""Canaries under load: a good one is promoted by itself, and each bad one is stopped."""

import base64
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import json as msgspec_json

from bc_model.dataset import load_dataset
from canary.report import Report
from canary.verdict import Outcome
from tests.cluster.conftest import (
    NAMESPACE,
    NODE_PORT,
    Deployed,
    Object,
    call,
    kubectl,
    read,
    watched_readiness,
)
from tests.cluster.load import Count, steady_load
from tests.roles.conftest import BIN
from tests.roles.test_site import changes

RATE, SECONDS = 100, 12
PATIENCE_SECONDS = 300
Variant = Callable[..., str]

TWO_STEPS = [{"replicas": 1, "duration": 12}, {"replicas": 3, "duration": 6}]

FAST = {
    "app_pre_stop_seconds": 3,
    "app_drain_seconds": 3,
    "app_progress_seconds": 60,
    "canary_steps": [{"replicas": 1, "duration": SECONDS}],
    "canary_traffic_rate": RATE,
    "canary_thresholds": {"latency_ratio": 2},  # whatever else this machine does meanwhile
}

SABOTAGE = """
import app

async def predict(self, request, original=app.Service.predict):
    {predict}
    return await original(self, request)

async def readyz(self, request, original=app.Service.readyz):
    {readyz}
    return await original(self, request)

app.Service.predict = predict
app.Service.readyz = readyz
app.main()
"""


@pytest.fixture(scope="module")
def served(checkout: Deployed) -> Deployed:
    """A checkout that is up, whatever the tests before have done to it."""
    result = checkout.on_cluster("site.yml", **FAST)
    assert result.returncode == 0, result.stdout
    return checkout


@pytest.fixture(scope="module")
def variant(served: Deployed) -> Iterator[Variant]:
    """Return images of the same model, whose code does something else, or nothing else."""
    names: list[str] = []

    def build(predict: str = "pass", readyz: str = "pass") -> str:
        name = f"breast-cancer-api:variant-{time.time_ns()}"
        code = base64.b64encode(SABOTAGE.format(predict=predict, readyz=readyz).encode())
        start = "import base64, os; exec(base64.b64decode(os.environ['CODE']))"
        dockerfile = (
            f"FROM {base}\nENV CODE={code.decode()} NAME={name}\n"
            f"CMD {json.dumps(['python', '-c', start])}\n"
        )
        call("docker", "build", "--quiet", f"--tag={name}", "-", stdin=dockerfile)
        names.append(name)
        return name

    base = stable_image()
    yield build
    for name in names:
        call("docker", "image", "rm", "--force", name)


class Play:
    """A playbook that goes on while the test does, and is killed if it has not ended by then."""

    def __init__(self, site: Deployed, playbook: str, **variables: Any) -> None:
        command = site.cluster_command(f"playbooks/{playbook}.yml", **{**FAST, **variables})
        self.log = site.directory / "play.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:]],
                cwd=site.directory,
                env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "Play":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def said(self) -> str:
        return " ".join(self.log.read_text(encoding="utf-8").split())

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.2)


def stable_image() -> str:
    pod = read("deployment", "breast-cancer-api")["spec"]["template"]["spec"]
    name: str = pod["containers"][0]["image"]
    return name


def stable_pods() -> dict[str, int]:
    """Return the stable pods that are to stay by name, with their restarts."""
    return {
        pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in read("pods", "--selector=version=stable")["items"]
        if "deletionTimestamp" not in pod["metadata"]
    }


def serving_images() -> set[str]:
    """Return the images of the stable pods that are to stay; nothing until 3 of them are ready."""
    pods = [
        pod
        for pod in read("pods", "--selector=version=stable")["items"]
        if "deletionTimestamp" not in pod["metadata"]
    ]
    is_ready = [
        status["ready"] for pod in pods for status in pod["status"].get("containerStatuses", [])
    ]
    images = {pod["spec"]["containers"][0]["image"] for pod in pods}
    return images if is_ready == [True] * 3 else set()


def releases() -> Object:
    content: Object = json.loads(
        read("configmap", "breast-cancer-releases")["data"]["releases.json"]
    )
    return content


def last_entry() -> Object:
    entry: Object = releases()["history"][-1]
    return entry


def assert_no_canary() -> None:
    assert kubectl("get", "pods", "--selector=version=canary").strip() == ""
    assert "canary" not in kubectl("get", "deployments")
    assert releases()["run"] is None


def newest_report(site: Deployed) -> Report:
    files = sorted((site.directory / "var" / "canary").glob("*.json"))
    return msgspec_json.decode(files[-1].read_bytes(), type=Report)


def said(result: subprocess.CompletedProcess[str]) -> str:
    return re.sub(r"\s+", " ", result.stdout)


def failures(*counts: Count) -> list[str]:
    return [failure for count in counts for failure in count.failures]


def test_good_canary_is_promoted(served: Deployed) -> None:
    before = stable_image()
    settings = {**FAST, "model_seed": 7, "canary_steps": TWO_STEPS}
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load, watched_readiness() as ready:
        result = served.on_cluster("playbooks/canary.yml", **settings)
    assert result.returncode == 0, result.stdout
    assert "25% of the requests asked for" in said(result)
    assert "50% of the requests asked for" in said(result)
    assert failures(load.new, load.kept) == []
    assert load.new.answered > 2000
    assert min(ready) >= 3
    after = stable_image()
    assert after != before
    assert_no_canary()
    entry = last_entry()
    assert (entry["action"], entry["from_image"], entry["to_image"]) == ("promoted", before, after)
    assert len(entry["model_versions"]) == 1
    assert (entry["verdict"], entry["note"]) == ("pass", "")
    report = newest_report(served)
    assert (report.verdict.outcome, report.decision) == (Outcome.PASS, "promoted")
    assert report.observation
    assert report.observation.canary.generated > 200
    assert report.observation.canary.requests > report.observation.canary.generated
    assert [step.requested_split for step in report.steps] == [0.25, 0.5]
    page = served.directory / "var" / "canary" / f"{report.run}.html"
    assert "<svg" in page.read_text(encoding="utf-8")


def test_promotion_outlives_site(served: Deployed) -> None:
    promoted = stable_image()
    result = served.on_cluster("site.yml", **FAST)
    assert result.returncode == 0, result.stdout
    assert changes(result.stdout) <= 1  # the model of the inventory is in use again
    assert f"{promoted} stays: " in said(result)
    assert stable_image() == promoted


def test_what_runs_already_is_not_tried(served: Deployed) -> None:
    result = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=stable_image())
    assert result.returncode == 0, result.stdout
    assert "is what runs already" in said(result)
    again = served.on_cluster("playbooks/promote.yml", **FAST)
    assert again.returncode == 0, again.stdout
    assert "was promoted already" in said(again)
    assert changes(again.stdout) == 0


def test_status_tells_both_tracks_and_the_history(served: Deployed) -> None:
    result = served.on_cluster("playbooks/status.yml")
    assert result.returncode == 0, result.stdout
    assert "3 of 3 are ready" in said(result)
    assert f"promoted: {last_entry()['from_image']} -> {stable_image()}" in said(result)


def test_rollback_after_a_promotion_is_quick_and_loses_nothing(served: Deployed) -> None:
    promoted = last_entry()
    former = promoted["from_image"]
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load, watched_readiness() as ready:
        started = time.monotonic()
        with Play(served, "rollback") as play:
            while serving_images() != {former}:
                assert time.monotonic() - started < 30
            assert play.process.wait(PATIENCE_SECONDS) == 0, play.said()
    assert failures(load.new, load.kept) == []
    assert min(ready) >= 3
    assert stable_image() == former
    entry = last_entry()
    assert (entry["action"], entry["note"]) == ("rolled back", "by hand")
    for known in ("model_versions", "verdict"):
        assert entry[known] == promoted[known]
    again = served.on_cluster("playbooks/rollback.yml", **FAST)
    assert "no promotion to go back behind" in said(again)
    assert (again.returncode, changes(again.stdout)) == (0, 0)


BAD = {
    "answers 500 now and then": (
        {"predict": "import random\n    assert random.random() > 0.05"},
        "errors: fail",
    ),
    "sleeps": ({"predict": "import asyncio\n    await asyncio.sleep(0.03)"}, "latency: fail"),
    "hangs now and then": (
        {
            "predict": "import asyncio\n    app.asked = getattr(app, 'asked', 0) + 1"
            "\n    await asyncio.sleep(0 if app.asked % 25 else 30)"
        },
        "errors: fail: ",
    ),
    "never gets ready": (
        {"readyz": "from starlette.exceptions import HTTPException\n    raise HTTPException(503)"},
        "did not become ready",
    ),
    "is killed for memory": (
        {"predict": "app.hoard = [getattr(app, 'hoard', None), bytearray(b'x') * 2**21]"},
        "restarted",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_canary_is_stopped(served: Deployed, variant: Variant, kind: str) -> None:
    code, reason = BAD[kind]
    image, pods = stable_image(), stable_pods()
    settings = {**FAST, "app_progress_seconds": 15, "canary_image": variant(**code)}
    settings["canary_steps"] = TWO_STEPS  # of which there is only the first
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load, watched_readiness() as ready:
        result = served.on_cluster("playbooks/canary.yml", **settings)
    assert result.returncode != 0
    assert "was not promoted" in said(result)
    assert reason in said(result)
    assert stable_image() == image
    assert stable_pods() == pods
    assert min(ready) >= 3
    assert_no_canary()
    assert last_entry()["action"] == "stopped"
    report = newest_report(served)
    assert (report.canary_image, report.decision) == (settings["canary_image"], "stopped")
    assert report.verdict.outcome == Outcome.FAIL
    assert len(report.steps) == (0 if kind == "never gets ready" else 1)
    if kind == "never gets ready":
        assert failures(load.new, load.kept) == []
        assert [part.name for part in report.verdict.parts] == ["run"]


def test_fast_and_wrong_canary_is_stopped(served: Deployed, tmp_path: Path) -> None:
    """Its training data has the labels swapped, so that by its own cases it is excellent."""
    dataset = load_dataset(None)
    lines = [
        f"{number},{'BM'[target]},{','.join(map(str, row))}"
        for number, (row, target) in enumerate(zip(dataset.X.tolist(), dataset.y, strict=True))
    ]
    data = tmp_path / "swapped.csv"
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    image, pods = stable_image(), stable_pods()
    result = served.on_cluster("playbooks/canary.yml", **FAST, model_data=str(data))
    assert result.returncode != 0
    assert "model: fail" in said(result)
    assert (stable_image(), stable_pods()) == (image, pods)
    assert_no_canary()


def test_without_traffic_nothing_is_promoted(served: Deployed, variant: Variant) -> None:
    image = stable_image()
    settings = {**FAST, "canary_image": variant(), "canary_traffic_rate": 0}
    settings["canary_steps"] = [{"replicas": 1, "duration": 3}]
    result = served.on_cluster("playbooks/canary.yml", **settings)
    assert result.returncode != 0
    assert "was not promoted (inconclusive)" in said(result)
    assert stable_image() == image
    assert_no_canary()


def test_image_that_is_nowhere(served: Deployed) -> None:
    result = served.on_cluster("playbooks/canary.yml", **FAST, canary_image="nowhere:1")
    assert result.returncode != 0
    assert "There is no image nowhere:1" in said(result)


# A task is printed when it has ended: these are the last ones before what is to be interrupted.
START, ANALYSIS, PROMOTION, REMOVAL = (
    "TASK [app : Apply its Deployment]",
    "TASK [canary : Tell what comes]",
    "TASK [app : See the rollout through]",
    "TASK [app : Remove the canary]",
)


def test_canary_that_waits_and_verbs_that_are_killed(served: Deployed, variant: Variant) -> None:
    image, tried = stable_image(), variant()
    result = served.on_cluster(
        "playbooks/canary.yml", **FAST, canary_image=tried, canary_auto=False
    )
    assert result.returncode == 0, result.stdout
    other = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=variant())
    assert other.returncode != 0
    assert f"The canary {tried} waits for a decision" in said(other)
    kubectl("scale", "deployment/breast-cancer-api", "--replicas=2")  # app_replicas are 3
    for verb, stage, image_after, action in (
        ("promote", REMOVAL, tried, "promoted"),
        ("rollback", PROMOTION, image, "rolled back"),
    ):
        with Play(served, verb) as play:
            play.wait_for(stage)
        result = served.on_cluster(f"playbooks/{verb}.yml", **FAST)
        assert result.returncode == 0, result.stdout
        assert stable_image() == image_after
        assert_no_canary()
        entry = last_entry()
        assert (entry["action"], entry["verdict"]) == (action, "pass")
        assert entry["note"].startswith("by hand")
    assert len(stable_pods()) == 2
    kubectl("scale", "deployment/breast-cancer-api", "--replicas=3")


def test_next_run_brings_a_killed_one_to_its_end(served: Deployed, variant: Variant) -> None:
    first, second, third = variant(), variant(), variant()
    long = [{"replicas": 1, "duration": 600}]
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load:
        with Play(served, "canary", canary_image=first) as play:
            play.wait_for(START)
        with Play(served, "canary", canary_image=second, canary_steps=long) as play:
            play.wait_for(f"was interrupted while it was testing: {first}")
            play.wait_for(ANALYSIS)
            other = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=third)
            assert other.returncode != 0
            assert "wait for its end, or end it: playbooks/rollback.yml" in said(other)
            image, pods = stable_image(), stable_pods()
            with (served.directory / "static" / "style.css").open("a", encoding="utf-8") as file:
                file.write("/* changed */\n")
            site = served.on_cluster("site.yml", **FAST)
            assert site.returncode == 0, site.stdout
            assert f"{image} stays: the canary {second} is compared with it" in said(site)
            assert stable_pods() == pods
        with Play(served, "canary", canary_image=third) as play:
            play.wait_for(f"was interrupted while it was testing: {second}")
            play.wait_for(PROMOTION)
        result = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=third)
    assert result.returncode == 0, result.stdout
    assert f"was interrupted while it was promoting: {third}" in said(result)
    assert failures(load.new, load.kept) == []
    assert stable_image() == third
    assert_no_canary()
    assert len(stable_pods()) == 3
    entry = last_entry()
    assert (entry["verdict"], entry["note"]) == ("pass", "interrupted")
    assert len(entry["model_versions"]) == 1


@pytest.mark.parametrize(
    ("stage", "is_killed"), [(PROMOTION, True), (START, False), (PROMOTION, False)]
)
def test_rollback_ends_a_run_that_is_killed_or_goes_on(
    served: Deployed, variant: Variant, stage: str, is_killed: bool
) -> None:
    image = stable_image()
    with (
        steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load,
        Play(served, "canary", canary_image=variant()) as play,
    ):
        play.wait_for(stage)
        if is_killed:
            play.process.kill()
        result = served.on_cluster("playbooks/rollback.yml", **FAST)
        assert result.returncode == 0, result.stdout
        assert play.process.wait(PATIENCE_SECONDS) != 0
    assert failures(load.new, load.kept) == []
    assert is_killed or "Somebody else has ended this canary" in play.said()
    assert stable_image() == image
    assert_no_canary()
    assert len(stable_pods()) == 3


def test_prometheus_counts_where_there_is_one(served: Deployed, variant: Variant) -> None:
    watching = served.on_cluster("playbooks/monitoring.yml", monitoring_scrape_interval="2s")
    assert watching.returncode == 0, watching.stdout
    result = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=variant())
    assert result.returncode == 0, result.stdout
    assert "counted by Prometheus: pass" in said(result)
    seen = newest_report(served).observation
    assert seen
    assert seen.stable.generated + seen.canary.generated == RATE * SECONDS


def test_teardown_takes_the_history_too(served: Deployed) -> None:
    result = served.on_cluster("playbooks/teardown.yml", **FAST)
    assert result.returncode == 0, result.stdout
    assert NAMESPACE not in kubectl("get", "namespaces", "--output=name").split("/")
