"""The models of simulated canaries."""

from pathlib import Path

import numpy as np
import pytest

from bc_model import artifact
from bc_model.arrays import MALIGNANT
from bc_model.dataset import Dataset
from bc_model.manifest import Parameters
from bc_model.predictor import Predictor
from bc_model.training import BasisLimits, fit
from studies.candidates import Candidates


@pytest.fixture(scope="module")
def models(model_dir: Path) -> Candidates:
    manifest = artifact.read_manifest(model_dir)
    return Candidates(manifest, artifact.load_reference(model_dir, manifest))


def test_a_retrained_model_answers_as_the_one_that_would_be_served(
    models: Candidates, dataset: Dataset
) -> None:
    generator = np.random.default_rng(0)
    seen = ~models.reference.unseen
    trained_on = Dataset(dataset.X[seen], dataset.y[seen], "seen")
    served = fit(trained_on, Parameters(C=10, refits=1), BasisLimits())
    expected = Predictor(served.arrays).score(dataset.X).malignant
    np.testing.assert_allclose(models.retrained(C=10)(generator).served, expected, atol=1e-9)
    again, same = models.retrained(C=1)(generator), models.same(generator)
    np.testing.assert_allclose(again.served, same.served, atol=1e-9)
    np.testing.assert_allclose(again.out_of_fold, same.out_of_fold, atol=1e-9)


@pytest.mark.parametrize("parameters", [{}, {"C": 10}])
def test_an_insensitive_model_misses_just_as_many_as_asked(
    models: Candidates, parameters: dict[str, float]
) -> None:
    malignant = models.reference.targets == MALIGNANT
    same = models.same(np.random.default_rng(0))
    base = models.retrained(**parameters)(np.random.default_rng(0)) if parameters else same
    draw = models.insensitive(0.05, **parameters)
    first, second = (draw(np.random.default_rng(seed)) for seed in (1, 2))
    for answers in (first, second):
        for found, undamaged, stable in (
            (answers.served, base.served, same.served),
            (answers.out_of_fold.mean(0), base.out_of_fold.mean(0), same.out_of_fold.mean(0)),
        ):
            recognised, before = ((each >= 0.5)[malignant].sum() for each in (found, stable))
            assert before - recognised == 11  # 5 % of 212 are 10.6
            others = found != undamaged
            assert (found[others] < 0.5).all()
            assert malignant[others].all()
    assert (first.served != second.served).any()
    np.testing.assert_array_equal(first.served, draw(np.random.default_rng(1)).served)


def test_mislabelled_models(models: Candidates) -> None:
    generator = np.random.default_rng(0)
    swapped = models.swapped()(generator).served
    np.testing.assert_allclose(swapped + models.reference.malignant, 1)
    shuffled = models.shuffled()(generator).served
    malignant = models.reference.targets == MALIGNANT
    assert abs(shuffled[malignant].mean() - shuffled[~malignant].mean()) < 0.05
