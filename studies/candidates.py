"""Candidate models for the simulation: the artifact's own, retrained ones and damaged ones."""

from collections.abc import Callable
from math import ceil

import numpy as np
from msgspec import structs

from bc_model.arrays import MALIGNANT, FloatArray, IntArray
from bc_model.artifact import Reference
from bc_model.manifest import Manifest
from bc_model.training import build_pipeline

Answers = Callable[[np.random.Generator], FloatArray]
"""Draws the probabilities of malignant (n,) that a model gives to the labelled cases."""


class Candidates:
    """Answers of models that a canary may bring, while stable serves the artifact's."""

    def __init__(self, manifest: Manifest, reference: Reference) -> None:
        """Take the labelled cases, and what the artifact's model answers to them."""
        self.reference = reference
        self.threshold = manifest.threshold
        self._parameters = manifest.parameters
        self._seen = ~reference.unseen.astype(bool)
        self._malignant = reference.targets == MALIGNANT

    def same(self, generator: np.random.Generator) -> FloatArray:
        """Return the answers of the artifact's model."""
        return self.reference.malignant

    def retrained(self, **parameters: float) -> Answers:
        """Return the answers of a model fitted to the same cases with other ``parameters``."""
        return _always(self._fitted(self.reference.targets, **parameters))

    def shuffled(self) -> Answers:
        """Return the answers of a model fitted to the right cases with the labels shuffled."""
        targets = np.random.default_rng(0).permutation(self.reference.targets)
        return _always(self._fitted(targets))

    def swapped(self) -> Answers:
        """Return the artifact's answers with the classes taken for each other."""
        return _always(1 - self.reference.malignant)

    def insensitive(self, drop: float, **parameters: float) -> Answers:
        """Return the answers of a model whose sensitivity is at least ``drop`` below the stable's.

        As many random malignant cases as that takes, of those it recognises, are answered just
        below the threshold: the least that can be wrong with them.
        """
        base = self._fitted(self.reference.targets, **parameters) if parameters else None
        answers = self.reference.malignant if base is None else base
        stable = int((self.reference.malignant >= self.threshold)[self._malignant].sum())
        recognised = np.flatnonzero(self._malignant & (answers >= self.threshold))
        left = stable - ceil(drop * self._malignant.sum())

        def damaged(generator: np.random.Generator) -> FloatArray:
            missed = generator.choice(recognised, len(recognised) - left, replace=False)
            changed = answers.copy()
            changed[missed] = np.nextafter(self.threshold, 0)
            return changed

        return damaged

    def _fitted(self, targets: IntArray, **parameters: float) -> FloatArray:
        pipeline = build_pipeline(structs.replace(self._parameters, **parameters))
        pipeline.fit(self.reference.cases[self._seen], targets[self._seen])
        answers: FloatArray = pipeline.predict_proba(self.reference.cases)[:, MALIGNANT]
        return answers


def _always(answers: FloatArray) -> Answers:
    return lambda generator: answers
