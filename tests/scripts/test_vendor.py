"""The vendored front-end packages are those that were recorded."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

VENDORS = pytest.mark.parametrize("vendor", [ROOT / "static" / "vendor", ROOT / "tests" / "vendor"])


def packages(vendor: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((vendor / "packages.json").read_text())
    return recorded


@VENDORS
def test_every_file_has_its_recorded_hash(vendor: Path) -> None:
    for package in packages(vendor).values():
        assert package["integrity"].startswith("sha512-")
        for name, recorded in package["files"].items():
            content = (vendor / package["directory"] / Path(name).name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == recorded


@VENDORS
def test_every_package_has_its_licence_beside_it(vendor: Path) -> None:
    for package in packages(vendor).values():
        assert (vendor / package["directory"] / "LICENSE").stat().st_size > 500


@VENDORS
def test_nothing_is_there_that_was_not_recorded(vendor: Path) -> None:
    recorded = {
        vendor / package["directory"] / Path(name).name
        for package in packages(vendor).values()
        for name in package["files"]
    }
    present = {path for path in vendor.rglob("*") if path.is_file()}
    assert present == recorded | {vendor / "packages.json"}
