"""``python -m scripts.query_grafana GRAFANA SERVICE`` asks Grafana every query of the dashboards.

It takes the dashboards from Grafana itself, fills in their variables, and asks the queries through
/api/ds/query as a browser would. Before that it sends the service at SERVICE some cases, so that
there is something to see. It fails when a dashboard is missing, a query is refused or a panel that
should show something is empty. GRAFANA_PASSWORD holds the password of ``admin``.
"""

import argparse
import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from bc_model.artifact import load_reference, read_manifest
from bc_model.features import FEATURE_NAMES
from scripts.dashboards import DIRECTORY, ROOT

Object = dict[str, Any]

MODEL = ROOT / "artifacts/current"

CASES = 100
SETTLE_SECONDS = 90
"""Until the cases have been scraped and the recording rules evaluated."""

MAY_BE_EMPTY = {"Alerts"}
"""Titles of panels that are empty when all is well."""


class Grafana:
    """The HTTP API of a Grafana, as its administrator."""

    def __init__(self, url: str, password: str) -> None:
        """Ask the Grafana at ``url``."""
        self._url = url.rstrip("/")
        self._login = base64.b64encode(f"admin:{password}".encode()).decode()

    def get(self, path: str) -> Any:
        """Return what GET answers.

        Raises:
            urllib.error.URLError: Grafana does not answer, or refuses the request.
        """
        return self._open(path, None)

    def query(self, target: Object, variables: dict[str, str]) -> list[Object]:
        """Return the data frames that answer the target of a panel, over the last three hours.

        Raises:
            urllib.error.URLError: Grafana does not answer, or refuses the query.
        """
        text = json.dumps(target)
        for name, value in variables.items():
            text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
        query = {**json.loads(text), "maxDataPoints": 500, "intervalMs": 15_000}
        body = {"queries": [query], "from": "now-3h", "to": "now"}
        result = self._open("/api/ds/query", json.dumps(body).encode())["results"]
        frames: list[Object] = result[query["refId"]].get("frames", [])
        return frames

    def _open(self, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Basic {self._login}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}{path}", body, headers)  # noqa: S310  given
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)


def problems(grafana: Grafana, namespace: str) -> Iterator[str]:
    """Yield what is missing or empty in Grafana, one line each."""
    wanted = {
        board["uid"]: board["title"]
        for board in (json.loads(file.read_text("utf-8")) for file in DIRECTORY.glob("*.json"))
    }
    there = {found["uid"] for found in grafana.get("/api/search?type=dash-db")}
    yield from (f"the dashboard {wanted[uid]} is missing" for uid in wanted.keys() - there)
    variables = {"datasource": "prometheus", "namespace": namespace, "feature": FEATURE_NAMES[0]}
    model = _served_model(grafana, variables)
    if not model:
        yield f"Prometheus has scraped no pod in the namespace {namespace}"
        return
    variables["model"] = model
    for uid in sorted(wanted.keys() & there):
        board = grafana.get(f"/api/dashboards/uid/{uid}")["dashboard"]
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield from _problem(grafana, board["title"], panel["title"], target, variables)


def _served_model(grafana: Grafana, variables: dict[str, str]) -> str:
    """Return the model that the stable pods serve, which the dashboard has a variable for."""
    info = {
        "refId": "A", "expr": 'app_model_info{namespace="$namespace",version="stable"}',
        "instant": True, "datasource": {"type": "prometheus", "uid": "${datasource}"},
    }  # fmt: skip
    frames = grafana.query(info, variables)
    return frames[0]["schema"]["fields"][-1]["labels"]["model_version"] if frames else ""


def _problem(
    grafana: Grafana, board: str, panel: str, target: Object, variables: dict[str, str]
) -> Iterator[str]:
    where = f"{board}, {panel}, {target['refId']}"
    try:
        frames = grafana.query(target, variables)
    except urllib.error.HTTPError as error:
        yield f"{where}: {error.code}: {error.read().decode(errors='replace')}"
        return
    print(f"{where}: {len(frames)} series")
    if panel not in MAY_BE_EMPTY and not any(any(frame["data"]["values"]) for frame in frames):
        yield f"{where}: found nothing"


def send_cases(service: str) -> None:
    """Send labelled cases to the service, as a user would."""
    for case in load_reference(MODEL, read_manifest(MODEL)).cases[:CASES].tolist():
        body = json.dumps({"features": case}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{service}/predict", body, headers)  # noqa: S310  given
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


def main() -> None:
    """Ask all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grafana", help="like http://localhost:3001")
    parser.add_argument("service", help="like http://localhost:30000")
    parser.add_argument("--namespace", default="breast-cancer", help="(default: %(default)s)")
    parser.add_argument("--settle", type=float, default=SETTLE_SECONDS, metavar="SECONDS")
    options = parser.parse_args()
    send_cases(options.service)
    time.sleep(options.settle)
    grafana = Grafana(options.grafana, os.environ["GRAFANA_PASSWORD"])
    sys.exit("\n".join(problems(grafana, options.namespace)) or 0)


if __name__ == "__main__":
    main()
