"""The table of how often drift is found is the document's, and its claims hold."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bc_model.artifact import Reference
from bc_model.drift import BINS
from bc_model.features import FEATURE_NAMES
from bc_model.manifest import Manifest, Parameters
from studies.drift_power import SIZES, Simulation, drift_tables, scenarios, stability_index
from tests.conftest import ROOT

LENGTHS = ("radius", "perimeter", "area")


@pytest.fixture(scope="module")
def simulation(reference: Reference) -> Simulation:
    return Simulation(reference, Parameters(), seed=0)


def test_scenarios_change_what_they_say(reference: Reference) -> None:
    unchanged, _, larger, texture, _, rarer = scenarios(reference, Parameters())
    assert_array_equal(unchanged.cases, reference.cases)
    assert not unchanged.changed.any()
    for name, was, now, changed in zip(
        FEATURE_NAMES, reference.cases.T, larger.cases.T, larger.changed, strict=True
    ):
        factor = 1.21 if "area" in name else 1.1 if any(word in name for word in LENGTHS) else 1
        np.testing.assert_allclose(now, was * factor, rtol=1e-12)
        assert changed == (factor > 1)
    assert [name for name, is_in in zip(FEATURE_NAMES, texture.changed, strict=True) if is_in] == [
        "mean texture", "texture error", "worst texture",
    ]  # fmt: skip
    assert rarer.weights.sum() == pytest.approx(1)
    malignant = reference.targets == 0
    assert rarer.weights[malignant].sum() == pytest.approx(malignant.mean() / 2)


def test_answers_are_those_of_cross_validation(reference: Reference) -> None:
    unchanged = scenarios(reference, Parameters())[0]
    assert_array_equal(unchanged.scores.sum(axis=1), 1)
    below = unchanged.scores.cumsum(axis=1)[:, 6] == 1  # the bucket up to 0.5
    assert_array_equal(below, reference.out_of_fold[0] <= 0.5)


def test_a_look_is_at_new_cases_of_each_size(simulation: Simulation) -> None:
    found = simulation.look(simulation.scenarios[0], 3, iter)
    assert found.features.shape == found.stability.shape == (3, len(SIZES), 30)
    assert found.answers.shape == (3, len(SIZES))
    # The expected index of two samples is (bins - 1) (1 / n + 1 / m).
    expected = [(BINS - 1) * (1 / size + 1 / 455) for size in SIZES[2:]]
    np.testing.assert_allclose(found.stability[:, 2:].mean(axis=(0, 2)), expected, rtol=0.3)


def test_stability_index_of_an_empty_bin() -> None:
    index = stability_index(np.array([0, 10]), np.array([5, 5]))
    assert index == pytest.approx((1e-4 - 0.5) * np.log(2e-4) + 0.5 * np.log(2))


@pytest.fixture(scope="module")
def tables(reference: Reference, manifest: Manifest) -> str:
    """What ``python -m studies drift`` prints."""
    return drift_tables(reference, manifest.parameters, 400, 0, lambda step: iter)


def test_the_documents_tables_are_the_commands(tables: str) -> None:
    document = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    for table in tables.split("\n\n"):
        assert f"\n\n{table}\n\n" in document


def test_drift_means_something(tables: str) -> None:
    rows = (row.strip("| ").split(" | ") for row in tables.splitlines() if " | " in row)
    found = {
        name: [float(cell.split("%")[0]) for cell in cells]
        for name, *cells in rows
        if cells[0] not in ("---", "50 cases")
    }
    assert max(found["a feature has drifted"] + found["the answers have drifted"]) <= 0.5
    assert max(found["alarms by features a year, looking every hour"]) < 10
    assert max(max(of) for name, of in found.items() if name.endswith("other features")) <= 1
    assert found["lengths 10 % larger: these features"][-2] >= 99
    assert found["half as many malignant: answers"][-2] >= 99
    assert 45 < found["index of one feature above 0.1"][1] < 65
