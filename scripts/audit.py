"""``python scripts/audit.py`` looks for known vulnerabilities of the pinned packages.

It exits with 0 if there are none, 1 if there are, and 2 if nothing is known, since the database
could not be asked.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-dev.txt"
"""It has everything that the other lock files have."""

OSV = "https://api.osv.dev/v1/query"


def audit(lock: Path, database: str) -> int:
    """Print the vulnerabilities of what ``lock`` pins, and return the exit code."""
    command = [
        sys.executable, "-m", "pip_audit", f"--requirement={lock}", "--disable-pip", "--strict",
        "--vulnerability-service=osv", f"--osv-url={database}", "--format=json",
        "--progress-spinner=off",
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(found.stdout)["dependencies"]
    except json.JSONDecodeError:
        reason = found.stderr.strip().splitlines()[-1]
        print(f"Nothing was audited: {database} could not be asked ({reason})", file=sys.stderr)
        return 2
    known = [(package, each) for package in packages for each in package["vulns"]]
    for package, vulnerability in known:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
        print(f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}")
    print(f"{len(packages)} packages of {lock.name} have {len(known)} known vulnerabilities")
    return int(bool(known))


def main() -> int:
    """Audit the lock file, with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path, nargs="?", default=LOCK, help="(default: %(default)s)")
    parser.add_argument("--database", default=OSV, help="address (default: %(default)s)")
    options = parser.parse_args()
    return audit(options.lock, options.database)


if __name__ == "__main__":
    sys.exit(main())
