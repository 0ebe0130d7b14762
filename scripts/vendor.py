"""Fetch the front-end packages that each vendor/packages.json pins, from the npm registry.

A package is taken only if it has the recorded integrity (npm's SHA-512). To move to another
version, change ``version``, empty ``integrity`` and run ``make vendor``; the new hashes are
recorded, and the change is there to be reviewed.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VENDORS = (ROOT / "static" / "vendor", ROOT / "tests" / "vendor")


def main() -> None:
    """Fetch every package and record the hashes."""
    for vendor in VENDORS:
        _fetch(vendor)


def _fetch(vendor: Path) -> None:
    recorded = vendor / "packages.json"
    packages = json.loads(recorded.read_text())
    for name, package in packages.items():
        with tempfile.TemporaryDirectory() as directory:
            archive = _download(f"{name}@{package['version']}", directory)
            digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            if package["integrity"] not in ("", f"sha512-{digest}"):
                sys.exit(f"{name} {package['version']} is not the package that was recorded")
            package["integrity"] = f"sha512-{digest}"
            _extract(archive, package, vendor)
    recorded.write_text(json.dumps(packages, indent=2) + "\n")


def _download(specification: str, directory: str) -> Path:
    command = ["npm", "pack", specification, "--silent", "--pack-destination", directory]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (archive,) = Path(directory).glob("*.tgz")
    return archive


def _extract(archive: Path, package: dict[str, Any], vendor: Path) -> None:
    target = vendor / package["directory"]
    target.mkdir(exist_ok=True)
    with tarfile.open(archive) as contents:
        for name in package["files"]:
            member = contents.extractfile(f"package/{name}")
            if member is None:
                sys.exit(f"{archive.name} has no file {name}")
            data = member.read()
            (target / Path(name).name).write_bytes(data)
            package["files"][name] = hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
