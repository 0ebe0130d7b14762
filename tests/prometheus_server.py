"""A real Prometheus on a free port of this machine."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.conftest import ROOT, START_SECONDS, free_port

RULES = ROOT / "roles/monitoring/files/rules.yml"


@contextmanager
def running_prometheus(directory: Path, configuration: dict[str, Any]) -> Iterator[str]:
    """Run it until the block ends, and return its URL as soon as it answers queries."""
    command = shutil.which("prometheus")
    if not command:
        pytest.fail("These tests need Prometheus: install it, so that prometheus is on the PATH")
    file, log = directory / "prometheus.yml", directory / "prometheus.log"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={file}",
        f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--enable-feature=auto-reload-config",
        "--config.auto-reload-interval=1s",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen([command, *arguments], stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx2.TransportError:
        return False


class Prometheus:
    """What a Prometheus answers."""

    def __init__(self, client: httpx2.Client) -> None:
        self.url = str(client.base_url).rstrip("/")
        self._client = client

    def get(self, path: str, **parameters: str) -> Any:
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def wait_for(self, query: str) -> None:
        """Wait until the query has a result."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.get("query", query=query)["result"]:
                return
            time.sleep(0.2)
        raise AssertionError(f"nothing came of {query}")

    def values(self, query: str, label: str) -> dict[str, float]:
        """Return the values of a query by one of their labels."""
        found = self.get("query", query=query)["result"]
        return {each["metric"].get(label, ""): float(each["value"][1]) for each in found}


@contextmanager
def watched(directory: Path, **targets: httpx2.Client) -> Iterator[Prometheus]:
    """Watch the services, each as the one pod of the track that it is named by."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        group["interval"] = "1s"
    (directory / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    watched_pods = [
        {
            "targets": [f"127.0.0.1:{client.base_url.port}"],
            "labels": {"namespace": "n", "pod": f"pod-{track}", "version": track},
        }
        for track, client in targets.items()
    ]
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "breast-cancer-api", "static_configs": watched_pods}],
    }
    with (
        running_prometheus(directory, configuration) as url,
        httpx2.Client(base_url=url, trust_env=False) as client,
    ):
        yield Prometheus(client)
