"""``python -m canary simulate``: how often the judge is right, as a Markdown table."""

import argparse
import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from bc_model import artifact
from bc_model.__main__ import seed
from bc_model.artifact import ArtifactError
from bc_model.training import Progress
from canary.models import Models
from canary.simulation import simulation_table
from canary.thresholds import limits

MODEL = Path("artifacts/current")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 when there is no model, with the reason on standard error."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except ArtifactError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _simulate(options: argparse.Namespace) -> None:
    manifest = artifact.read_manifest(options.model)
    models = Models(manifest, artifact.load_reference(options.model, manifest))
    print(simulation_table(models, options.runs, options.seed, _progress))


def _progress(row: str) -> Progress:
    return partial(tqdm, desc=row, disable=None)


def _thresholds(options: argparse.Namespace) -> None:
    print("| threshold | default | why |")
    print("|---|---|---|")
    for name, default, why in limits():
        print(f"| `{name}` | {default:g} | {why} |")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m canary", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    simulate = commands.add_parser("simulate", help="simulate runs of good and bad canaries")
    simulate.add_argument(
        "--runs", type=whole_number, default=400, help="of each kind (default: %(default)s)"
    )
    simulate.add_argument("--seed", type=seed, default=0, help="(default: %(default)s)")
    simulate.add_argument(
        "--model", type=Path, default=MODEL, metavar="DIR", help="(default: %(default)s)"
    )
    simulate.set_defaults(run=_simulate)
    thresholds = commands.add_parser("thresholds", help="list the judge's limits and their reasons")
    thresholds.set_defaults(run=_thresholds)
    return parser


def whole_number(text: str) -> int:
    """Parse a number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
