"""The version of a model changes with everything that may change the model, and nothing else."""

import ast
import dataclasses
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

import pytest

from bc_model import artifact, version
from bc_model.arrays import BENIGN
from bc_model.dataset import Dataset
from bc_model.manifest import Parameters
from bc_model.publishing import build_model
from bc_model.version import decisive_code, model_version
from tests.conftest import ROOT

Edit = Callable[[str, str, str], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, which decides the version now."""
    copy = Path(shutil.copytree(ROOT / "bc_model", tmp_path / "bc_model"))
    monkeypatch.setattr(version, "_PACKAGE", copy)
    return copy


@pytest.fixture
def edit(package: Path) -> Edit:
    """Replace text in a module of the copy."""

    def replace(module: str, old: str, new: str) -> None:
        file = package / f"{module}.py"
        source = file.read_text(encoding="utf-8")
        assert source.count(old) == 1
        file.write_text(source.replace(old, new), encoding="utf-8")

    return replace


def current(small: Dataset) -> str:
    return model_version(small, Parameters())


def test_the_version_depends_on_what_determines_the_model(dataset: Dataset) -> None:
    X, y = dataset.X.copy(), dataset.y.copy()
    X[0, 0] += 1
    y[0] = BENIGN
    versions = {
        model_version(cases, parameters)
        for cases, parameters in (
            (dataset, Parameters()),
            (dataset, Parameters(C=2)),
            (dataset, Parameters(seed=43)),
            (dataset, Parameters(threshold=0.4)),
            (dataset, Parameters(refits=49)),
            (dataclasses.replace(dataset, X=X), Parameters()),
            (dataclasses.replace(dataset, y=y), Parameters()),
        )
    }
    assert len(versions) == 7
    elsewhere = dataclasses.replace(dataset, source="elsewhere")
    assert model_version(elsewhere, Parameters(C=1)) in versions


def test_the_version_depends_on_the_libraries(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = current(small)
    monkeypatch.setattr(version, "version", lambda name: "0")
    assert current(small) != before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("training", "CALIBRATION_FOLDS = 5\n", "CALIBRATION_FOLDS = 5  # why five\n"),
        ("training", "Return the whole unfitted pipeline.", "Build the pipeline, unfitted."),
        ("training", "Not a parameter: models", "Not a setting: models"),
        ("predictor", "from dataclasses import dataclass\n", "import math\n\nimport dataclasses\n"),
        ("predictor", "NEIGHBOURS = 5", "NEIGHBOURS = (\n    5\n)"),
        ("floors", "nothing was published", "the model was not published"),
        ("csv_header", "is not a known column", "is an unknown column"),
        ("explanation", "(features + 1) // 2", "(features + 3) // 2"),
        ("card", 'marker="o"', 'marker="x"'),
        ("card_text", "chosen for a study", "selected for a study"),
    ],
)
def test_what_does_not_decide_the_model_leaves_its_version(
    small: Dataset, edit: Edit, module: str, old: str, new: str
) -> None:
    before = current(small)
    edit(module, old, new)
    assert current(small) == before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("training", "CALIBRATION_FOLDS = 5", "CALIBRATION_FOLDS = 6"),
        ("training", "CALIBRATION_FOLDS = 5", "CALIBRATION_FOLDS = 5.0"),
        ("training", "CALIBRATION_FOLDS = 5", 'CALIBRATION_FOLDS = "5"'),
        ("training", "CALIBRATION_FOLDS = 5", "CALIBRATION_FOLDS = None"),
        ("training", 'method="sigmoid"', 'method="isotonic"'),
        ("predictor", "np.maximum(squares, 0)", "np.minimum(squares, 0)"),
        ("predictor", "NEIGHBOURS = 5", "NEIGHBOURS = 6"),
        ("manifest", "    cases: int\n", "    cases: float\n"),
        ("artifact", "building.chmod(0o755)", "building.chmod(0o700)"),
        ("features", '"length of the outline"', '"length of the border"'),
    ],
)
def test_code_that_decides_the_model_decides_its_version(
    small: Dataset, edit: Edit, module: str, old: str, new: str
) -> None:
    before = current(small)
    edit(module, old, new)
    assert current(small) != before


def test_moved_definitions_and_files_leave_the_version(small: Dataset, package: Path) -> None:
    before = current(small)
    (package / "deeper").mkdir()
    (package / "training.py").rename(package / "deeper" / "fitting.py")
    drift = package / "drift.py"
    tree = ast.parse(drift.read_text(encoding="utf-8"))
    tree.body.reverse()
    drift.write_text(ast.unparse(tree), encoding="utf-8")
    with (package / "metrics.py").open("a", encoding="utf-8") as file:
        file.write((package / "arrays.py").read_text(encoding="utf-8"))
    (package / "arrays.py").unlink()
    assert current(small) == before


def test_every_function_that_training_runs_counts(small: Dataset, tmp_path: Path) -> None:
    """Seen by a profiler; the floors decide nothing of the content, and the card nothing at all."""
    called: set[CodeType] = set()
    apart = {"card", "card_text"}
    plotted = {"calibration", "_bin", "_mean_answer"}

    def watch(frame: FrameType, event: str, argument: object) -> None:
        called.add(frame.f_code)

    sys.setprofile(watch)
    try:
        built = build_model(small, Parameters(refits=2), "name", {}, lambda step: iter)
        artifact.publish(tmp_path, *built)
    finally:
        sys.setprofile(None)
    run = {
        (Path(code.co_filename).stem, code.co_qualname.partition(".")[0])
        for code in called
        if Path(code.co_filename).parent == ROOT / "bc_model"
    }
    names = {name for module, name in run if module not in apart} - {"<module>"}
    assert {"fit", "MedianLog", "wilson", "null_thresholds"} < names
    assert names - decisive_code().keys() == {"check_floors"} | plotted
    assert {module for module, _ in run} > {"training", "evaluation", "drift", "card", "dataset"}


def test_what_decides_the_model_is_defined_at_the_top_of_modules() -> None:
    """Other statements there, such as loops, would not be seen."""
    run_alone = {"__init__", "__main__"}
    for file in (ROOT / "bc_model").glob("*.py"):
        if file.stem not in run_alone:
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                assert version._is_left_out(node) or version._defined(node), (
                    file.name,
                    node.lineno,
                )


def test_the_serialisation_is_the_same_on_every_version_of_python() -> None:
    source = '''
class Box(Base, frozen=True):
    """A box."""

    size: float = 1.0

    @property
    def text(self, *, a=None, **more) -> str:
        import math

        return f"{self.size!r:>{a}} and {a:.3f}" "é" if more["x"][1:2] else b"y"
'''
    digest = "e3cc632a53fc5e6b353a88ca9b9a87f3e1174707b23a67315de0209477871725"
    assert version._digest(ast.parse(source).body[0]) == digest
