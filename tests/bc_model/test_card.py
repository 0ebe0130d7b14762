"""The model card: every figure in it is the manifest's, every plot draws what it was given."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from bc_model import card
from bc_model.arrays import FloatArray, IntArray
from bc_model.card_text import METRIC_NAMES
from bc_model.dataset import Dataset
from bc_model.manifest import Estimate, Manifest, Parameters
from bc_model.metrics import METRICS, wilson

Plot = Callable[[Path, IntArray, FloatArray], None]

PLOTS = pytest.mark.parametrize("plot", [card.plot_roc, card.plot_calibration])


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def test_every_metric_has_its_row(manifest: Manifest) -> None:
    assert tuple(METRIC_NAMES) == METRICS
    text = card.model_card(manifest)
    for name in METRICS:
        out_of_fold, unseen = (
            f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
            for figure in (manifest.cross_validation[name], manifest.unseen[name])
        )
        assert f"| {METRIC_NAMES[name]} | {out_of_fold} | {unseen} |" in rows(text)


def test_every_threshold_has_its_row(manifest: Manifest) -> None:
    text = card.model_card(manifest)
    others = 2 + len(METRICS) + 2 + 4 + 2 + len(manifest.blunders)
    assert len(rows(text)) == others + 2 + len(manifest.operating_points)
    for point in manifest.operating_points:
        (row,) = (row for row in rows(text) if row.startswith(f"| {point.threshold:g} |"))
        assert re.findall(r"[\d.]+", row)[1:] == [
            f"{value:.3f}"
            for figure in (point.sensitivity, point.specificity)
            for value in (figure.value, figure.low, figure.high)
        ]


def test_verdicts_and_blunders_have_their_rows(manifest: Manifest) -> None:
    text = card.model_card(manifest)
    shares = manifest.verdict_shares["out_of_fold"]["malignant"]
    assert f"| malignant, out of fold | {card._figure(shares.wrong)} | " in text
    for name, share in manifest.blunders.items():
        assert f"| {name} | {card._figure(share)} |" in text


def test_every_figure_comes_from_the_manifest(manifest: Manifest) -> None:
    other = msgspec.structs.replace(
        manifest,
        model_version="0123456789ab",
        algorithm="another algorithm",
        threshold=0.123,
        parameters=Parameters(C=7.5, seed=77, refits=33),
        data=msgspec.structs.replace(
            manifest.data,
            source="another source", sha256="f00d", cases=1000, malignant=111, benign=889,
            trained_on=801, unseen=199,
        ),
        unseen=dict.fromkeys(METRICS, Estimate(0.21, 0.2, 0.22)),
        libraries={"numpy": "9.9.9"},
    )  # fmt: skip
    text = card.model_card(other)
    for expected in (
        "0123456789ab", "another algorithm; C = 7.5, seed 77", "33 bootstrap refits",
        "from a probability of 0.123.", "Libraries: numpy 9.9.9.",
        "another source: 1000 cases, 111 malignant and 889 benign",
        "fitted on 801; 199 (stratified)", "`f00d`", "the 199 cases held out", "(11%)",
        "| 0.210 [0.200, 0.220] |",
    ):  # fmt: skip
        assert expected in text
    for former in (manifest.model_version, manifest.data.sha256, "569", "212"):
        assert former not in text


def test_what_is_known_of_the_origin_is_said_and_no_more(manifest: Manifest) -> None:
    bundled = card.model_card(manifest)
    assert "from one centre, the University of Wisconsin" in bundled
    assert "UCI Machine Learning Repository, 1995" in bundled
    assert "performance is unknown for another centre" in bundled
    assert "Nothing is known" not in bundled
    data = msgspec.structs.replace(manifest.data, source="cases.csv")
    own = card.model_card(msgspec.structs.replace(manifest, data=data))
    assert "The file does not say which centres they are from." in own
    assert "Nothing is known about age, ethnicity, centre or equipment" in own
    assert "Wisconsin" not in own


def test_the_card_says_what_the_model_is_not_for(manifest: Manifest) -> None:
    text = card.model_card(manifest)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    assert headings[1:] == [
        "Model", "Intended use", "Data", "Performance", "Thresholds", "Verdict", "Blunders",
        "Caveats",
    ]  # fmt: skip
    assert "not a medical device" in text
    assert "**Out of scope:** diagnosis" in text


def test_the_artifact_holds_its_card_and_the_plots_it_shows(
    model_dir: Path, manifest: Manifest
) -> None:
    text = (model_dir / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert text == card.model_card(manifest)
    for image in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert ElementTree.parse(model_dir / image).getroot().tag.endswith("svg")  # noqa: S314  ours


def curves(path: Path) -> list[list[tuple[float, float]]]:
    """Return the points of each line drawn in an SVG's axes, as shares of the diagonal's size."""
    text = path.read_text()
    lines = [
        [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", drawn)]
        for drawn in re.findall(r'<path d="([^"z]*)" clip-path', text)
    ]
    ((left, bottom), (right, top)) = next(
        line for line in lines if len(line) == 2 and line[0][0] != line[1][0]
    )
    return [
        [(round((x - left) / (right - left), 4), round((y - bottom) / (top - bottom), 4))
         for x, y in line]
        for line in lines
    ]  # fmt: skip


def test_the_roc_plot_draws_each_repeat(tmp_path: Path) -> None:
    y = np.array([0, 0, 1, 1])
    malignant = np.array([[0.9, 0.8, 0.2, 0.1], [0.9, 0.2, 0.8, 0.1]])
    card.plot_roc(tmp_path / "roc.svg", y, malignant)
    assert curves(tmp_path / "roc.svg") == [
        [(0, 0), (0, 0.5), (0, 1), (1, 1)],
        [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)],
        [(0, 0), (1, 1)],
    ]


def test_the_calibration_plot_draws_observed_against_predicted(tmp_path: Path) -> None:
    y = np.array([0, 1, 1, 1, 0, 0, 0, 1])
    malignant = np.array([[0.25, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75]])
    card.plot_calibration(tmp_path / "calibration.svg", y, malignant)
    drawn = curves(tmp_path / "calibration.svg")
    assert [(0.25, 0.25), (0.75, 0.75)] in drawn
    lower, upper = wilson(1, 4), wilson(3, 4)
    for x, figure in ((0.25, lower), (0.75, upper)):
        assert [(x, round(figure.low, 4)), (x, round(figure.high, 4))] in drawn


@PLOTS
def test_the_same_curve_is_the_same_file(tmp_path: Path, dataset: Dataset, plot: Plot) -> None:
    malignant = np.random.default_rng(0).random((2, len(dataset.y)))
    for name in ("first", "second"):
        plot(tmp_path / name, dataset.y, malignant)
    plot(tmp_path / "other", dataset.y, malignant[:, ::-1])
    first = (tmp_path / "first").read_bytes()
    assert first == (tmp_path / "second").read_bytes()
    assert first != (tmp_path / "other").read_bytes()
    assert b"date" not in first
