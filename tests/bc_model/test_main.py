"""The command line: what it prints, where, and with which exit code."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bc_model import artifact
from bc_model.__main__ import main
from bc_model.artifact import Reference
from bc_model.classifier import Classifier
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from bc_model.labels import UNCLEAR
from bc_model.manifest import Parameters
from bc_model.version import model_version
from tests.conftest import ROOT
from tests.tables import labelled_rows, write_rows

READING = (
    "small.csv: 16 cases labelled M are read as malignant, 16 cases labelled B are read as benign\n"
)
FLOORS = ["--floor", "specificity=0.5", "--floor", "log_loss=1"]
"""The small data set is too small for the default ones."""


def run(*arguments: object, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bc_model", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Trained:
    data: Path
    root: Path
    arguments: list[object]
    outcome: dict[str, object]


@pytest.fixture(scope="module")
def trained(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model trained by the command from a CSV file."""
    directory = tmp_path_factory.mktemp("main")
    data = write_rows(directory / "small.csv", labelled_rows(small))
    root = directory / "artifacts"
    arguments: list[object] = ["train", "--data", data, "--artifacts", root, *FLOORS]
    arguments += ["--threshold", "0.3", "--C", "2", "--seed", "7"]
    done = run(*arguments, "--json")
    assert (done.returncode, done.stderr) == (0, READING)
    return Trained(data, root, arguments, json.loads(done.stdout))


def test_train_prints_its_outcome_as_json(trained: Trained, small: Dataset) -> None:
    name = model_version(small, Parameters(C=2, seed=7, threshold=0.3))
    assert trained.outcome == {
        "changed": True, "model_version": name, "path": str(trained.root / name), "former": "",
        "reading": READING.strip(),
    }  # fmt: skip


def test_train_does_as_it_is_told(trained: Trained) -> None:
    manifest = artifact.verify(trained.root / "current")
    assert manifest.parameters == Parameters(C=2, seed=7, threshold=0.3)
    assert manifest.threshold == 0.3
    assert manifest.data.source == "small.csv"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "{path}: in use already\n"),
        (["--dry-run"], "{path}: in use already\n"),
        (
            ["--json"],
            '{{"changed": false, "model_version": "{version}", "path": "{path}", '
            '"former": "{version}", "reading": "{reading}"}}\n',
        ),
    ],
)
def test_train_knows_the_model_in_use(
    artifacts: Path,
    classifier: Classifier,
    dataset: Dataset,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    expected: str,
) -> None:
    version = classifier.manifest.model_version
    assert main(["train", "--artifacts", str(artifacts), *options]) == 0
    path, reading = artifacts / version, dataset.reading
    assert capsys.readouterr() == (
        expected.format(version=version, path=path, reading=reading), f"{reading}\n"
    )  # fmt: skip


def test_a_dry_run_tells_and_writes_nothing(
    tmp_path: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "artifacts"
    arguments = ["train", "--artifacts", str(root), "--threshold", "0.2", "--dry-run"]
    path = root / model_version(dataset, Parameters(threshold=0.2))
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"{path}: would be trained and put in use\n"
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is True
    assert list(tmp_path.iterdir()) == []


def test_train_says_whether_it_has_changed_something(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    (trained.root / "current").unlink()
    for outcome in ("trained and in use", "in use already"):
        assert main([str(argument) for argument in trained.arguments]) == 0
        assert capsys.readouterr() == (f"{trained.outcome['path']}: {outcome}\n", READING)


def test_floors_that_are_not_given_keep_their_defaults(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(argument) for argument in trained.arguments if argument not in FLOORS]
    assert main([*arguments, "--floor", "specificity=0.5"]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(f"{READING}nothing was published: in cross-validation ")
    assert "log_loss is 0." in errors
    assert "specificity" not in errors


def test_bad_data_are_refused_with_every_reason(
    tmp_path: Path, small: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = labelled_rows(small)
    rows[1][1], rows[2][0], rows[3][30] = "x", "?", "nan"
    data = write_rows(tmp_path / "cases.csv", rows)
    assert main(["train", "--data", str(data), "--artifacts", str(tmp_path / "artifacts")]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.splitlines() == [
        f"{data}: 4 problems",
        "  line 2, column 'mean radius': 'x' is not a number",
        f"  line 3, column 'diagnosis': '?' {UNCLEAR}",
        "  line 4, column 'worst fractal dimension': 'nan' is not a number",
        "  has 15 malignant cases; at least 16 are needed",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"cases.csv"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--data", "missing.csv"],
        ["train", "--data", "missing.csv", "--dry-run"],
        ["evaluate", "--data", "missing.csv"],
        ["predict", "missing.csv", "--model", "{model}"],
        ["predict", "{cases}", "--model", "missing"],
        ["predict", "{cases}", "--model", "{model}", "-o", "missing/answers.csv"],
        ["verify", "missing"],
    ],
)
def test_what_is_missing_is_named(
    model_dir: Path,
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    cases = write_rows(tmp_path / "cases.csv", dataset.X[:3].tolist())
    assert main([argument.format(model=model_dir, cases=cases) for argument in arguments]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert "missing" in errors
    assert "No such file or directory" in errors or f"{tmp_path}/missing does not exist" in errors
    assert list(tmp_path.iterdir()) == [cases]


@pytest.mark.parametrize("arguments", [["verify"], ["predict", "cases.csv"]])
def test_the_default_model_is_the_one_in_use_here(tmp_path: Path, arguments: list[str]) -> None:
    refused = run(*arguments, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"{tmp_path}/artifacts/current does not exist; "
        "name the directory of a model, or train one: python -m bc_model train\n"
    )


def test_predict_answers_without_scikit_learn(
    dataset: Dataset, model_dir: Path, classifier: Classifier, tmp_path: Path
) -> None:
    cases = write_rows(tmp_path / "cases.csv", [FEATURE_NAMES, *dataset.X.tolist()])
    program = (
        "import sys; from bc_model.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "predict", cases, "--model", model_dir],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = list(csv.DictReader(done.stdout.splitlines()))
    assert [float(answer["probability_malignant"]) for answer in answers] == [
        answer.probability_malignant for answer in classifier.answers(dataset.X)
    ]
    assert {"sklearn", "scipy", "joblib", "matplotlib"}.isdisjoint(done.stderr.split())


def test_predict_may_be_cut_short_as_by_head(
    dataset: Dataset, model_dir: Path, tmp_path: Path
) -> None:
    cases = write_rows(tmp_path / "cases.csv", dataset.X.tolist() * 3)
    with subprocess.Popen(
        [sys.executable, "-m", "bc_model", "predict", cases, "--model", model_dir],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b"id,given_diagnosis,")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == -signal.SIGPIPE


def test_predict_writes_a_file_and_takes_a_threshold(
    dataset: Dataset, model_dir: Path, tmp_path: Path
) -> None:
    cases = write_rows(tmp_path / "cases.csv", dataset.X[:5].tolist())
    output = tmp_path / "answers.csv"
    done = run("predict", cases, "-o", output, "--model", model_dir, "--threshold", "0.25")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{output}: 5 cases answered\n"
    with output.open(newline="") as file:
        assert [answer["threshold"] for answer in csv.DictReader(file)] == ["0.25"] * 5


def test_predict_says_how_often_it_agrees_with_the_diagnoses_given(
    dataset: Dataset, model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = write_rows(tmp_path / "cases.csv", labelled_rows(dataset))
    output = tmp_path / "answers.csv"
    assert main(["predict", str(cases), "-o", str(output), "--model", str(model_dir)]) == 0
    answered, agreement, *table = capsys.readouterr().err.splitlines()
    assert answered == f"{output}: 569 cases answered"
    assert re.fullmatch(r"5\d\d of 569 verdicts agree with the diagnoses given", agreement)
    assert [line.split()[0] for line in table] == ["given", "malignant", "benign"]


def test_use_puts_a_model_in_use_that_was_trained_before(
    artifacts: Path, model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = model_dir.resolve().name
    shutil.copytree(artifacts / version, tmp_path / version)
    assert main(["use", version, "--artifacts", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / version}: in use\n"
    assert artifact.in_use(tmp_path) == version
    assert main(["use", "typo", "--artifacts", str(tmp_path)]) == 1
    assert f"{tmp_path}/typo does not exist" in capsys.readouterr().err
    assert artifact.in_use(tmp_path) == version


def test_verify_finds_an_artifact_whole(
    model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(model_dir)]) == 0
    assert capsys.readouterr().out == (
        f"{model_dir}: 8 files unaltered, 569 answers as at training\n"
    )


@pytest.mark.parametrize(("difference", "code"), [(0, 0), (1e-10, 0), (1e-8, 1)])
def test_verify_finds_answers_that_are_not_those_at_training(
    model_dir: Path,
    classifier: Classifier,
    reference: Reference,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    difference: float,
    code: int,
) -> None:
    malignant = reference.malignant.copy()
    malignant[7] += difference
    other = msgspec.structs.asdict(msgspec.structs.replace(reference, malignant=malignant))
    directory = artifact.publish(
        tmp_path,
        classifier.manifest,
        {
            "model.npz": lambda path: path.write_bytes((model_dir / "model.npz").read_bytes()),
            "reference.npz": lambda path: np.savez(path, **other),
        },
    )
    assert main(["verify", str(directory)]) == code
    output, errors = capsys.readouterr()
    assert bool(output) == (code == 0)
    assert ("model.npz does not answer as at training; delete" in errors) == (code == 1)


def test_predict_reads_standard_input(dataset: Dataset, model_dir: Path, tmp_path: Path) -> None:
    cases = write_rows(tmp_path / "cases.csv", dataset.X[:5].tolist())
    command = [sys.executable, "-m", "bc_model", "predict", "--model", str(model_dir)]
    from_file = subprocess.run([*command, cases], cwd=ROOT, capture_output=True, check=True)
    piped = subprocess.run(
        [*command, "-"], cwd=ROOT, input=cases.read_bytes(), capture_output=True, check=True
    )
    assert piped.stdout == from_file.stdout
    assert piped.stdout.count(b"\n") == 6
    refused = subprocess.run(
        [*command, "-"], cwd=ROOT, input=b"?,M\n", capture_output=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert refused.stderr.startswith(b"standard input: 1 problem\n")
