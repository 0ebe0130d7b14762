"""``python -m bc_model``: train, evaluate, predict, verify, drift."""

import argparse
import json
import math
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from bc_model import artifact
from bc_model.artifact import ArtifactError, Parameters
from bc_model.classifier import Classifier
from bc_model.csv_cases import DataError
from bc_model.floors import DEFAULT_FLOORS, FloorError
from bc_model.metrics import METRICS
from bc_model.predict_csv import predict_csv

if TYPE_CHECKING:
    from bc_model.training import Progress

ARTIFACTS = Path("artifacts")

PARITY = 1e-9
"""How far an answer may lie from the one recorded at training: libraries round differently."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 when it refused, with the reasons on standard error."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataError, FloorError, ArtifactError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


# scikit-learn takes a second to import, and `predict` and `verify` do without it.


def _train(options: argparse.Namespace) -> None:
    from bc_model.dataset import load_dataset
    from bc_model.publishing import plan, train

    dataset = load_dataset(options.data)
    parameters = Parameters(C=options.C, seed=options.seed, threshold=options.threshold)
    if options.dry_run:
        outcome = plan(dataset, parameters, options.artifacts)
    else:
        floors = {**DEFAULT_FLOORS, **dict(options.floor)}
        outcome = train(dataset, parameters, options.artifacts, floors, _progress)
    if options.json:
        print(json.dumps({**vars(outcome), "path": str(outcome.path)}))
    else:
        done = "would be trained and put in use" if options.dry_run else "trained and in use"
        print(f"{outcome.path}: {done if outcome.changed else 'in use already'}")


def _evaluate(options: argparse.Namespace) -> None:
    from bc_model.dataset import load_dataset
    from bc_model.evaluation import evaluate

    dataset = load_dataset(options.data)
    print(evaluate(dataset, options.repeats, options.simulations, _progress))


def _predict(options: argparse.Namespace) -> None:
    predict_csv(options.file, options.output, Classifier.load(options.model, options.threshold))


def _verify(options: argparse.Namespace) -> None:
    manifest = artifact.verify(options.directory)
    reference = artifact.load_reference(options.directory, manifest)
    scores = Classifier.load(options.directory).score(reference.cases)
    difference = float(np.abs(scores.malignant - reference.malignant).max())
    if difference > PARITY:
        raise ArtifactError(
            f"{options.directory}: answers differ from those at training by up to {difference:.1e}"
        )
    print(
        f"{options.directory}: {len(manifest.files)} files unaltered, {len(reference.cases)} "
        f"answers as at training"
    )


def _progress(step: str) -> "Progress":
    return partial(tqdm, desc=step, disable=None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bc_model", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train, evaluate and publish a model")
    train.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="a CSV of labelled cases instead of the bundled ones",
    )
    train.add_argument(
        "--artifacts",
        type=Path,
        default=ARTIFACTS,
        metavar="DIR",
        help="where models are published (default: %(default)s)",
    )
    train.add_argument(
        "--threshold",
        type=probability,
        default=Parameters().threshold,
        help="malignant from this probability on (default: %(default)s)",
    )
    train.add_argument(
        "--C",
        type=positive_number,
        default=Parameters().C,
        help="penalty of the classifier (default: %(default)s)",
    )
    train.add_argument(
        "--seed",
        type=seed,
        default=Parameters().seed,
        help="of calibration folds and bootstrap (default: %(default)s)",
    )
    train.add_argument(
        "--floor",
        type=floor,
        action="append",
        default=[],
        metavar="METRIC=VALUE",
        help="what cross-validation must reach, repeatable (default: "
        + " ".join(f"{name}={value:g}" for name, value in DEFAULT_FLOORS.items())
        + ")",
    )
    train.add_argument(
        "--dry-run", action="store_true", help="check the data and tell what would be done"
    )
    train.add_argument("--json", action="store_true", help="print the outcome as JSON")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser(
        "evaluate", help="compare the pipeline with others by cross-validation"
    )
    evaluate.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="a CSV of labelled cases instead of the bundled ones",
    )
    evaluate.add_argument(
        "--repeats",
        type=whole_number,
        default=10,
        help="of the cross-validation (default: %(default)s)",
    )
    evaluate.add_argument(
        "--simulations",
        type=whole_number,
        default=40,
        help="of the interval's coverage (default: %(default)s)",
    )
    evaluate.set_defaults(run=_evaluate)

    predict = commands.add_parser("predict", help="answer the cases of a CSV file in a CSV file")
    predict.add_argument("file", type=Path, metavar="FILE")
    predict.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="(default: standard output)"
    )
    predict.add_argument(
        "--model",
        type=Path,
        default=ARTIFACTS / artifact.CURRENT,
        metavar="DIR",
        help="the artifact to use (default: %(default)s)",
    )
    predict.add_argument(
        "--threshold",
        type=probability,
        help="malignant from this probability on (default: the artifact's)",
    )
    predict.set_defaults(run=_predict)

    verify = commands.add_parser(
        "verify", help="check that an artifact is whole and answers as it did"
    )
    verify.add_argument(
        "directory", type=Path, nargs="?", default=ARTIFACTS / artifact.CURRENT, metavar="DIR"
    )
    verify.set_defaults(run=_verify)

    return parser


def probability(text: str) -> float:
    """Parse a number between 0 and 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def positive_number(text: str) -> float:
    """Parse a finite number above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def seed(text: str) -> int:
    """Parse what NumPy and scikit-learn take for a seed."""
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {2**32 - 1}")
    return value


def whole_number(text: str) -> int:
    """Parse a number of 2 or more: one alone has no spread."""
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError(f"{text} is less than 2")
    return value


def floor(text: str) -> tuple[str, float]:
    """Parse ``METRIC=VALUE``."""
    name, _, value = text.partition("=")
    if name not in METRICS:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(METRICS)}")
    least = float(value)
    if math.isnan(least):
        raise argparse.ArgumentTypeError(f"{value} is not a number")
    return name, least


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it, as it ends other filters
    sys.exit(main())
