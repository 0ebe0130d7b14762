# /// script
# requires-python = ">=3.11"
# dependencies = ["uvicorn", "uvloop", "httptools"]
# ///
"""The limit: uvicorn with a callable that reads the body and sends an answer of the same size."""

import sys
from typing import Any

BODY = b'{"prediction":0}' + b" " * 700
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer anything."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    import uvicorn  # not where granian runs the callable

    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off")
