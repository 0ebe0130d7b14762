"""The OpenAPI 3.1 document, made from the very types that validate requests and shape answers."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bc_model.artifact import Manifest
from bc_model.classifier import Answer, Explanation
from web.problems import KINDS, REJECTIONS, ProblemDetails
from web.requests import PredictRequest


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

_TYPES = (PredictRequest, Answer, ExplainedAnswer, Manifest, Health, Status, ProblemDetails)

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
    body = {"required": True, "content": _json(schema[PredictRequest], EXAMPLE)}

    def answer(description: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return {"description": description, "content": content}

    def get(summary: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return {"get": {"summary": summary, "responses": {"200": answer(summary, content)}}}

    def post(summary: str, content: Mapping[str, Any]) -> dict[str, Any]:
        refusals = {
            str(KINDS[reason].status): answer(
                KINDS[reason].title,
                {"application/problem+json": {"schema": schema[ProblemDetails]}},
            )
            for reason in REJECTIONS
        }
        responses = {"200": answer(summary, content), **refusals}
        return {"post": {"summary": summary, "requestBody": body, "responses": responses}}

    readyz = get("Whether requests can be answered", _json(schema[Status]))
    readyz["get"]["responses"]["503"] = answer("Draining, about to stop", _json(schema[Status]))

    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Breast tumour classifier",
            "version": "1.0.0",
            "summary": "Malignant or benign, from 30 measurements of cell nuclei.",
            "description": (
                "For research and education; not a medical device.\n\n"
                "Every error is a problem document (RFC 9457) that lists each bad field:\n\n"
                + "\n".join(f"- `/problems/{name}`: {kind.title}. {kind.remedy}"
                            for name, kind in KINDS.items())
            ),
        },
        "paths": {
            "/predict": post("Answer one case", _json(schema[Answer])),
            "/explain": post(
                "Answer one case, and tell each value's contribution",
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
    return {"application/json": content}
