"""The queries that scripts/query_grafana.py asks, against a server that answers as Grafana does."""

import json
import re
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from scripts import query_grafana
from scripts.dashboards import DIRECTORY
from scripts.query_grafana import CASES, Grafana, problems

BOARDS = {
    board["uid"]: board
    for board in (json.loads(file.read_text("utf-8")) for file in DIRECTORY.glob("*.json"))
}


class GrafanaServer(ThreadingHTTPServer):
    """A Grafana with the dashboards in ``boards``; what it was asked is in ``queries``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.boards = dict(BOARDS)
        self.queries: list[dict[str, Any]] = []
        self.values: list[list[float]] = [[1.0, 2.0], [0.5, 0.5]]
        self.is_scraping = True
        self.refused = "no query has this in it"


class Handler(BaseHTTPRequestHandler):
    server: GrafanaServer

    def do_GET(self) -> None:
        if self.path == "/api/search?type=dash-db":
            self._answer([{"uid": uid, "type": "dash-db"} for uid in self.server.boards])
        else:
            board = self.server.boards[self.path.removeprefix("/api/dashboards/uid/")]
            self._answer({"dashboard": board, "meta": {"provisioned": True}})

    def do_POST(self) -> None:
        assert self.path == "/api/ds/query"
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        [query] = body["queries"]
        self.server.queries.append(query)
        if self.server.refused in query["expr"]:
            error = {"error": "parse error", "status": 400}
            self._answer({"results": {query["refId"]: error}}, 400)
            return
        labels = {"model_version": "0123456789ab"}
        fields = [{"name": "Time", "type": "time"}, {"name": "Value", "labels": labels}]
        frame = {"schema": {"fields": fields}, "data": {"values": self.server.values}}
        frames = [frame] if self.server.is_scraping else []
        self._answer({"results": {query["refId"]: {"status": 200, "frames": frames}}})

    def _answer(self, content: object, status: int = 200) -> None:
        kind, _, login = self.headers["Authorization"].partition(" ")
        assert (kind, b64decode(login)) == ("Basic", b"admin:secret")
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[GrafanaServer]:
    with GrafanaServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def grafana(server: GrafanaServer) -> Grafana:
    return Grafana(f"http://127.0.0.1:{server.server_port}/", "secret")


def test_every_query_is_asked_with_its_variables_filled_in(
    server: GrafanaServer, grafana: Grafana
) -> None:
    assert list(problems(grafana, "here")) == []
    panels = [panel for board in BOARDS.values() for panel in board["panels"]]
    targets = [target for panel in panels for target in panel.get("targets", [])]
    asked = [query["expr"] for query in server.queries]
    assert len(asked) == len(targets) + 1
    assert all('namespace="here"' in expression for expression in asked)
    assert set(re.findall(r"\$(\w+)", " ".join(asked))) == {"__rate_interval", "__range"}
    assert any('model_version="0123456789ab"' in expression for expression in asked)
    assert {query["datasource"]["uid"] for query in server.queries} == {"prometheus"}


def test_a_missing_dashboard_is_named(server: GrafanaServer, grafana: Grafana) -> None:
    del server.boards["breast-cancer-model"]
    assert list(problems(grafana, "n")) == ["the dashboard Breast cancer / Model is missing"]


def test_a_refused_query_is_shown_with_grafanas_reason(
    server: GrafanaServer, grafana: Grafana
) -> None:
    server.refused = "process_resident_memory_bytes"
    [line] = problems(grafana, "n")
    assert line.startswith("Breast cancer / Service, Memory, A: 400: ")
    assert "parse error" in line


def test_an_empty_panel_is_named_unless_it_may_be_empty(
    server: GrafanaServer, grafana: Grafana
) -> None:
    server.values = [[], []]
    empty = list(problems(grafana, "n"))
    assert "Breast cancer / Service, Request rate, A: found nothing" in empty
    assert not any("Canary, Alerts" in line for line in empty)


def test_it_says_when_nothing_is_scraped(server: GrafanaServer, grafana: Grafana) -> None:
    server.is_scraping = False
    assert list(problems(grafana, "n")) == ["Prometheus has scraped no pod in the namespace n"]


def test_the_command_sends_cases_and_fails_with_what_is_wrong(
    server: GrafanaServer, client: httpx2.Client, artifacts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_grafana, "MODEL", artifacts / "current")
    monkeypatch.setenv("GRAFANA_PASSWORD", "secret")
    grafana = f"http://127.0.0.1:{server.server_port}"
    arguments = [grafana, str(client.base_url).rstrip("/"), "--settle=0"]
    monkeypatch.setattr("sys.argv", ["query_grafana", *arguments])
    before = answered(client)
    with pytest.raises(SystemExit) as ended:
        query_grafana.main()
    assert ended.value.code == 0
    assert answered(client) == before + CASES
    del server.boards["breast-cancer-canary"]
    with pytest.raises(SystemExit, match="the dashboard Breast cancer / Canary is missing"):
        query_grafana.main()


def answered(client: httpx2.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("app_predictions_total"))
