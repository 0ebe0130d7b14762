"""``python -m bc_model``: train, evaluate, predict, verify, use."""

import argparse
import json
import math
import re
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from bc_model import __version__, artifact
from bc_model.arguments import ArgumentParser, number, seed
from bc_model.artifact import ArtifactError
from bc_model.classifier import Classifier
from bc_model.data_problems import DataError
from bc_model.floors import DEFAULT_FLOORS, FloorError
from bc_model.manifest import Parameters
from bc_model.metrics import METRICS
from bc_model.predict_csv import predict_csv

if TYPE_CHECKING:
    from nacl.signing import SigningKey

    from bc_model.dataset import Dataset
    from bc_model.training import Progress

ARTIFACTS = Path("artifacts")


probability = number(float, lambda value: 0 < value < 1, "is not between 0 and 1")
positive = number(float, lambda value: 0 < value < math.inf, "is not a positive number")
# One repeat alone has no spread.
two_or_more = number(int, lambda value: value >= 2, "is less than 2")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, 1 when it was refused, 130 when it was interrupted.

    The reasons are on standard error.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataError, FloorError, ArtifactError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


# scikit-learn takes a second to import, and `predict` and `verify` do without it.


def _train(options: argparse.Namespace) -> None:
    from bc_model.publishing import plan, train

    dataset = _labelled_cases(options)
    parameters = Parameters(C=options.C, seed=options.seed, threshold=options.threshold)
    if options.dry_run:
        outcome = plan(dataset, parameters, options.artifacts)
    else:
        floors = {**DEFAULT_FLOORS, **dict(options.floor)}
        outcome = train(dataset, parameters, options.artifacts, floors, _progress)
    if options.json:
        content = {**vars(outcome), "path": str(outcome.path), "reading": dataset.reading}
        print(json.dumps(content))
    else:
        done = "would be trained and put in use" if options.dry_run else "trained and in use"
        print(f"{outcome.path}: {done if outcome.changed else 'in use already'}")


def _evaluate(options: argparse.Namespace) -> None:
    from bc_model.evaluation import evaluate

    dataset = _labelled_cases(options)
    print(evaluate(dataset, options.repeats, options.simulations, _progress))


def _labelled_cases(options: argparse.Namespace) -> "Dataset":
    from bc_model.dataset import load_dataset

    dataset = load_dataset(
        options.data, options.malignant_label, options.ignore, trust_labels=options.trust_labels
    )
    print(dataset.reading, file=sys.stderr)
    return dataset


def _predict(options: argparse.Namespace) -> None:
    classifier = Classifier.load(options.model, options.threshold)
    agreement = predict_csv(options.file, options.output, classifier, options.ignore)
    if options.output:
        print(f"{options.output}: {agreement.cases} cases answered", file=sys.stderr)
    if agreement.summary:
        print(agreement.summary, file=sys.stderr)
    if agreement.rows:
        print(agreement.table(), file=sys.stderr)


def _verify(options: argparse.Namespace) -> None:
    manifest = artifact.verify(options.directory, options.public_key or "")
    Classifier.load(options.directory).load_reference(options.directory)
    print(
        f"{options.directory}: {len(manifest.files)} files unaltered, {manifest.data.cases} "
        f"answers as at training"
    )


def _sign(options: argparse.Namespace) -> None:
    from bc_model import signature

    is_new = artifact.sign(options.directory, partial(signature.sign, options.key))
    done = "signed" if is_new else "signed already"
    print(f"{options.directory}: {done}, MODEL_PUBLIC_KEY={signature.public_key(options.key)}")


def _use(options: argparse.Namespace) -> None:
    path = options.artifacts / options.version
    artifact.verify(path)
    artifact.use(options.artifacts, options.version)
    print(f"{path}: in use")


def _progress(step: str) -> "Progress":
    return partial(tqdm, desc=step, disable=None)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m bc_model",
        description="Train, evaluate and use the tumour classifier.",
        epilog="`COMMAND --help` describes a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"bc_model {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        run: Callable[[argparse.Namespace], None], summary: str, *examples: str
    ) -> Callable[..., None]:
        """Add the command that ``run`` executes; return what adds its arguments."""
        name = run.__name__.removeprefix("_")
        lines = (f"  {parser.prog} {name} {example}".rstrip() for example in examples)
        added = commands.add_parser(
            name,
            help=summary,
            description=f"{summary.capitalize()}.",
            epilog="\n".join(["examples:", *lines]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)

        def add(*names: str, help: str, **options: Any) -> None:
            shown = "" if options.get("default") in (None, []) else " (default: %(default)s)"
            added.add_argument(*names, help=help + shown, **options)

        return add

    file: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    directory: dict[str, Any] = {"type": Path, "metavar": "DIR"}
    in_use = ARTIFACTS / artifact.CURRENT
    usual = Parameters()
    called = "least probability of a case that is called malignant"
    floors = " ".join(f"{name}={value:g}" for name, value in DEFAULT_FLOORS.items())

    def add_labelled(add: Callable[..., None]) -> None:
        """Add what says where labelled cases are and how to read them."""
        add("--data", **file, help="CSV file of labelled cases (default: the bundled ones)")
        help = "label that means malignant, where it is not M or malignant"
        add("--malignant-label", metavar="LABEL", help=help)
        help = "take labels that contradict the sizes of the nuclei"
        add("--trust-labels", action="store_true", help=help)
        add_ignored(add)

    def add_ignored(add: Callable[..., None]) -> None:
        help = "column to leave out; may be repeated"
        add("--ignore", action="append", default=[], metavar="COLUMN", help=help)

    add = command(_train, "train, evaluate and publish a model", "", "--data cases.csv --C 2")
    add_labelled(add)
    add("--artifacts", **directory, default=ARTIFACTS, help="where models are published")
    add("--threshold", type=probability, default=usual.threshold, help=called)
    add("--C", type=positive, default=usual.C, help="penalty of the classifier")
    add("--seed", type=seed, default=usual.seed, help="seed of calibration folds and bootstrap")
    help = f"bound of a metric in cross-validation; may be repeated (default: {floors})"
    add("--floor", type=floor, action="append", default=[], metavar="METRIC=VALUE", help=help)
    add("--dry-run", action="store_true", help="check the data and say what would be done")
    add("--json", action="store_true", help="print the outcome as JSON")

    add = command(_evaluate, "compare pipelines by cross-validation", "", "--repeats 2")
    add_labelled(add)
    add("--repeats", type=two_or_more, default=10, help="repeats of cross-validation")
    add("--simulations", type=two_or_more, default=40, help="simulations for interval coverage")

    examples = ("cases.csv -o answers.csv", "- < cases.csv > answers.csv")
    add = command(_predict, "answer the cases of a CSV file in a CSV file", *examples)
    add("file", **file, help="CSV file of cases; - for standard input")
    add("-o", "--output", **file, help="where to write the answers (default: standard output)")
    add_ignored(add)
    add("--model", **directory, default=in_use, help="artifact to use")
    add("--threshold", type=probability, help=f"{called} (default: the artifact's)")

    summary = "check that an artifact is whole and answers as it did at training"
    add = command(_verify, summary, "", "artifacts/9927a900eb97")
    add("directory", **directory, nargs="?", default=in_use, help="artifact to check")
    help = "key that it must be signed with, as `sign` prints it"
    add("--public-key", type=public_key, metavar="KEY", help=help)

    summary = "sign an artifact, so that nobody else can replace it"
    add = command(_sign, summary, "--key key.pem", "artifacts/9927a900eb97 --key key.pem")
    add("directory", **directory, nargs="?", default=in_use, help="artifact to sign")
    help = "PEM file with an Ed25519 private key"
    add("--key", type=private_key, required=True, metavar="FILE", help=help)

    add = command(_use, "put a model in use that was trained before", "9927a900eb97")
    add("version", metavar="VERSION", help="version of the model")
    add("--artifacts", **directory, default=ARTIFACTS, help="where models are published")
    return parser


def private_key(text: str) -> "SigningKey":
    """Read the key in the file that ``text`` names."""
    from bc_model import signature

    try:
        return signature.read_private_key(Path(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def public_key(text: str) -> str:
    """Check that ``text`` can be a public key."""
    if not re.fullmatch(r"[A-Za-z0-9+/]{43}=", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the base64 of 32 bytes")
    return text


def floor(text: str) -> tuple[str, float]:
    """Parse ``METRIC=VALUE``, with a value that the metric can take."""
    name, _, value = text.partition("=")
    if name not in METRICS:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(METRICS)}")
    bound, highest = float(value), math.inf if name == "log_loss" else 1
    if not 0 <= bound <= highest:
        raise argparse.ArgumentTypeError(f"{value} is not a possible {name}: 0 to {highest}")
    return name, bound


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it, as it ends other filters
    sys.exit(main())
