"""Use the service on the cluster of KUBECONFIG for half an hour, disturb it, and print the counts.

Deploys to a namespace of its own, whose node ports answer on 127.0.0.1, and removes it again.
Requests of every kind go on all the time while Prometheus is away, pods are deleted, releases roll
out, and a canary is promoted. In the end the clients' counts are compared with the log of every pod
and with Prometheus.
"""

import argparse
import io
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np

from bc_model.arrays import FloatArray
from bc_model.artifact import load_reference, read_manifest
from bc_model.evaluation import markdown_table
from canary.cluster import KubernetesCluster, UnreachableError
from scripts.load import PATIENCE_SECONDS, Count, Load, steady_load
from scripts.running import ROOT

NAMESPACE = "breast-cancer-soak"
NODE_PORT, METRICS_NODE_PORT, PROMETHEUS_NODE_PORT = 30410, 30411, 30412
DEPLOYMENT = "deployment/breast-cancer-api"
NEW, KEPT, VISITS = 20, 40, 5
"""Single cases a second on new connections and on kept ones, and requests of other kinds."""

LOOK_SECONDS, SCRAPE_SECONDS = 5, 15
AWAY_SECONDS = 60
LISTED_FAILURES = 20
SETTINGS: dict[str, Any] = {
    "kube_namespace": NAMESPACE,
    "app_node_port": NODE_PORT,
    "app_metrics_node_port": METRICS_NODE_PORT,
    "monitoring_prometheus_node_port": PROMETHEUS_NODE_PORT,
    "monitoring_grafana_enabled": False,
    "canary_steps": [{"replicas": 1, "duration": 60}, {"replicas": 3, "duration": 60}],
}


def kubectl(*arguments: str) -> str:
    """Run kubectl in the namespace, and return what it prints."""
    command = ["kubectl", f"--namespace={NAMESPACE}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def wait_for(deployment: str) -> None:
    """Wait until all of its pods are as they should be."""
    kubectl("rollout", "status", deployment, "--timeout=180s")


def play(playbook: str, **variables: Any) -> None:
    """Run a playbook; RuntimeError with the end of its output if it fails."""
    command = [
        "ansible-playbook", "-i", "inventory/kubernetes", playbook,
        "-e", json.dumps({**SETTINGS, **variables}),
    ]  # fmt: skip
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{playbook} failed:\n{result.stdout[-3000:]}{result.stderr}")


def take_prometheus_away() -> None:
    """Have no Prometheus for a minute."""
    kubectl("scale", "deployment/prometheus", "--replicas=0")
    time.sleep(AWAY_SECONDS)
    kubectl("scale", "deployment/prometheus", "--replicas=1")
    wait_for("deployment/prometheus")


def delete_pod(*options: str) -> None:
    """Delete a pod, and wait for the one that takes its place."""
    pod = kubectl("get", "pods", "--selector=version=stable", "--output=name").split()[0]
    kubectl("delete", pod, *options)
    wait_for(DEPLOYMENT)


def scale() -> None:
    """Ask for more pods, then for fewer, then for as many as before."""
    for replicas in (5, 2, 3):
        kubectl("scale", DEPLOYMENT, f"--replicas={replicas}")
        wait_for(DEPLOYMENT)


# Prometheus first: it forgets what it knew, and the pods that it finds again are the same.
DISTURBANCES: list[tuple[str, Callable[[], None]]] = [
    ("Prometheus is away", take_prometheus_away),
    ("a pod is deleted", delete_pod),
    ("a pod is killed", lambda: delete_pod("--force", "--grace-period=0")),
    ("another threshold rolls out", lambda: play("site.yml", model_threshold=0.499)),
    ("there are 5, 2 and 3 pods", scale),
    ("a canary is promoted", lambda: play("playbooks/canary.yml", model_threshold=0.5)),
    ("the promotion is rolled back", lambda: play("playbooks/rollback.yml")),
]


class Kind(NamedTuple):
    """A kind of request, and the status of its answer."""

    name: str
    method: str
    path: str
    content_type: str
    body: bytes
    status: int = 200


def kinds(cases: FloatArray) -> list[Kind]:
    """Return requests of other kinds than a single case, with these ``cases`` (n, 30)."""
    rows = cases.tolist()
    csv = "\n".join(",".join(map(str, row)) for row in rows).encode()
    npy = io.BytesIO()
    np.save(npy, cases)
    return [
        Kind("pages", "GET", "/", "", b""),
        Kind("explanations", "POST", "/explain", "application/json", _json(features=rows[0])),
        Kind("refusals", "POST", "/predict", "application/json", _json(features=[-1]), 422),
        Kind("batches", "POST", "/predict/batch", "application/json", _json(instances=rows)),
        Kind("CSV batches", "POST", "/predict/batch", "text/csv", csv),
        Kind("NPY batches", "POST", "/predict/batch", "application/x-npy", npy.getvalue()),
    ]


def _json(**content: Any) -> bytes:
    return json.dumps(content).encode()


class Visitor:
    """Sends requests of each kind in turn, each on a new connection."""

    def __init__(self, kinds: list[Kind]) -> None:
        """Send nothing yet."""
        self.counts = {kind.name: Count() for kind in kinds}
        self._kinds = itertools.cycle(kinds)
        self._started = time.monotonic()
        self._is_over = threading.Event()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Send until the block ends."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()

    def _run(self) -> None:
        url = f"http://127.0.0.1:{NODE_PORT}"
        with httpx2.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            while not self._is_over.wait(1 / VISITS):
                self._visit(client, next(self._kinds))

    def _visit(self, client: httpx2.Client, kind: Kind) -> None:
        count = self.counts[kind.name]
        headers = {"Content-Type": kind.content_type, "Connection": "close"}
        try:
            answer = client.request(kind.method, kind.path, content=kind.body, headers=headers)
            failure = f" {answer.status_code} " if answer.status_code != kind.status else ""
        except httpx2.TransportError as error:
            failure = f"{type(error).__name__} {error}"
        if failure:
            seconds = time.monotonic() - self._started
            count.failures.append(f"after {seconds:.1f} s: {kind.name}: {failure}")
        else:
            count.answered += 1


class Logs:
    """Follows the log of every pod that appears."""

    def __init__(self, directory: Path) -> None:
        """Keep the logs in ``directory``."""
        self.directory = directory
        self._cluster = KubernetesCluster("", NAMESPACE)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow until the block ends."""
        is_over = threading.Event()
        with ExitStack() as stack:
            followed = set()

            def look() -> None:
                while not is_over.wait(LOOK_SECONDS):
                    with suppress(UnreachableError):
                        for pod in self._cluster.pods():
                            if pod.is_ready and pod.name not in followed:
                                followed.add(pod.name)
                                self._follow(stack, pod.name)

            thread = threading.Thread(target=look)
            thread.start()
            try:
                yield
            finally:
                is_over.set()
                thread.join()

    @property
    def pods(self) -> int:
        """How many there have been."""
        return len(list(self.directory.glob("*.log")))

    def _follow(self, stack: ExitStack, pod: str) -> None:
        output = stack.enter_context((self.directory / f"{pod}.log").open("wb"))
        command = ["kubectl", f"--namespace={NAMESPACE}", "logs", "--follow", f"pod/{pod}"]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)


def read_logs(directory: Path) -> tuple[list[str], list[str]]:
    """Return the ids of the requests in which ``/predict`` answered a case, and other lines.

    These are no entries of the service: kubectl's own, or one cut off when a pod was killed.
    """
    ids, others = [], []
    for file in sorted(directory.glob("*.log")):
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                others.append(f"log of {file.stem}: {line}")
                continue
            is_request = entry["message"] == "request"
            if is_request and (entry["path"], entry["status"]) == ("/predict", 200):
                ids.append(entry["request_id"])
    return ids, others


def ask_prometheus(path: str, **parameters: str) -> list[dict[str, Any]]:
    """Return what Prometheus answers to a query."""
    url = f"http://127.0.0.1:{PROMETHEUS_NODE_PORT}/api/v1/{path}"
    answer = httpx2.get(url, params=parameters, trust_env=False, timeout=PATIENCE_SECONDS)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
    return found


def counted_by_prometheus(seconds: float) -> float:
    """Return how many cases ``/predict`` answered in all pods that there were."""
    series = f'requests_total{{endpoint="/predict",status="200"}}[{seconds:.0f}s]'
    sums = [f"sum(max_over_time({prefix}_{series}))" for prefix in ("app", "app_generated")]
    query = " + ".join(sums)
    return float(ask_prometheus("query", query=query)[0]["value"][1])


def memory_rows(seconds: float) -> list[list[str]]:
    """Return the memory of each pod that there was for three minutes, after one and at the end."""
    end = time.time()
    found = ask_prometheus(
        "query_range", query='process_resident_memory_bytes{job="breast-cancer-api"}',
        start=str(end - seconds), end=str(end), step=str(SCRAPE_SECONDS),
    )  # fmt: skip
    rows = []
    for number, series in enumerate(sorted(found, key=lambda each: each["values"][0]), 1):
        megabytes = [float(value) / 2**20 for _, value in series["values"]]
        minutes = len(megabytes) * SCRAPE_SECONDS / 60
        if minutes >= 3:
            numbers = [megabytes[60 // SCRAPE_SECONDS], max(megabytes), megabytes[-1]]
            rows.append([f"{number}, for {minutes:.0f} min", *(f"{each:.0f}" for each in numbers)])
    return rows


def report(
    events: list[list[str]], load: Load, visitor: Visitor, logs: Logs, seconds: float
) -> str:
    """Return what was counted, as tables."""
    counts = {"cases on new connections": load.new, "cases on kept connections": load.kept}
    counts |= visitor.counts
    rows, failures = [], []
    for name, count in counts.items():
        refused = sum(" 503 " in failure for failure in count.failures)
        numbers = [count.sent, count.answered, refused, len(count.failures) - refused]
        rows.append([name, *map(str, numbers)])
        failures += count.failures
    ids, others = read_logs(logs.directory)
    return "\n".join([
        markdown_table(["after, s", "what happened", "took, s"], *events), "",
        markdown_table(["requests", "sent", "answered", "refused", "lost"], *rows), "",
        markdown_table(["single cases answered", "number"],
            ["by the clients' count", f"{load.new.answered + load.kept.answered}"],
            ["of these, by the pods' logs", f"{sum(each.startswith(load.name) for each in ids)}"],
            ["and all, the playbooks' included, by the pods' logs", f"{len(ids)}"],
            [f"all by Prometheus, of {logs.pods} pods", f"{counted_by_prometheus(seconds):.0f}"],
        ), "",
        markdown_table(["memory of pod, MB", "after a minute", "at most", "at the end"],
            *memory_rows(seconds)), "",
        *failures[:LISTED_FAILURES], *others[:LISTED_FAILURES],
    ])  # fmt: skip


def disturb(seconds: float) -> Iterator[list[str]]:
    """Disturb the service at equal distances, and yield when each began and what it took."""
    started = time.monotonic()
    for number, (name, disturbance) in enumerate(DISTURBANCES, 1):
        due = started + seconds * number / (len(DISTURBANCES) + 1)
        time.sleep(max(due - time.monotonic(), 0))
        begun = time.monotonic()
        print(f"after {begun - started:.0f} s: {name}", file=sys.stderr, flush=True)
        try:
            disturbance()
        except (RuntimeError, subprocess.CalledProcessError) as error:  # the report says so
            print(error, file=sys.stderr, flush=True)
            name = f"{name} (failed)"
        yield [f"{begun - started:.0f}", name, f"{time.monotonic() - begun:.0f}"]
    time.sleep(max(started + seconds - time.monotonic(), 0))


def main() -> None:
    """Deploy, use and disturb, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="(default: %(default)s)")
    options = parser.parse_args()
    play("site.yml")
    model = ROOT / "artifacts/current"
    visitor = Visitor(kinds(load_reference(model, read_manifest(model)).cases))
    try:
        with tempfile.TemporaryDirectory() as directory:
            logs = Logs(Path(directory))
            started = time.monotonic()
            with logs.followed():
                with steady_load("127.0.0.1", NODE_PORT, NEW, KEPT) as load, visitor.going_on():
                    events = list(disturb(60 * options.minutes))
                time.sleep(SCRAPE_SECONDS + LOOK_SECONDS)  # the last ones are counted, too
            print(report(events, load, visitor, logs, time.monotonic() - started))
    finally:
        play("playbooks/teardown.yml")


if __name__ == "__main__":
    main()
