"""Candidate models for the simulation: the artifact's own, retrained ones and damaged ones."""

from collections.abc import Callable
from functools import cache, partial
from math import ceil
from typing import NamedTuple

import numpy as np
from msgspec import structs

from bc_model.arrays import MALIGNANT, FloatArray, IntArray
from bc_model.artifact import Reference
from bc_model.dataset import Dataset
from bc_model.evaluation import cross_validate
from bc_model.manifest import Manifest
from bc_model.training import build_pipeline
from canary.cases import averaged
from canary.observation import Cases


class Answers(NamedTuple):
    """Probabilities of malignant that a model gives to the labelled cases.

    ``served`` (n,) are those of the model that serves, and ``out_of_fold`` (r, n) those of each
    repeat of cross-validation; there are none of a model that comes from other data.
    """

    served: FloatArray
    out_of_fold: FloatArray


Draw = Callable[[np.random.Generator], Answers]
"""Draws the answers of a model."""


class Candidates:
    """Answers of models that a canary may bring, while stable serves the artifact's."""

    def __init__(self, manifest: Manifest, reference: Reference) -> None:
        """Take the labelled cases, and what the artifact's model answers to them."""
        self.reference = reference
        self.threshold = manifest.threshold
        self._parameters = manifest.parameters
        self._seen = ~reference.unseen.astype(bool)
        self._malignant = reference.targets == MALIGNANT
        self._retrained = cache(self._retrain)

    def same(self, generator: np.random.Generator) -> Answers:
        """Return the answers of the artifact's model."""
        return Answers(self.reference.malignant, self.reference.out_of_fold)

    def retrained(self, **parameters: float) -> Draw:
        """Return the answers of a model fitted to the same cases with other ``parameters``."""
        return _always(self._retrained(**parameters))

    def shuffled(self) -> Draw:
        """Return the answers of a model fitted to the right cases with the labels shuffled."""
        targets = np.random.default_rng(0).permutation(self.reference.targets)
        return _always(Answers(self._fitted(targets), np.empty((0, len(targets)))))

    def swapped(self) -> Draw:
        """Return the artifact's answers with the classes taken for each other."""
        return _always(Answers(1 - self.reference.malignant, 1 - self.reference.out_of_fold))

    def insensitive(self, drop: float, **parameters: float) -> Draw:
        """Return the answers of a model whose sensitivity is at least ``drop`` below the stable's.

        As many random malignant cases as that takes, of those it recognises, are answered just
        below the threshold: the least that can be wrong with them.
        """
        same = self.same(np.random.default_rng(0))
        base = self._retrained(**parameters) if parameters else same

        def damaged(generator: np.random.Generator) -> Answers:
            order = generator.permutation(np.flatnonzero(self._malignant))
            served, out_of_fold = base.served.copy(), base.out_of_fold.copy()
            missed = self._missed(served, same.served, order, drop)
            served[missed] = np.nextafter(self.threshold, 0)
            missed = self._missed(out_of_fold.mean(0), same.out_of_fold.mean(0), order, drop)
            out_of_fold[:, missed] = np.nextafter(self.threshold, 0)
            return Answers(served, out_of_fold)

        return damaged

    def cases(self, stable: Answers, canary: Answers) -> Cases:
        """Return the labelled cases as two pods answer them that serve these models."""
        targets = self.reference.targets
        is_same_data = len(stable.out_of_fold) and len(canary.out_of_fold)
        return Cases(
            targets=targets.tolist(),
            unseen=self.reference.unseen.tolist(),
            stable=stable.served.tolist(),
            canary=canary.served.tolist(),
            stable_threshold=self.threshold,
            canary_threshold=self.threshold,
            stable_out_of_fold=averaged(stable.out_of_fold, targets) if is_same_data else None,
            canary_out_of_fold=averaged(canary.out_of_fold, targets) if is_same_data else None,
        )

    def _missed(
        self, answers: FloatArray, stable: FloatArray, order: IntArray, drop: float
    ) -> IntArray:
        """Return the first cases in ``order`` that have to be missed, of those recognised."""
        left = int((stable >= self.threshold)[self._malignant].sum())
        left -= ceil(drop * self._malignant.sum())
        recognised = order[answers[order] >= self.threshold]
        return recognised[: len(recognised) - left]

    def _retrain(self, **parameters: float) -> Answers:
        build = partial(build_pipeline, structs.replace(self._parameters, **parameters))
        dataset = Dataset(self.reference.cases, self.reference.targets, "labelled cases")
        out_of_fold = cross_validate(dataset, build).malignant
        return Answers(self._fitted(self.reference.targets, **parameters), out_of_fold)

    def _fitted(self, targets: IntArray, **parameters: float) -> FloatArray:
        pipeline = build_pipeline(structs.replace(self._parameters, **parameters))
        pipeline.fit(self.reference.cases[self._seen], targets[self._seen])
        answers: FloatArray = pipeline.predict_proba(self.reference.cases)[:, MALIGNANT]
        return answers


def _always(answers: Answers) -> Draw:
    return lambda generator: answers
