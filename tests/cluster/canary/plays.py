"""Runs the canary playbooks, and reads the deployed images and the recorded history."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from msgspec import json as msgspec_json

from canary.report import Report
from scripts.load import Count
from tests.cluster.conftest import PATIENCE_SECONDS, Deployed, Object, kubectl, poll, read
from tests.roles.conftest import BIN

RATE, SECONDS = 100, 12
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

# A task is printed when it has ended: these are the last ones before what is to be interrupted.
START, ANALYSIS, PROMOTION, REMOVAL = (
    "TASK [app : Apply the canary's Deployment]",
    "TASK [canary : Announce the step]",
    "TASK [app : Wait for the rollout, or undo it]",
    "TASK [app : Remove the canary]",
)


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
        for pod in poll("v1", "Pod", label_selector="version=stable")["items"]
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
