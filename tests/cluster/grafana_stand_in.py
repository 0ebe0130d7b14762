"""A stand-in for Grafana, whose image is not available where the tests run.

It listens where Grafana would, and answers /api/health with what it was given, as soon as it can
read all of that as the user it runs as. Of what Grafana does with it, it knows nothing.
"""

import hashlib
import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CONFIGURATION = Path("/etc/grafana")


def given() -> dict[str, object]:
    """Return what there is; OSError, KeyError or ValueError where something is missing."""
    for folder in ("/var/lib/grafana", "/tmp"):  # noqa: S108  Grafana's, too
        (Path(folder) / "written").write_text("yes", encoding="utf-8")
    if file := os.environ.get("GF_SECURITY_ADMIN_PASSWORD__FILE"):
        password = Path(file).read_text(encoding="utf-8")
    else:
        password = os.environ["GF_SECURITY_ADMIN_PASSWORD"]
    home = Path(os.environ["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    boards = (CONFIGURATION / "dashboards").glob("*.json")
    return {
        "user": os.getuid(),
        "password_sha256": hashlib.sha256(password.encode()).hexdigest(),
        "home": json.loads(home.read_text(encoding="utf-8"))["title"],
        "dashboards": {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in boards},
        "provisioning": {
            file.name: file.read_text(encoding="utf-8")
            for file in CONFIGURATION.glob("provisioning/*/*.yml")
        },
    }


class Health(BaseHTTPRequestHandler):
    """Answers the probes."""

    def do_GET(self) -> None:
        """Answer with what there is; an exception ends the connection, and the probe fails."""
        content = json.dumps(given()).encode()
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    address = os.environ.get("GF_SERVER_HTTP_ADDR", "")
    port = int(os.environ.get("GF_SERVER_HTTP_PORT", "3000"))
    HTTPServer((address, port), Health).serve_forever()
