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

from tests.conftest import START_SECONDS, free_port


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
