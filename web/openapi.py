"""The OpenAPI 3.1 document, made from the very types that validate requests and shape answers."""

from collections.abc import Mapping
from typing import Any

import msgspec

import bc_model
from bc_model.answer_table import COLUMNS
from bc_model.classifier import Answer, Explanation
from bc_model.features import FEATURE_NAMES
from bc_model.manifest import Manifest
from web.batch import CSV, NPY, BatchAnswer, BatchRequest
from web.problems import KINDS, REJECTIONS, ProblemDetails
from web.requests import JSON, PredictRequest


class ExplainedAnswer(Answer, frozen=True, kw_only=True):
    """The answer to one case, and its reasons."""

    explanation: Explanation


class Health(msgspec.Struct, frozen=True):
    """What runs here: ``version`` is the deployment track, ``threshold`` the one in force."""

    status: str
    model: str
    version: str
    model_version: str
    threshold: float


class Status(msgspec.Struct, frozen=True):
    """A probe's answer."""

    status: str


_MALIGNANT = [
    17.99, 10.38, 122.8, 1001.0, 0.1184, 0.2776, 0.3001, 0.1471, 0.2419, 0.07871,
    1.095, 0.9053, 8.589, 153.4, 0.006399, 0.04904, 0.05373, 0.01587, 0.03003, 0.006193,
    25.38, 17.33, 184.6, 2019.0, 0.1622, 0.6656, 0.7119, 0.2654, 0.4601, 0.1189,
]  # fmt: skip
EXAMPLE = {"features": _MALIGNANT}
BATCH_EXAMPLE = {"instances": [_MALIGNANT, dict(zip(FEATURE_NAMES, _MALIGNANT, strict=True))]}

_TYPES = (
    PredictRequest, BatchRequest, Answer, BatchAnswer, ExplainedAnswer, Manifest, Health, Status,
    ProblemDetails,
)  # fmt: skip

_CSV = {
    "schema": {
        "type": "string",
        "description": (
            "A header row with the features in any order, and an id and a diagnosis if you like; "
            "or no header, and 30 values or those of UCI's wdbc.data in a row. docs/data.md has "
            "the names and numbers that are understood."
        ),
    }
}
_CSV_ANSWERS = {
    "schema": {
        "type": "string",
        "description": f"A header row, then a row a case: {', '.join(COLUMNS)}.",
    }
}
_NPY = {
    "schema": {
        "type": "string",
        "contentMediaType": NPY,
        "description": "A NumPy array of numbers, shape (n, 30), as numpy.save writes it.",
    }
}
_TEXT = {
    media_type: {"schema": {"type": "string"}}
    for media_type in ("text/plain", "application/openmetrics-text")
}


def openapi_document() -> dict[str, Any]:
    """Return the document."""
    schemas, components = msgspec.json.schema_components(
        _TYPES, ref_template="#/components/schemas/{name}"
    )
    schema = dict(zip(_TYPES, schemas, strict=True))
    one_case = _json(schema[PredictRequest], EXAMPLE)
    cases = {**_json(schema[BatchRequest], BATCH_EXAMPLE), CSV: _CSV, NPY: _NPY}

    def answer(description: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return {"description": description, "content": content}

    def get(summary: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return {"get": {"summary": summary, "responses": {"200": answer(summary, content)}}}

    def refusal(status: int) -> dict[str, Any]:
        titles = [KINDS[reason].title for reason in REJECTIONS if KINDS[reason].status == status]
        content = {"application/problem+json": {"schema": schema[ProblemDetails]}}
        return answer("; ".join(titles), content)

    def post(summary: str, body: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
        responses = {"200": answer(summary, content)}
        for status in sorted({KINDS[reason].status for reason in REJECTIONS}):
            responses[str(status)] = refusal(status)
        request = {"required": True, "content": body}
        return {"post": {"summary": summary, "requestBody": request, "responses": responses}}

    readyz = get("Whether requests can be answered", _json(schema[Status]))
    readyz["get"]["responses"]["503"] = answer("Draining, about to stop", _json(schema[Status]))

    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Breast tumour classifier",
            "version": bc_model.__version__,
            "summary": "Malignant or benign, from 30 measurements of cell nuclei.",
            "description": (
                "For research and education; not a medical device.\n\n"
                "Every error is a problem document (RFC 9457) that lists each bad field; where "
                "Accept prefers text/html, as a browser's does, it is a page that says so:\n\n"
                + "\n".join(f"- `/problems/{name}`: {kind.title}. {kind.remedy}"
                            for name, kind in KINDS.items())
            ),
        },
        "paths": {
            "/predict": post("Answer one case", one_case, _json(schema[Answer])),
            "/predict/batch": post(
                "Answer many cases, or none if a row is wrong; each wrong row is named",
                cases,
                {**_json(schema[BatchAnswer]), CSV: _CSV_ANSWERS},
            ),
            "/explain": post(
                "Answer one case, with the contribution of each value",
                one_case,
                _json(schema[ExplainedAnswer]),
            ),
            "/model": get("The model that is served: its manifest", _json(schema[Manifest])),
            "/health": get("What runs here", _json(schema[Health])),
            "/livez": get("Whether the process works", _json(schema[Status])),
            "/readyz": readyz,
            "/metrics": get("Prometheus metrics", _TEXT),
        },
        "components": {"schemas": components},
    }  # fmt: skip


def _json(schema: Mapping[str, Any], example: object = None) -> dict[str, Any]:
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {JSON: content}
