"""A client of the Prometheus that tests start."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from scripts import running
from scripts.running import START_SECONDS


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
def watched(directory: Path, **tracks: httpx2.Client) -> Iterator[Prometheus]:
    """Watch the services, each as the one pod of the track that it is named by."""
    with (
        running.watched(directory, **tracks) as url,
        httpx2.Client(base_url=url, trust_env=False) as client,
    ):
        yield Prometheus(client)
