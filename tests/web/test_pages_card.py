"""The model card as a page has the figures of the manifest, and of the threshold in force."""

import re
from pathlib import Path

import httpx2
import pytest

from bc_model.artifact import Reference
from bc_model.card_text import METRIC_NAMES, OUT_OF_SCOPE, caveats, origin
from bc_model.classifier import Classifier
from bc_model.manifest import Estimate
from bc_model.metrics import calibration
from tests.conftest import running_service


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", "", text))


@pytest.fixture(scope="module")
def text(client: httpx2.Client) -> str:
    return client.get("/model/card").raise_for_status().text


def test_every_figure_has_its_interval(text: str, classifier: Classifier) -> None:
    def shown(figure: Estimate) -> str:
        return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"

    for name, figure in classifier.manifest.cross_validation.items():
        row = f"{METRIC_NAMES[name]}{shown(figure)}{shown(classifier.manifest.unseen[name])}"
        assert row in plain(text)


def test_the_whole_table_of_thresholds_is_there(text: str, classifier: Classifier) -> None:
    points = classifier.manifest.operating_points
    for point in points:
        figure = point.sensitivity
        shown = f"{100 * figure.value:.1f} ({100 * figure.low:.1f} to {100 * figure.high:.1f})"
        missed = 212 * (1 - figure.value)
        (row,) = re.findall(rf'<tr data-threshold="{100 * point.threshold:g}".*?</tr>', text, re.S)
        assert shown in plain(row)
        assert f"{missed:.1f} (" in plain(row)
    assert text.count("<tr data-threshold=") == len(points)


def test_the_table_of_calibration_has_intervals_throughout(text: str, reference: Reference) -> None:
    (table,) = re.findall(r"<caption>Calibration.*?</table>", text, re.S)
    rows = re.findall(r"<tr><td.*?</tr>", table, re.S)
    for row, bin in zip(rows, calibration(reference.targets, reference.out_of_fold), strict=True):
        shares = "".join(
            f"{100 * figure.value:.1f} ({100 * figure.low:.1f} to {100 * figure.high:.1f})"
            for figure in (bin.predicted, bin.observed)
        )
        cases = f"{bin.cases.value:.1f} ({bin.cases.low:.0f} to {bin.cases.high:.0f})"
        assert plain(row) == shares + cases


def test_data_use_and_caveats_are_there(text: str, classifier: Classifier) -> None:
    data = classifier.manifest.data
    for expected in (
        data.source, data.sha256, OUT_OF_SCOPE, *caveats(classifier.manifest),
        origin(classifier.manifest),
        "569 cases, 212 malignant and 357 benign", "fitted on 455; 114 (stratified)",
        classifier.manifest.model_version, "For research and education. Not a medical device:",
    ):  # fmt: skip
        assert expected in plain(text)


def test_both_curves_are_drawn(text: str) -> None:
    for name in ("ROC curve", "Sensitivity and specificity by threshold", "Calibration"):
        assert f'role="img" aria-label="{name}' in text


def test_the_threshold_in_force_has_its_own_row(model_dir: Path, tmp_path: Path) -> None:
    environment = {"MODEL_DIR": str(model_dir), "THRESHOLD": "0.123"}
    with running_service(environment, tmp_path / "log") as client:
        text = client.get("/model/card").text
    (row,) = re.findall(r'<tr data-threshold="12.3".*?</tr>', text, re.S)
    assert 'aria-current="true"' in row
    assert text.count('aria-current="true"') == 1
