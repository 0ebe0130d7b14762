"""Scores cases and counts the answers: single cases at once, batches in turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

import numpy as np
from anyio import CapacityLimiter, lowlevel, to_thread
from starlette.requests import ClientDisconnect, Request

from bc_model.arrays import FloatArray
from bc_model.classifier import Answer, Classifier
from bc_model.predictor import MOST_AT_ONCE, Scores
from web.metrics import Metrics, Tally, tally
from web.problems import ProblemError
from web.requests import request_context

P = ParamSpec("P")
T = TypeVar("T")

CHUNK = MOST_AT_ONCE
"""Cases that are scored between two looks at whether the client is still there.

As many as the model scores at once, so that every chunking gives the same digits.
"""

TOGETHER = 64
"""Single cases that are scored at once: with all their warnings they take two milliseconds."""

PATIENCE_SECONDS = 0.025
"""How long a batch waits for a place before it is refused."""

MOST_WARNINGS = 5
"""Warnings with one case of a batch; its answer would be a hundred times its request otherwise."""


class BatchQueue:
    """Does the work on batches: on so many at a time, by turns in one thread, while so many wait.

    A second thread would only compete with the event loop for Python's interpreter lock.
    """

    def __init__(self, at_work: int, waiting: int) -> None:
        """Have nothing to do yet."""
        self._places = at_work + waiting
        self._turns = CapacityLimiter(at_work)
        self._thread = CapacityLimiter(1)

    async def find_room(self) -> None:
        """Make sure that there is a place, before a body is received for nothing.

        The answer to a refused one comes a moment later: clients that try again at once would
        keep the event loop busy with refusals.

        Raises:
            ProblemError: too many are waiting.
        """
        if not self._places:
            await asyncio.sleep(PATIENCE_SECONDS)
        self._check_room()

    def _check_room(self) -> None:
        if not self._places:
            raise ProblemError("overloaded", "Too many batches are waiting.")

    @asynccontextmanager
    async def turn(self, request: Request) -> AsyncIterator[None]:
        """Wait for a turn, and keep it.

        Raises:
            ProblemError: too many are waiting.
            ClientDisconnect: the client has not waited.
        """
        self._check_room()
        self._places -= 1
        try:
            async with self._turns:
                check_connection(request)
                yield
        finally:
            self._places += 1

    @property
    def is_busy(self) -> bool:
        """Whether the thread is at work."""
        return self._thread.borrowed_tokens > 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in the thread; only within a ``turn``."""
        return await to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._thread)


def check_connection(request: Request) -> None:
    """Raise ClientDisconnect if the protocol has noted that nobody is there to be answered."""
    if "is_gone" in request.scope["state"]:
        raise ClientDisconnect


class Scorer:
    """What every route that answers cases has in common."""

    def __init__(self, classifier: Classifier, metrics: Metrics, queue: BatchQueue) -> None:
        """Answer with ``classifier``, batches in ``queue``, and count in ``metrics``."""
        self._classifier = classifier
        self._metrics = metrics
        self._queue = queue
        self._waiting: list[tuple[FloatArray, bool, asyncio.Future[Answer]]] = []

    async def answer(self, x: FloatArray, *, is_generated: bool) -> Answer:
        """Return the answer to one case (30,).

        Cases that arrive in the same turn of the event loop are scored together, whichever route
        they come by: most of the time that one takes is spent on each call of NumPy. While a batch
        is at work, each turn has to wait for the interpreter lock, and a case waits for no other.
        """
        if self._queue.is_busy:
            [answer] = self._answers(x.reshape(1, -1), [is_generated])
            return answer
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # The turn after the next one: what arrives in the meantime is scored with this.
            loop.call_soon(loop.call_soon, self._answer_waiting)
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((x, is_generated, future))
        return await future

    async def answer_many(
        self, request: Request, X: FloatArray, write: Callable[[list[Answer]], object]
    ) -> None:
        """Answer ``X`` (n, 30), each case with a few warnings; only in a turn.

        ``write`` is called with some answers at a time, in a thread, so that they are not all in
        memory together.

        Raises:
            ClientDisconnect: the client went away before the end, and nothing is counted.
        """
        tallies = []
        seconds = 0.0

        def score_and_write(chunk: FloatArray) -> tuple[Tally, float]:
            started = time.perf_counter()
            scores, answers = self._score(chunk, MOST_WARNINGS)
            took = time.perf_counter() - started
            write(answers)
            return tally(chunk, scores.outside, answers), took

        for start in range(0, len(X), CHUNK):
            check_connection(request)
            counted, took = await self._queue.run(score_and_write, X[start : start + CHUNK])
            tallies.append(counted)
            seconds += took
        self._metrics.scored(seconds)
        for counted in tallies:
            self._metrics.answered(counted, request_context(request).is_generated)
            await lowlevel.checkpoint()  # others have waited for a millisecond

    def _answer_waiting(self) -> None:
        waiting, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer_waiting)
        cases, generated, futures = zip(*waiting, strict=True)
        try:
            answers = self._answers(np.concatenate(cases).reshape(len(cases), -1), generated)
        except Exception as error:
            for future in filter(_is_awaited, futures):
                future.set_exception(error)
            return
        for future, answer in zip(futures, answers, strict=True):
            if _is_awaited(future):
                future.set_result(answer)

    def _answers(self, X: FloatArray, is_generated: Sequence[bool]) -> list[Answer]:
        """Return the answers to single cases (n, 30), and count them."""
        started = time.perf_counter()
        scores, answers = self._score(X)
        self._metrics.scored(time.perf_counter() - started, len(X))
        for generated in set(is_generated):
            rows = [row for row, each in enumerate(is_generated) if each == generated]
            counted = tally(X[rows], scores.outside[rows], [answers[row] for row in rows])
            self._metrics.answered(counted, generated)
        return answers

    def _score(
        self, X: FloatArray, most_warnings: int | None = None
    ) -> tuple[Scores, list[Answer]]:
        scores = self._classifier.score(X)
        return scores, self._classifier.worded(X, scores, most_warnings)


def _is_awaited(future: asyncio.Future[Answer]) -> bool:
    """Return whether the request behind it goes on; a server that stops cancels it."""
    return not future.done()
