"""From labelled cases to a published artifact: evaluate, fit, check the floors, write."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
from msgspec import structs

from bc_model import artifact, card
from bc_model.arrays import BENIGN, MALIGNANT, BoolArray, FloatArray
from bc_model.artifact import Reference
from bc_model.blunders import noticed
from bc_model.dataset import Dataset
from bc_model.drift import bin_counts, bin_edges, bin_numbers, null_thresholds, score_counts
from bc_model.evaluation import (
    OutOfFold,
    basis_limits,
    cross_validate,
    operating_points,
    summarise,
    unseen_estimates,
)
from bc_model.features import FEATURE_NAMES, MEASUREMENTS, STATISTICS
from bc_model.floors import check_floors
from bc_model.manifest import Feature, Manifest, Parameters, TrainingData
from bc_model.predictor import Predictor
from bc_model.training import FittedModel, Progress, build_pipeline, fit, unseen_cases
from bc_model.verdict import out_of_fold_shares, unseen_shares, verdict_limits
from bc_model.version import library_versions, model_version

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True)
class Outcome:
    """Outcome of training or of a dry run; ``changed`` is False for the model already in use.

    ``former`` is the version that was in use before, empty where none was.
    """

    changed: bool
    model_version: str
    path: Path
    former: str


def plan(dataset: Dataset, parameters: Parameters, root: Path) -> Outcome:
    """Return what ``train`` would do.

    Raises:
        ArtifactError: the artifact is there but damaged.
    """
    name = model_version(dataset, parameters)
    path, former = root / name, artifact.in_use(root) or ""
    if path.exists():
        artifact.verify(path)
        return Outcome(former != name, name, path, former)
    return Outcome(True, name, path, former)


def train(
    dataset: Dataset,
    parameters: Parameters,
    root: Path,
    floors: Mapping[str, float],
    progress: Callable[[str], Progress],
) -> Outcome:
    """Publish the model under ``root`` and put it in use, unless it is already.

    ``progress`` returns a wrapper for an iterable, given the name of the step.

    Raises:
        ArtifactError: the artifact is there but damaged, or cannot be written.
        FloorError: the model is not good enough; nothing is written.
    """
    outcome = plan(dataset, parameters, root)
    if outcome.path.exists():
        figures = artifact.read_manifest(outcome.path).cross_validation
        check_floors({name: figure.value for name, figure in figures.items()}, floors)
        if outcome.changed:
            artifact.use(root, outcome.model_version)
        return outcome
    artifact.check_writable(root)
    artifact.publish(
        root, *build_model(dataset, parameters, outcome.model_version, floors, progress)
    )
    return outcome


def build_model(
    dataset: Dataset,
    parameters: Parameters,
    name: str,
    floors: Mapping[str, float],
    progress: Callable[[str], Progress],
) -> tuple[Manifest, dict[str, Callable[[Path], object]]]:
    """Return the manifest of the model called ``name``, and the writers of its files.

    Raises:
        FloorError: the model is not good enough.
    """
    out_of_fold = cross_validate(
        dataset, lambda: build_pipeline(parameters), progress=progress("cross-validation")
    )
    summaries = summarise(dataset.y, out_of_fold, parameters.threshold)
    check_floors({name: summary.estimate.value for name, summary in summaries.items()}, floors)
    unseen = unseen_cases(dataset.y)
    seen = Dataset(dataset.X[~unseen], dataset.y[~unseen], dataset.source)
    fitted = fit(seen, parameters, basis_limits(seen), progress("bootstrap"))
    predictor = Predictor(fitted.arrays)
    malignant = predictor.score(dataset.X).malignant
    limits = verdict_limits(dataset.y, out_of_fold.malignant)
    reference = _reference(dataset, unseen, malignant, out_of_fold, parameters.seed)
    manifest = Manifest(
        format=artifact.FORMAT,
        model_version=name,
        algorithm="SVC (RBF) on log1p(x / median), sigmoid calibration",
        threshold=parameters.threshold,
        features=_features(seen),
        data=_training_data(dataset, unseen),
        parameters=parameters,
        cross_validation={name: summary.estimate for name, summary in summaries.items()},
        unseen=unseen_estimates(dataset.y[unseen], malignant[unseen], parameters.threshold),
        operating_points=operating_points(dataset.y, out_of_fold.malignant),
        verdict=limits,
        verdict_shares={
            "out_of_fold": out_of_fold_shares(
                dataset.y, out_of_fold.malignant, parameters.threshold
            ),
            "unseen": unseen_shares(
                dataset.y[unseen],
                predictor.score(dataset.X[unseen]),
                limits,
                parameters.threshold,
            ),
        },
        blunders=noticed(predictor, dataset.X[unseen], parameters.seed),
        libraries=library_versions(),
        files={},
    )
    return manifest, _files(fitted, reference, manifest, dataset, out_of_fold)


def _features(seen: Dataset) -> list[Feature]:
    columns = dict(zip(FEATURE_NAMES, seen.X.T, strict=True))
    kinds = [(statistic, measurement) for statistic in STATISTICS for measurement in MEASUREMENTS]
    return [
        Feature(
            name=name,
            measurement=measurement.name,
            statistic=statistic,
            unit=measurement.unit,
            description=measurement.description,
            median=float(np.median(column)),
            minimum=float(column.min()),
            maximum=float(column.max()),
            percentiles={str(p): float(np.percentile(column, p)) for p in PERCENTILES},
        )
        for (name, column), (statistic, measurement) in zip(columns.items(), kinds, strict=True)
    ]


def _training_data(dataset: Dataset, unseen: BoolArray) -> TrainingData:
    return TrainingData(
        source=dataset.source,
        sha256=dataset.sha256,
        cases=len(dataset.y),
        malignant=int((dataset.y == MALIGNANT).sum()),
        benign=int((dataset.y == BENIGN).sum()),
        trained_on=int((~unseen).sum()),
        unseen=int(unseen.sum()),
    )


def _reference(
    dataset: Dataset, unseen: BoolArray, malignant: FloatArray, out_of_fold: OutOfFold, seed: int
) -> Reference:
    seen = dataset.X[~unseen]
    edges = bin_edges(seen)
    scores = score_counts(out_of_fold.malignant.T[:, :, None]).mean(axis=1)
    feature_thresholds, score_thresholds = null_thresholds(bin_numbers(seen, edges), scores, seed)
    return Reference(
        edges=edges,
        counts=bin_counts(seen, edges),
        cases=dataset.X,
        targets=dataset.y,
        unseen=unseen,
        malignant=malignant,
        out_of_fold=out_of_fold.malignant,
        feature_thresholds=feature_thresholds,
        score_thresholds=score_thresholds,
    )


def _files(
    fitted: FittedModel,
    reference: Reference,
    manifest: Manifest,
    dataset: Dataset,
    out_of_fold: OutOfFold,
) -> dict[str, Callable[[Path], object]]:
    return {
        artifact.MODEL: lambda path: np.savez(path, **vars(fitted.arrays)),
        artifact.REFERENCE: lambda path: np.savez(path, **structs.asdict(reference)),
        "model.joblib": lambda path: joblib.dump(fitted.classifier, path),
        "scaler.joblib": lambda path: joblib.dump(fitted.scaler, path),
        "feature_names.joblib": lambda path: joblib.dump(list(FEATURE_NAMES), path),
        "MODEL_CARD.md": lambda path: path.write_text(card.model_card(manifest), encoding="utf-8"),
        "roc.svg": lambda path: card.plot_roc(path, dataset.y, out_of_fold.malignant),
        "calibration.svg": lambda path: card.plot_calibration(
            path, dataset.y, out_of_fold.malignant
        ),
    }
