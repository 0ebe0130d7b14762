"""The vendored front-end packages are those that were recorded."""

import hashlib
import json
from pathlib import Path

from tests.conftest import ROOT

VENDOR = ROOT / "static" / "vendor"
PACKAGES = json.loads((VENDOR / "packages.json").read_text())


def test_every_file_has_its_recorded_hash() -> None:
    for package in PACKAGES.values():
        assert package["integrity"].startswith("sha512-")
        for name, recorded in package["files"].items():
            content = (VENDOR / package["directory"] / Path(name).name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == recorded


def test_every_package_has_its_licence_beside_it() -> None:
    for package in PACKAGES.values():
        assert (VENDOR / package["directory"] / "LICENSE").stat().st_size > 500


def test_nothing_is_there_that_was_not_recorded() -> None:
    recorded = {
        VENDOR / package["directory"] / Path(name).name
        for package in PACKAGES.values()
        for name in package["files"]
    }
    present = {path for path in VENDOR.rglob("*") if path.is_file()}
    assert present == recorded | {VENDOR / "packages.json"}
