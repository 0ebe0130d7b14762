"""A single case does not come to cost more than it does, counted in function calls, not in time.

The time of a case goes with the calls of Python and NumPy that it makes, since each array is small.
Their number does not depend on the machine, and a route, a wrapper or a loop over the features that
comes in between raises it by more than the margin.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import MutableMapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from app import create_app
from tests.cases import MALIGNANT
from web.settings import load_settings

BODY = json.dumps({"features": MALIGNANT}).encode()

MOST_CALLS = {"/predict": 350, "/livez": 125}
"""In one request, from ASGI's call to the last message: a quarter more than on Python 3.11.

On 3.13, a twentieth fewer are made.
"""

REQUESTS = 20


def scope(path: str, content_type: bytes) -> dict[str, Any]:
    headers = [(b"host", b"localhost")]
    if path == "/predict":
        headers += [
            (b"content-type", content_type),
            (b"content-length", str(len(BODY)).encode()),
        ]
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": "POST" if path == "/predict" else "GET", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip


def calls(model_dir: Path, path: str, content_type: bytes = b"application/json") -> float:
    """Return the mean number of calls in a request."""
    app = create_app(load_settings({"MODEL_DIR": str(model_dir)}))
    statuses: Counter[int] = Counter()
    events: Counter[str] = Counter()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses[message["status"]] += 1

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        events[event] += 1

    async def ask() -> None:
        for _ in range(REQUESTS):
            await app(scope(path, content_type), receive, send)

    asyncio.run(ask())  # what is made at the first request is not counted
    sys.setprofile(count)
    try:
        asyncio.run(ask())
    finally:
        sys.setprofile(None)
    assert statuses == {200: 2 * REQUESTS}
    return (events["call"] + events["c_call"]) / REQUESTS


@pytest.mark.parametrize("path", MOST_CALLS)
def test_a_request_makes_no_more_calls(model_dir: Path, path: str) -> None:
    made = calls(model_dir, path)
    assert MOST_CALLS[path] / 2 <= made <= MOST_CALLS[path]  # a bound far off would guard nothing


def test_the_ordinary_path_exceeds_the_bound(model_dir: Path) -> None:
    """So that what leaves the fast path is noticed."""
    made = calls(model_dir, "/predict", b"application/json; charset=utf-8")
    assert made > MOST_CALLS["/predict"]
