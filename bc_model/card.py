"""The model card: generated text and plots, after Mitchell et al. (2019) and TRIPOD+AI (2024)."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import matplotlib.axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from bc_model.answer_table import INTENDED_USE
from bc_model.arrays import MALIGNANT, FloatArray, IntArray
from bc_model.card_text import (
    BLUNDERS_TEXT,
    METRIC_NAMES,
    OUT_OF_SCOPE,
    caveats,
    origin,
    shares_text,
    verdict_text,
)
from bc_model.manifest import Estimate, Manifest
from bc_model.metrics import calibration
from bc_model.predictor import INTERVAL_LEVEL


def model_card(manifest: Manifest) -> str:
    """Return the model card as Markdown; every figure in it comes from ``manifest``."""
    data = manifest.data
    return f"""\
# Model card: breast tumour classifier {manifest.model_version}

## Model

{manifest.algorithm}; C = {manifest.parameters.C:g}, seed {manifest.parameters.seed}. \
Input: 30 measurements of the cell nuclei in a fine-needle aspirate. Output: the probability that \
the tumour is malignant, with a {INTERVAL_LEVEL:.0%} interval from \
{manifest.parameters.refits} bootstrap refits. A case is called malignant from a probability \
of {manifest.threshold:g}.

Libraries: {", ".join(f"{name} {version}" for name, version in manifest.libraries.items())}.

## Intended use

{INTENDED_USE.capitalize()}.

**Out of scope:** {OUT_OF_SCOPE}

## Data

{data.source}: {data.cases} cases, {data.malignant} malignant and {data.benign} benign. \
The model was fitted on {data.trained_on}; {data.unseen} (stratified) were held out. \
{origin(manifest)} SHA-256 of the values and labels: `{data.sha256}`.

## Performance

Out of fold: mean over the repeats of repeated stratified cross-validation on all cases. \
Unseen: this model on the {data.unseen} cases held out from it. Brackets show the 95 % bootstrap \
interval over cases. The calibration error of a resample is biased upwards, and so is its \
interval.

| metric | out of fold | unseen |
|---|---|---|
{_performance(manifest)}

![ROC curve, out of fold](roc.svg)

One curve for each repeat of the cross-validation.

![Calibration, out of fold](calibration.svg)

In each tenth of the scale: the mean answer with its 95 % bootstrap interval over cases, and the \
observed share of malignant cases with its 95 % Wilson interval.

## Thresholds

Out of fold, with 95 % Wilson intervals.

| malignant from | sensitivity | specificity |
|---|---|---|
{_thresholds(manifest)}

## Verdict

{verdict_text(manifest)}

{shares_text(manifest)}

| cases | wrong | uncertain |
|---|---|---|
{_shares(manifest)}

## Blunders

{BLUNDERS_TEXT}

| blunder | noticed |
|---|---|
{_blunders(manifest)}

## Caveats

{_list(caveats(manifest))}
"""


def plot_roc(path: Path, y: IntArray, malignant: FloatArray) -> None:
    """Draw the out-of-fold ROC curve of each repeat of ``malignant`` (r, n) as SVG."""
    figure, axes = _axes("1 − specificity", "sensitivity")
    for repeat in malignant:
        false_positive_rate, sensitivity, _ = roc_curve(y == MALIGNANT, repeat)
        axes.plot(false_positive_rate, sensitivity, color="C0", alpha=0.4)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    _save(figure, path)


def plot_calibration(path: Path, y: IntArray, malignant: FloatArray) -> None:
    """Draw observed against predicted shares with their intervals, out of fold, as SVG."""
    figure, axes = _axes("predicted probability of malignant", "observed share of malignant")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    bins = calibration(y, malignant)
    predicted, observed = [b.predicted.value for b in bins], [b.observed.value for b in bins]
    axes.plot(predicted, observed, marker="o", color="C0")
    axes.hlines(observed, [b.predicted.low for b in bins], [b.predicted.high for b in bins])
    axes.vlines(predicted, [b.observed.low for b in bins], [b.observed.high for b in bins])
    _save(figure, path)


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _performance(manifest: Manifest) -> str:
    return "\n".join(
        f"| {METRIC_NAMES[name]} | {_figure(figure)} | {_figure(manifest.unseen[name])} |"
        for name, figure in manifest.cross_validation.items()
    )


def _thresholds(manifest: Manifest) -> str:
    return "\n".join(
        f"| {point.threshold:g} | {_figure(point.sensitivity)} | {_figure(point.specificity)} |"
        for point in manifest.operating_points
    )


def _shares(manifest: Manifest) -> str:
    return "\n".join(
        f"| {name}, {cases.replace('_', ' ')} | {_figure(of.wrong)} | {_figure(of.uncertain)} |"
        for cases, shares in manifest.verdict_shares.items()
        for name, of in shares.items()
    )


def _blunders(manifest: Manifest) -> str:
    return "\n".join(f"| {name} | {_figure(share)} |" for name, share in manifest.blunders.items())


def _figure(figure: Estimate) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _axes(x_label: str, y_label: str) -> tuple[Figure, mpl.axes.Axes]:
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    # A fixed salt and no date: the same curve is the same file.
    with mpl.rc_context({"svg.hashsalt": "bc_model"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
