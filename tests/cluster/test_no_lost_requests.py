"""Under a steady load every request is answered, whatever happens to the pods behind the port."""

import time

import pytest
import yaml

from scripts.load import Load, steady_load
from tests.cluster.conftest import NODE_PORT, PATIENCE_SECONDS, PATIENTLY, Deployed, kubectl, read
from tests.conftest import ROOT

DEPLOYMENT = "deployment/breast-cancer-api"
FEWEST_REQUESTS = 20_000
LONGEST_SECONDS = 450
DEFAULTS = yaml.safe_load((ROOT / "roles/app/defaults/main.yml").read_text(encoding="utf-8"))
AS_SHIPPED = {
    "app_pre_stop_seconds": DEFAULTS["app_pre_stop_seconds"],
    "app_drain_seconds": DEFAULTS["app_drain_seconds"],
    "app_progress_seconds": 120,
}
HEALTH = """
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:8000/health").read().decode())
"""


@pytest.fixture(scope="module")
def served(checkout: Deployed) -> Deployed:
    """A checkout that is up."""
    result = checkout.on_cluster("site.yml", **AS_SHIPPED)
    assert result.returncode == 0, result.stdout
    return checkout


def image() -> str:
    pod = read("deployment", "breast-cancer-api")["spec"]["template"]["spec"]
    name: str = pod["containers"][0]["image"]
    return name


def wait_for_pods(number: int) -> None:
    """Wait until there are so many ready pods and, as old ones end, no others."""
    kubectl("rollout", "status", DEPLOYMENT, PATIENTLY)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(read("pods", "--selector=version=stable")["items"]) != number:
        assert time.monotonic() < deadline, kubectl("get", "pods")
        time.sleep(1)


def scale_to(number: int) -> None:
    kubectl("scale", DEPLOYMENT, f"--replicas={number}")
    wait_for_pods(number)


def send_the_rest(load: Load) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while load.new.sent + load.kept.sent < FEWEST_REQUESTS and time.monotonic() < deadline:
        time.sleep(1)


def test_no_request_is_lost(served: Deployed) -> None:
    """Model and code change, a pod is deleted, and there are more and then fewer of them."""
    before = image()
    with (served.directory / "app.py").open("a") as code:
        code.write("# changed\n")
    with steady_load("127.0.0.1", NODE_PORT, new=120, kept=240) as load:
        result = served.on_cluster("site.yml", **AS_SHIPPED, model_threshold=0.45)
        assert result.returncode == 0, result.stdout
        assert image() != before
        wait_for_pods(3)
        assert kubectl("exec", DEPLOYMENT, "--", "tail", "-1", "app.py") == "# changed\n"
        assert '"threshold":0.45' in kubectl("exec", DEPLOYMENT, "--", "python", "-c", HEALTH)

        pod = read("pods", "--selector=version=stable")["items"][0]["metadata"]["name"]
        kubectl("delete", "pod", pod)
        wait_for_pods(3)

        scale_to(5)
        scale_to(2)
        send_the_rest(load)

    print(f"{load.new.answered} + {load.kept.answered} requests answered")
    assert (load.new.failures, load.kept.failures) == ([], [])
    assert load.new.answered + load.kept.answered >= FEWEST_REQUESTS
    assert load.new.answered > FEWEST_REQUESTS / 5
