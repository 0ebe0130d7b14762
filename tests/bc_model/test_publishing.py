"""From cases to a published artifact: reproducible, and nothing is published of a bad model."""

import dataclasses
import shutil
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bc_model import artifact
from bc_model.arrays import MALIGNANT
from bc_model.artifact import ArtifactError, Reference
from bc_model.classifier import Classifier
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from bc_model.floors import DEFAULT_FLOORS, FloorError
from bc_model.manifest import Manifest, Parameters
from bc_model.metrics import METRICS, operating_point
from bc_model.publishing import Outcome, plan, train
from bc_model.training import Progress, T, unseen_cases
from bc_model.version import model_version

FEW_REFITS = Parameters(refits=2, threshold=0.4)


class Steps(dict[str, int]):
    """Notes how many items each step of a training had."""

    def __call__(self, step: str) -> Progress:
        def progress(iterable: Iterable[T], /) -> Iterable[T]:
            items = list(iterable)
            self[step] = len(items)
            return items

        return progress


@dataclasses.dataclass(frozen=True)
class Published:
    root: Path
    outcome: Outcome
    steps: Steps

    @property
    def manifest(self) -> Manifest:
        return artifact.verify(self.outcome.path)


def publish(small: Dataset, root: Path) -> Published:
    steps = Steps()
    return Published(root, train(small, FEW_REFITS, root, {}, steps), steps)


@pytest.fixture(scope="module")
def published(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A model of the small data set; not to be altered."""
    return publish(small, tmp_path_factory.mktemp("published") / "artifacts")


@pytest.fixture
def copy(published: Published, tmp_path: Path) -> Published:
    """The same; may be altered."""
    root = Path(shutil.copytree(published.root, tmp_path / "copy", symlinks=True))
    path = root / published.outcome.model_version
    return Published(root, dataclasses.replace(published.outcome, path=path), Steps())


def snapshot(root: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in [root, *root.rglob("*")]}


def test_training_publishes_the_model_and_puts_it_in_use(
    published: Published, small: Dataset
) -> None:
    name = model_version(small, FEW_REFITS)
    assert published.outcome == Outcome(True, name, published.root / name, former="")
    assert artifact.in_use(published.root) == name
    assert {path.name for path in published.root.iterdir()} == {name, "current"}
    assert published.steps == {"cross-validation": 50, "bootstrap": 2}


def test_training_again_does_nothing(published: Published, small: Dataset) -> None:
    before, steps = snapshot(published.root), Steps()
    outcome = train(small, FEW_REFITS, published.root, {}, steps)
    name = published.outcome.model_version
    assert outcome == dataclasses.replace(published.outcome, changed=False, former=name)
    assert snapshot(published.root) == before
    assert steps == {}


def test_training_elsewhere_gives_every_file_byte_for_byte(
    published: Published, small: Dataset, tmp_path: Path
) -> None:
    again = publish(dataclasses.replace(small), tmp_path)
    assert again.outcome.model_version == published.outcome.model_version
    for path in published.outcome.path.iterdir():
        assert (again.outcome.path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_former_model_is_put_in_use_again_without_training(
    copy: Published, small: Dataset
) -> None:
    other = msgspec.structs.replace(copy.manifest, model_version="other")
    artifact.publish(copy.root, other, {})
    assert artifact.in_use(copy.root) == "other"
    planned = plan(small, FEW_REFITS, copy.root)
    assert artifact.in_use(copy.root) == "other"
    outcome = train(small, FEW_REFITS, copy.root, {}, copy.steps)
    assert planned == outcome == dataclasses.replace(copy.outcome, former="other")
    assert artifact.in_use(copy.root) == copy.outcome.model_version
    assert copy.steps == {}


def test_planning_writes_nothing(published: Published, small: Dataset, tmp_path: Path) -> None:
    name = model_version(small, FEW_REFITS)
    root = tmp_path / "artifacts"
    assert plan(small, FEW_REFITS, root) == Outcome(True, name, root / name, former="")
    assert not root.exists()
    before = snapshot(published.root)
    path = published.root / name
    assert plan(small, FEW_REFITS, published.root) == Outcome(False, name, path, former=name)
    assert snapshot(published.root) == before


@pytest.mark.parametrize("act", [plan, lambda *to: train(to[0], to[1], to[2], {}, Steps())])
def test_a_damaged_model_is_not_taken_for_done(
    copy: Published, small: Dataset, act: Callable[[Dataset, Parameters, Path], Outcome]
) -> None:
    (copy.outcome.path / "scaler.joblib").unlink()
    with pytest.raises(ArtifactError, match=r"scaler\.joblib cannot be read .No such file"):
        act(small, FEW_REFITS, copy.root)


def test_a_model_of_shuffled_labels_is_refused_and_nothing_is_written(
    small: Dataset, tmp_path: Path
) -> None:
    shuffled = dataclasses.replace(small, y=np.random.default_rng(0).permutation(small.y))
    root = tmp_path / "not" / "there"
    with pytest.raises(FloorError) as caught:
        train(shuffled, FEW_REFITS, root, DEFAULT_FLOORS, Steps())
    assert all(name in str(caught.value) for name in DEFAULT_FLOORS)
    assert list(tmp_path.iterdir()) == []


def test_floors_hold_for_a_model_that_is_there_already(copy: Published, small: Dataset) -> None:
    artifact.publish(copy.root, msgspec.structs.replace(copy.manifest, model_version="other"), {})
    before = snapshot(copy.root)
    with pytest.raises(FloorError, match=r"accuracy is 0\.\d+, below its floor of 1"):
        train(small, FEW_REFITS, copy.root, {"accuracy": 1}, copy.steps)
    assert snapshot(copy.root) == before


def test_the_manifest_tells_where_the_model_comes_from(
    published: Published, small: Dataset
) -> None:
    manifest = published.manifest
    unseen = unseen_cases(small.y)
    assert msgspec.structs.asdict(manifest.data) == {
        "source": "small.csv", "sha256": small.sha256, "cases": 32, "malignant": 16, "benign": 16,
        "trained_on": (~unseen).sum(), "unseen": unseen.sum(),
    }  # fmt: skip
    assert manifest.format == artifact.FORMAT
    assert manifest.model_version == published.outcome.model_version
    assert manifest.parameters == FEW_REFITS
    assert manifest.threshold == 0.4
    assert manifest.libraries == {
        name: version(name) for name in ("numpy", "scipy", "scikit-learn")
    }
    assert manifest.data.trained_on + manifest.data.unseen == 32


def test_the_default_model_is_of_the_bundled_cases(classifier: Classifier) -> None:
    data = classifier.manifest.data
    counts = (data.cases, data.malignant, data.benign, data.trained_on, data.unseen)
    assert counts == (569, 212, 357, 455, 114)
    assert classifier.manifest.parameters == Parameters(C=1, seed=42, threshold=0.5, refits=50)


def test_the_manifest_describes_the_features_as_they_were_in_training(
    classifier: Classifier, reference: Reference
) -> None:
    seen = reference.cases[~reference.unseen]
    features = classifier.manifest.features
    assert tuple(feature.name for feature in features) == FEATURE_NAMES
    for feature, column in zip(features, seen.T, strict=True):
        assert feature.measurement in feature.name
        assert feature.statistic in feature.name
        assert feature.unit
        assert feature.description
        assert (feature.minimum, feature.maximum) == (column.min(), column.max())
        assert feature.median == np.median(column) == feature.percentiles["50"]
        assert list(feature.percentiles) == ["1", "5", "25", "50", "75", "95", "99"]
        for share, percentile in feature.percentiles.items():
            below, until = (column < percentile).mean(), (column <= percentile).mean()
            assert below <= int(share) / 100 + 1 / len(column)
            assert until >= int(share) / 100 - 1 / len(column)


def test_the_figures_are_those_of_the_models_own_threshold(published: Published) -> None:
    figures = published.manifest.cross_validation
    assert tuple(figures) == tuple(published.manifest.unseen) == METRICS
    (point,) = (point for point in published.manifest.operating_points if point.threshold == 0.4)
    assert point.sensitivity.value == pytest.approx(figures["sensitivity"].value)
    assert point.specificity.value == pytest.approx(figures["specificity"].value)


def test_the_reference_holds_every_case_and_its_answer(
    dataset: Dataset, reference: Reference, classifier: Classifier
) -> None:
    np.testing.assert_array_equal(reference.cases, dataset.X)
    np.testing.assert_array_equal(reference.targets, dataset.y)
    np.testing.assert_array_equal(reference.unseen, unseen_cases(dataset.y))
    np.testing.assert_array_equal(reference.malignant, classifier.score(dataset.X).malignant)
    assert reference.out_of_fold.shape == (10, 569)
    for threshold in (0.5, 0.95):
        (point,) = (p for p in classifier.manifest.operating_points if p.threshold == threshold)
        assert operating_point(reference.targets, reference.out_of_fold, threshold) == point


def test_the_model_knows_the_unseen_cases_as_well_as_cross_validation_promises(
    reference: Reference, classifier: Classifier
) -> None:
    called = reference.malignant[reference.unseen] >= 0.5
    right = (called == (reference.targets[reference.unseen] == MALIGNANT)).mean()
    expected = classifier.manifest.cross_validation["accuracy"].value
    assert right >= expected - 3 * np.sqrt(expected * (1 - expected) / 114)
