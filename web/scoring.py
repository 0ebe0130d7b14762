"""Scores cases, and counts the answers."""

import time

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from bc_model.arrays import FloatArray
from bc_model.classifier import Answer, Classifier
from web.metrics import Metrics
from web.requests import request_context


class Scorer:
    """What every route that answers cases has in common."""

    def __init__(self, classifier: Classifier, metrics: Metrics) -> None:
        """Answer with ``classifier``, count in ``metrics``."""
        self._classifier = classifier
        self._metrics = metrics

    def answer(self, request: Request, x: FloatArray) -> Answer:
        """Return the answer to one case (30,)."""
        X = x[np.newaxis]
        started = time.perf_counter()
        answers = self._classifier.answers(X)
        seconds = time.perf_counter() - started
        self._metrics.answered(X, answers, seconds, request_context(request).is_generated)
        return answers[0]

    async def answers(self, request: Request, X: FloatArray) -> list[Answer]:
        """Return the answers to ``X`` (n, 30), without keeping other requests waiting."""
        started = time.perf_counter()
        answers = await run_in_threadpool(self._classifier.answers, X)
        seconds = time.perf_counter() - started
        self._metrics.answered(X, answers, seconds, request_context(request).is_generated)
        return answers
