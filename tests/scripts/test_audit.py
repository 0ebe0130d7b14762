"""The audit of the pinned packages, with a stand-in for the database of vulnerabilities."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from scripts.audit import LOCK
from scripts.running import free_port
from tests.conftest import ROOT


class Database(BaseHTTPRequestHandler):
    """Knows of one vulnerability, of jinja2 before version 99."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = query["package"]["name"]
        self.asked.append(f"{name}=={query['version']}")
        events = [{"introduced": "0"}, {"fixed": "99"}]
        affected = {
            "package": query["package"],
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }
        vulnerability = {"id": "PYSEC-1", "affected": [affected], "aliases": []}
        answer = {"vulns": [vulnerability]} if name == "jinja2" else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[str]:
    Database.asked.clear()
    server = HTTPServer(("127.0.0.1", 0), Database)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/audit.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def pins(lock: Path, end: str = "") -> set[str]:
    text = lock.read_text(encoding="utf-8")
    return set(re.findall(rf"^([a-z0-9-]+==[^ ]+){end}", text, re.MULTILINE))


def test_every_pinned_package_is_looked_up(database: str) -> None:
    result = audit(f"--database={database}")
    assert pins(LOCK, r" \\$") <= set(Database.asked) <= pins(LOCK)  # some are for other systems
    assert result.returncode == 1
    finding, total = result.stdout.splitlines()
    assert re.fullmatch(r"jinja2 [\d.]+: PYSEC-1, fixed in 99", finding)
    assert total.endswith("packages of requirements-dev.txt have 1 known vulnerabilities")


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-serve.txt"])
def test_the_lock_that_is_audited_has_what_the_others_have(lock: str) -> None:
    assert pins(ROOT / lock) <= pins(LOCK)


def test_nothing_known_is_no_failure(database: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"msgspec==0.20.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    result = audit(str(lock), f"--database={database}")
    assert (result.returncode, result.stdout) == (
        0,
        "1 packages of lock.txt have 0 known vulnerabilities\n",
    )


def test_a_database_that_does_not_answer_is_no_success() -> None:
    result = audit(f"--database=http://127.0.0.1:{free_port()}/")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Nothing was audited: http://127.0.0.1:")
    assert len(result.stderr.splitlines()) == 1
