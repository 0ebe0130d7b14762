"""The service. ``python app.py`` starts it; ``python app.py --help`` lists its settings."""

import argparse
import asyncio
import gc
import hashlib
import logging
import os
import sys
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import cast

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp, Receive, Scope, Send

import bc_model
from bc_model.arrays import FloatArray
from bc_model.artifact import ArtifactError, Reference
from bc_model.classifier import Answer, Classifier
from web.batch import CSV, NPY, BatchDecoder, CsvAnswers, JsonAnswers
from web.fast_path import FastPath
from web.logs import RequestLog, log_config
from web.metrics import OPENMETRICS, Metrics
from web.middleware import ObserveRequests, ProblemResponder
from web.openapi import ExplainedAnswer, Health, Status, openapi_document
from web.pages import Pages
from web.problems import KINDS, ProblemError
from web.protocol import LimitedProtocol, Turns
from web.requests import (
    JSON,
    BodyReader,
    FeatureDecoder,
    accepted,
    media_type,
    prefers,
    request_context,
)
from web.scoring import BatchQueue, Scorer
from web.server import DrainingServer, share_heap
from web.settings import Settings, SettingsError, describe_settings, load_settings

HERE = Path(__file__).parent

html = Jinja2Templates(HERE / "templates")


@cache
def asset(name: str) -> str:
    """Return the address of a static file, which is another when its content is."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:8]}"


html.env.globals["asset"] = asset

ARRIVING_BODIES = 32
"""So many of the largest bodies may be held while they arrive."""

# Swagger UI and ReDoc set styles and load images of their own making, and ReDoc starts a worker.
DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:; "
    "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)


def json_response(content: object, status: int = 200) -> Response:
    """Return ``content`` encoded as JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


class Assets(StaticFiles):
    """Static files, each answered whole: a range of a stylesheet is of no use to anybody."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as if no range was asked for."""
        scope["headers"] = [field for field in scope["headers"] if field[0] != b"range"]
        await super().__call__(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Let the file be kept if its address names its content."""
        response = await super().get_response(path, scope)
        is_versioned = scope["query_string"].startswith(b"v=")
        keep = "public, max-age=31536000, immutable" if is_versioned else "no-cache"
        response.headers["Cache-Control"] = keep
        return response


class Service:
    """The API's handlers, and what they share."""

    def __init__(
        self, settings: Settings, classifier: Classifier, reference: Reference, metrics: Metrics
    ) -> None:
        """Serve ``classifier``; the page compares cases with those of ``reference``."""
        self.settings = settings
        self.classifier = classifier
        self.metrics = metrics
        self._queue = BatchQueue(settings.max_batches, settings.max_waiting_batches)
        self._bodies = BodyReader(ARRIVING_BODIES * settings.max_body_bytes)
        self._scorer = Scorer(classifier, metrics, self._queue)
        self._decoder = FeatureDecoder(classifier.manifest.features)
        self._batches = BatchDecoder(classifier.manifest.features, settings.max_batch_rows)
        self.pages = Pages(
            html, settings, classifier, reference, self._scorer, self._batches,
            self._bodies, self._queue,
        )  # fmt: skip
        self._expositions: dict[bool, tuple[bytes, str]] = {}
        self._manifest = msgspec.json.encode(classifier.manifest)
        self._openapi = msgspec.json.encode(openapi_document())

    def routes(self) -> list[Route | Mount]:
        """Return everything that is served; they are tried in this order."""
        return [
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
            Route("/predict", self.predict, methods=["POST"]),
            Route("/predict/batch", self.predict_batch, methods=["POST"]),
            Route("/explain", self.explain, methods=["POST"]),
            Route("/model", self.model),
            Route("/health", self.health),
            Route("/metrics", self.exposition),
            Route("/openapi.json", self.openapi),
            Route("/docs", self.swagger),
            Route("/redoc", self.redoc),
            Route("/problems/{kind}", self.problem),
            *self.pages.routes(),
            Mount("/static", Assets(directory=HERE / "static"), name="static"),
        ]

    async def predict(self, request: Request) -> Response:
        """POST /predict."""
        return json_response(await self._answer(request, await self._case(request)))

    async def predict_batch(self, request: Request) -> Response:
        """POST /predict/batch."""
        sent = media_type(request, JSON, CSV, NPY)
        await self._queue.find_room()
        body = await self._bodies.read(request, self.settings.max_body_bytes)
        async with self._queue.turn(request):
            batch = await self._queue.run(self._batches.decode, sent, body)
            answers: JsonAnswers | CsvAnswers = JsonAnswers()
            headers = {"Content-Type": "application/json", "Vary": "Accept"}
            if prefers(accepted(request), CSV):
                answers = CsvAnswers(self.classifier, batch)
                headers["Content-Type"] = "text/csv; charset=utf-8"
            await self._scorer.answer_many(request, batch.X, answers.write)
            return Response(await self._queue.run(answers.content), headers=headers)

    async def explain(self, request: Request) -> Response:
        """POST /explain."""
        x = await self._case(request)
        answer = msgspec.structs.asdict(await self._answer(request, x))
        return json_response(ExplainedAnswer(**answer, explanation=self.classifier.explain(x)))

    async def model(self, request: Request) -> Response:
        """GET /model."""
        return Response(self._manifest, media_type=JSON)

    async def health(self, request: Request) -> Response:
        """GET /health."""
        health = Health(
            status="healthy",
            model="SVM loaded",
            version=self.settings.version,
            model_version=self.classifier.manifest.model_version,
            threshold=self.classifier.threshold,
        )
        return json_response(health)

    async def livez(self, request: Request) -> Response:
        """GET /livez: the process answers."""
        return json_response(Status("alive"))

    async def readyz(self, request: Request) -> Response:
        """GET /readyz: the model is loaded before the port is opened; no more once draining."""
        if request.app.state.draining:
            return json_response(Status("draining"), status=503)
        return json_response(Status("ready"))

    async def exposition(self, request: Request) -> Response:
        """GET /metrics."""
        is_openmetrics = prefers(accepted(request), OPENMETRICS)
        if is_openmetrics not in self._expositions:
            # It takes milliseconds, so those who ask in one turn of the event loop share it.
            asyncio.get_running_loop().call_soon(self._expositions.clear)
            self._expositions[is_openmetrics] = self.metrics.exposition(is_openmetrics)
        content, content_type = self._expositions[is_openmetrics]
        return Response(content, headers={"Content-Type": content_type, "Vary": "Accept"})

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json."""
        return Response(self._openapi, media_type=JSON)

    async def swagger(self, request: Request) -> Response:
        """GET /docs."""
        headers = {"Content-Security-Policy": DOCS_POLICY}
        return html.TemplateResponse(request, "swagger.html", headers=headers)

    async def redoc(self, request: Request) -> Response:
        """GET /redoc."""
        headers = {"Content-Security-Policy": DOCS_POLICY}
        return html.TemplateResponse(request, "redoc.html", headers=headers)

    async def problem(self, request: Request) -> Response:
        """GET /problems/{kind}: what the type of a problem document means."""
        kind = KINDS.get(request.path_params["kind"])
        if kind is None:
            raise HTTPException(404)
        return Response(f"{kind.status} {kind.title}. {kind.remedy}\n", media_type="text/plain")

    def fast_path(self, app: ASGIApp) -> FastPath:
        """Return what answers plain single cases as ``predict`` does, and hands on the others."""
        longest_body = self.settings.max_body_bytes
        return FastPath(app, self._decoder, self._scorer, self.predict, longest_body)

    async def _answer(self, request: Request, x: FloatArray) -> Answer:
        return await self._scorer.answer(x, is_generated=request_context(request).is_generated)

    async def _case(self, request: Request) -> FloatArray:
        media_type(request, JSON)
        body = await self._bodies.read(request, self.settings.max_body_bytes)
        return self._decoder.decode(body)


def create_app(settings: Settings) -> Starlette:
    """Return the application for the artifact that ``settings`` name.

    Raises:
        ArtifactError: a file of the artifact is missing, altered or makes no sense.
    """
    public_key = settings.model_public_key
    classifier = Classifier.load(settings.model_dir, settings.threshold, public_key)
    manifest = classifier.manifest
    reference = classifier.load_reference(settings.model_dir)
    metrics = Metrics(classifier.names, reference, manifest.model_version, settings.version)
    service = Service(settings, classifier, reference, metrics)
    routes = service.routes()
    handled = [route for route in routes if isinstance(route, Route)]
    metrics.expect((route.path, method) for route in handled for method in route.methods or ())
    paths = {route.endpoint: route.path for route in handled}
    paths |= {route.app: route.path for route in routes if isinstance(route, Mount)}
    problems = ProblemResponder(service.pages.problem)
    app = Starlette(routes=routes)
    # Starlette's own stack would wrap every answer once more, for failures that are answered here.
    inner = ExceptionMiddleware(
        app.router,
        {ProblemError: problems.on_problem, HTTPException: problems.on_http_exception},
    )
    log = RequestLog()
    served_by = "/".join(filter(None, (settings.version, settings.pod_name)))
    app.middleware_stack = ObserveRequests(
        service.fast_path(inner), metrics, problems, paths, log, served_by
    )
    app.router.redirect_slashes = False  # it would redirect to whatever Host says
    app.state.draining = False
    app.state.log = log
    return app


def main() -> None:
    """Serve until SIGTERM; a wrong setting or a broken artifact stops the start."""
    parser = argparse.ArgumentParser(
        description="Serve the tumour classifier. Settings come from the environment:",
        epilog=f"{describe_settings()}\n\nexample: PORT=8001 THRESHOLD=0.3 python app.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=bc_model.__version__)
    parser.parse_args()
    share_heap()
    try:
        settings = load_settings(os.environ)
        app = create_app(settings)
    except (SettingsError, ArtifactError) as error:
        sys.exit(f"app.py: {error}")
    logging.captureWarnings(capture=True)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=log_config(settings.log_level),
        # uvicorn calls what it wants to be a class.
        http=cast(type[LimitedProtocol], partial(LimitedProtocol, settings, Turns())),
        ws="none",
        access_log=False,
        proxy_headers=False,  # nothing depends on the client's address
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    # The thread that works on batches gives way to the loop at once: the loop asks for the
    # interpreter lock anew for each read and each accept, of which a turn may have hundreds.
    sys.setswitchinterval(0.00002)
    # What stays until the end is left out of every collection of garbage.
    gc.collect()
    gc.freeze()
    with suppress(KeyboardInterrupt):  # which the server has taken as a signal to stop
        DrainingServer(config, app, settings).run()


if __name__ == "__main__":
    main()
