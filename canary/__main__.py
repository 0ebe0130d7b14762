"""Print the judge's limits."""

import argparse
import sys

from canary.thresholds import limits


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m canary", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("thresholds", help="list the judge's limits and their reasons")
    parser.parse_args(arguments)
    print("| threshold | default | why |")
    print("|---|---|---|")
    for name, default, why in limits():
        print(f"| `{name}` | {default:g} | {why} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
