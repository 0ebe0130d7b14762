"""Run the service, and a Prometheus that watches it, on free ports of this machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import yaml

ROOT = Path(__file__).parents[1]
RULES = ROOT / "roles/monitoring/files/rules.yml"
START_SECONDS = 120


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(
    command: list[str], url: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run ``command`` until the block ends, which begins when ``url`` answers.

    Raises:
        RuntimeError: it ended, or did not answer in time; the message has its output.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(environment or {})},
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        with httpx2.Client(trust_env=False) as client:
            while not _answers(client, url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command} did not start:\n{log.read_text()}")
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _answers(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx2.TransportError:
        return False


@contextmanager
def running_service(
    environment: Mapping[str, str], log: Path, port: int | None = None
) -> Iterator[httpx2.Client]:
    """Run ``python app.py`` on ``port``, or a free one, and yield a client of it."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        running(
            [sys.executable, "app.py"], f"{url}/readyz", log, {"PORT": str(port), **environment}
        ),
        httpx2.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


@contextmanager
def running_prometheus(directory: Path, configuration: dict[str, Any]) -> Iterator[str]:
    """Run a Prometheus with its files in ``directory``, and yield its URL."""
    command = shutil.which("prometheus")
    if not command:
        raise RuntimeError("Prometheus is missing: install it, so that prometheus is on the PATH")
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={file}", f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address={address}",
        "--enable-feature=auto-reload-config", "--config.auto-reload-interval=1s",
    ]  # fmt: skip
    with running([command, *arguments], f"http://{address}/-/ready", directory / "prometheus.log"):
        yield f"http://{address}"


@contextmanager
def watched(directory: Path, **tracks: httpx2.Client) -> Iterator[str]:
    """Run a Prometheus with our rules, and yield its URL; each service is a track's only pod."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        group["interval"] = "1s"
    (directory / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    pods = [
        {
            "targets": [f"127.0.0.1:{client.base_url.port}"],
            "labels": {"namespace": "n", "pod": f"pod-{track}", "version": track},
        }
        for track, client in tracks.items()
    ]
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "breast-cancer-api", "static_configs": pods}],
    }
    with running_prometheus(directory, configuration) as url:
        yield url
