# /// script
# requires-python = ">=3.11"
# dependencies = ["granian", "uvloop"]
# ///
"""The same bare callable on granian, whose HTTP is written in Rust."""

import sys

from granian.constants import Interfaces, Loops
from granian.server import Server

if __name__ == "__main__":
    Server(
        "limit_uvicorn:app",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGINL,
        loop=Loops.uvloop,
        log_enabled=False,
    ).serve()
