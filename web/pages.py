"""The pages for people: one case, many cases, the model card; all work without JavaScript."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePath
from typing import Any

import msgspec
import numpy as np
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from bc_model.answer_table import INTENDED_USE
from bc_model.artifact import Reference
from bc_model.card_text import (
    BLUNDERS_TEXT,
    METRIC_NAMES,
    OUT_OF_SCOPE,
    caveats,
    origin,
    shares_text,
    verdict_text,
)
from bc_model.classifier import Answer, Classifier
from bc_model.manifest import OperatingPoint
from bc_model.metrics import calibration, operating_point
from web import batch, formatting
from web.form import (
    MULTIPART,
    URLENCODED,
    Form,
    Upload,
    empty_form,
    example_form,
    filled_form,
    read_upload,
)
from web.paste import read_paste
from web.problems import KINDS, ProblemDetails, ProblemError
from web.requests import JSON, BodyReader, JsonCaseReader, media_type, request_context
from web.result import Result, Results, choose_examples, result_as_csv, result_as_json
from web.scoring import BatchQueue, P, Scorer, T
from web.settings import Settings

ROC_POINTS = 120

PAGE_THREADS = 2
"""In which pages are rendered; batches have their own, and static files too."""

DIGITS = 4
"""Significant digits of the numbers in tables that people save."""


class Pages:
    """The pages' handlers, and what they share."""

    def __init__(
        self,
        html: Jinja2Templates,
        settings: Settings,
        classifier: Classifier,
        reference: Reference,
        scorer: Scorer,
        batches: batch.BatchDecoder,
        bodies: BodyReader,
        queue: BatchQueue,
    ) -> None:
        """Show ``classifier``, and cases beside those of ``reference``."""
        self._html = html
        self._settings = settings
        self._classifier = classifier
        self._reference = reference
        self._scorer = scorer
        self._batches = batches
        self._bodies = bodies
        self._queue = queue
        self._threads = CapacityLimiter(PAGE_THREADS)
        self._results = Results(classifier, reference)
        self._examples = choose_examples(classifier, reference)
        self._json_cases = JsonCaseReader(classifier.manifest.features)

    def routes(self) -> list[Route]:
        """Return the pages."""
        return [
            Route("/", self.one_case, methods=["GET", "POST"]),
            Route("/export", self.export, methods=["GET", "POST"]),
            Route("/batch", self.many_cases, methods=["GET", "POST"]),
            Route("/paste", self.paste, methods=["POST"]),
            Route("/model/card", self.card),
        ]

    async def one_case(self, request: Request) -> Response:
        """GET /: the empty form, or an example; POST /: the form with its result or its errors."""
        features = self._classifier.manifest.features
        if request.method == "POST":
            form = await self._form(request)
            result = None if form.errors else await self._result(request, form)
            return await self._case_page(request, form, result)
        example = self._examples.get(request.query_params.get("example", ""))
        form = example_form(features, example.x) if example else empty_form(features)
        return await self._show(request, "index.html", {"form": form, "example": example})

    async def export(self, request: Request) -> Response:
        """POST /export: the result of a case as a file; its errors as the page shows them.

        GET /export, which an address typed or kept leads to, has no case: the form does.
        """
        if request.method != "POST":
            return RedirectResponse("/", 303)
        form = await self._form(request)
        if form.errors:
            return await self._case_page(request, form, None)
        result = await self._result(request, form)
        if request.query_params.get("format") == "csv":
            content = result_as_csv(self._classifier, result, form.label, DIGITS)
            return _file(content, "result", form.label, "csv")
        return _file(result_as_json(result, form.label), "result", form.label, "json")

    async def many_cases(self, request: Request) -> Response:
        """GET /batch: the form for a file; POST /batch: its results as a table or a download."""
        if request.method != "POST":
            return await self._show(request, "batch.html", {})
        media_type(request, MULTIPART)
        most = self._settings.max_body_bytes
        try:
            # The form adds its boundaries, and sends the end of each line as two characters.
            form_bytes = 1024 + self._settings.max_batch_rows
            too_large = f"The file is larger than {most / 2**20:.3g} MB; split it."
            await self._queue.find_room()
            body = await self._bodies.read(request, most + form_bytes, too_large)
            upload = await read_upload(request.headers, body)
            async with self._queue.turn(request):
                cases = await self._queue.run(self._batches.from_csv, upload.content, "file")
                if upload.is_download:
                    table = batch.CsvAnswers(self._classifier, cases, DIGITS)
                    await self._scorer.answer_many(request, cases.X, table.write)
                    content = await self._queue.run(table.content)
                    return _file(content, "answers", PurePath(upload.name).stem, "csv")
                answers: list[Answer] = []
                await self._scorer.answer_many(request, cases.X, answers.extend)
                return await self._queue.run(self._answers, request, upload, cases, answers)
        except ProblemError as problem:
            request_context(request).problem = problem.kind
            refusal = {"detail": problem.detail, "lines": problem.lines}
            return await self._show(request, "batch.html", refusal, KINDS[problem.kind].status)

    async def paste(self, request: Request) -> Response:
        """POST /paste: what pasted text holds, for the script that fills the form with it."""
        media_type(request, "text/plain")
        body = await self._bodies.read(request, self._settings.max_body_bytes)
        text = body.decode(errors="replace")
        pasted = await self._in_thread(read_paste, text, self._json_cases)
        return Response(msgspec.json.encode(pasted), media_type=JSON)

    async def card(self, request: Request) -> Response:
        """GET /model/card."""
        return await self._in_thread(lambda: self._page(request, "card.html", self._card))

    def problem(self, request: Request, details: ProblemDetails, remedy: str) -> Response:
        """Return a problem as a page."""
        context = {"problem": details, "remedy": remedy}
        return self._page(request, "problem.html", context, details.status)

    @cached_property
    def _card(self) -> dict[str, Any]:
        manifest = self._classifier.manifest
        return {
            "metric_names": METRIC_NAMES,
            "intended_use": INTENDED_USE,
            "out_of_scope": OUT_OF_SCOPE,
            "caveats": caveats(manifest),
            "verdict_text": verdict_text(manifest),
            "shares_text": shares_text(manifest),
            "blunders_text": BLUNDERS_TEXT,
            "origin": origin(manifest),
            "points": self._points(),
            "roc": roc(self._reference),
            "bins": calibration(self._reference.targets, self._reference.out_of_fold),
        }

    def _points(self) -> list[OperatingPoint]:
        """Return the operating points of the manifest, and the one in force."""
        points = {point.threshold: point for point in self._classifier.manifest.operating_points}
        points[self._classifier.threshold] = self._results.point
        return [points[threshold] for threshold in sorted(points)]

    async def _form(self, request: Request) -> Form:
        media_type(request, URLENCODED)
        body = await self._bodies.read(request, self._settings.max_body_bytes)
        return await self._in_thread(filled_form, self._classifier.manifest.features, body)

    async def _result(self, request: Request, form: Form) -> Result:
        x = form.values
        is_generated = request_context(request).is_generated
        answer = await self._scorer.answer(x, is_generated=is_generated)
        return await self._in_thread(self._results.result, x, answer)

    async def _case_page(self, request: Request, form: Form, result: Result | None) -> Response:
        status = 200
        if form.errors:
            request_context(request).problem = "invalid-values"
            status = 422
        context = {"form": form, "result": result, "now": datetime.now(UTC)}
        return await self._show(request, "index.html", context, status)

    def _answers(
        self, request: Request, upload: Upload, cases: batch.Batch, answers: list[Answer]
    ) -> Response:
        verdicts = [answer.verdict for answer in answers]
        context = {
            "answers": list(zip(cases.identifiers, verdicts, answers, strict=True)),
            "counts": {name: verdicts.count(name) for name in ("malignant", "benign", "uncertain")},
            "agreement": batch.agreement(cases, answers),
            "sent": upload.content.decode("utf-8-sig"),
            "name": upload.name,
        }
        return self._page(request, "batch.html", context)

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._threads)

    async def _show(
        self, request: Request, template: str, context: dict[str, Any], status: int = 200
    ) -> Response:
        return await self._in_thread(self._page, request, template, context, status)

    def _page(
        self, request: Request, template: str, context: dict[str, Any], status: int = 200
    ) -> Response:
        context = {
            "formatting": formatting,
            "manifest": self._classifier.manifest,
            "threshold": self._classifier.threshold,
            **context,
        }
        return self._html.TemplateResponse(request, template, context, status_code=status)


def roc(reference: Reference) -> list[OperatingPoint]:
    """Return the ROC curve as operating points, from the highest threshold to the lowest."""
    answers = np.sort(reference.out_of_fold, axis=None)
    ranks = np.linspace(0, len(answers) - 1, ROC_POINTS).round().astype(int)
    thresholds = np.unique([0.0, *answers[ranks].tolist(), 1.0])[::-1]
    return [
        operating_point(reference.targets, reference.out_of_fold, threshold)
        for threshold in thresholds.tolist()
    ]


def _file(content: bytes, what: str, of: str, suffix: str) -> Response:
    """Return ``content`` as a file, named by what it holds, of which case or file, and its day."""
    kind = "text/csv" if suffix == "csv" else JSON
    of = re.sub(r"[^A-Za-z0-9]+", "-", of).strip("-")
    name = "-".join(filter(None, [what, of, f"{datetime.now(UTC):%Y-%m-%d}"]))
    headers = {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}.{suffix}"',
    }
    return Response(content, headers=headers)
