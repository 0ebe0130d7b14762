"""Print the tables that the documents show.

`blunders`: how many mistakes with a case are noticed. `drift`: how often drift is found, where
there is none and where there is. `simulate`: how often the canary's judge is right.
"""

import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from bc_model import artifact
from bc_model.arguments import ArgumentParser, number, seed
from bc_model.artifact import ArtifactError
from bc_model.training import Progress
from studies.blunders import blunder_table
from studies.candidates import Candidates
from studies.drift_power import drift_tables
from studies.simulation import simulation_table

# A tenth of the runs are of months.
runs = number(int, lambda value: value >= 10, "is less than 10")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 when there is no model, with the reason on standard error."""
    options = _parser().parse_args(arguments)
    try:
        manifest = artifact.read_manifest(options.model)
        reference = artifact.load_reference(options.model, manifest)
    except ArtifactError as error:
        print(error, file=sys.stderr)
        return 1
    settings = options.runs, options.seed, _progress
    if options.command == "blunders":
        print(blunder_table(reference, manifest.parameters, *settings))
    elif options.command == "drift":
        print(drift_tables(reference, manifest.parameters, *settings))
    else:
        print(simulation_table(Candidates(manifest, reference), *settings))
    return 0


def _progress(step: str) -> Progress:
    return partial(tqdm, desc=step, disable=None)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m studies", description=__doc__)
    parser.add_argument("command", choices=["blunders", "drift", "simulate"])
    parser.add_argument(
        "--runs", type=runs, default=400, help="of each scenario (default: %(default)s)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="(default: %(default)s)")
    parser.add_argument(
        "--model",
        type=Path,
        default=Path("artifacts/current"),
        metavar="DIR",
        help="the artifact to start from (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
