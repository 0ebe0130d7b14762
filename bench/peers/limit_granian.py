# /// script
# requires-python = ">=3.11"
# dependencies = ["granian", "uvloop"]
# ///
"""The same bare callable on granian, whose HTTP is written in Rust."""

import sys
from typing import Any

from granian.constants import Interfaces, Loops
from granian.server import Server

BODY = b'{"prediction":0}' + b" " * 700
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer anything."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    Server(
        "limit_granian:app",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGINL,
        loop=Loops.uvloop,
        log_enabled=False,
    ).serve()
