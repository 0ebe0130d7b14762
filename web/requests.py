"""From a request's body to 30 numbers: a fast strict pass, and one that finds every error."""

import difflib
import json
import math
from collections.abc import Sequence
from email.message import Message
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from starlette.requests import Request

from bc_model.artifact import Feature
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES
from bc_model.predictor import FloatArray
from web.problems import FieldError, ProblemError

Measured = Annotated[float, Meta(ge=0)]

NamedFeatures = msgspec.defstruct(
    "NamedFeatures",
    [(name.replace(" ", "_"), Measured, msgspec.field(name=name)) for name in FEATURE_NAMES],
    frozen=True,
    forbid_unknown_fields=True,
)

FeatureList = Annotated[list[Measured], Meta(min_length=FEATURE_COUNT, max_length=FEATURE_COUNT)]


class PredictRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """30 numbers in the order of the features, or an object with a number by feature name."""

    features: FeatureList | NamedFeatures  # type: ignore[valid-type]  # made at run time


LISTED_ERRORS = 100
"""How many errors one answer lists at most, so that it stays in proportion."""

LONGEST_NAME = 100
"""How many characters of an unknown name are repeated."""


async def read_body(request: Request, media_type: str, limit: int) -> bytes:
    """Return the request's body of at most ``limit`` bytes.

    Raises:
        ProblemError: it has another content type, or is larger.
    """
    _check_media_type(request, media_type)
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise ProblemError("body-too-large", f"The body has more than {limit} bytes.")
    return b"".join(chunks)


def _check_media_type(request: Request, media_type: str) -> None:
    header = Message()
    header["Content-Type"] = sent = request.headers.get("content-type", "missing")
    if header.get_content_type() != media_type:
        raise ProblemError(
            "unsupported-media-type", f"Content-Type must be {media_type}, not {sent}."
        )
    charset = header.get_content_charset("utf-8")
    if charset != "utf-8":
        raise ProblemError("unsupported-media-type", f"The charset must be utf-8, not {charset}.")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise ProblemError(
            "unsupported-media-type", f"Content-Encoding {encoding} is not taken; send it plain."
        )


class FeatureDecoder:
    """Decodes bodies of ``PredictRequest``; ``features`` supplies examples for its messages."""

    def __init__(self, features: Sequence[Feature]) -> None:
        """Take names and typical values from the model's ``features``."""
        self._names = [feature.name for feature in features]
        self._medians = {feature.name: feature.median for feature in features}
        self._decode = msgspec.json.Decoder(PredictRequest).decode

    def decode(self, body: bytes) -> FloatArray:
        """Return the case (30,) in ``body``.

        Raises:
            ProblemError: the body is not JSON, or has wrong values; every one of them is listed.
        """
        try:
            features = self._decode(body).features
        except (msgspec.DecodeError, RecursionError):
            return self.decode_thoroughly(body)
        values = features if isinstance(features, list) else msgspec.structs.astuple(features)
        # A valid body has no strings but its keys, so a doubled key shows in the count of quotes.
        keys = 1 if isinstance(features, list) else 1 + len(values)
        if body.count(b'"') != 2 * keys:
            return self.decode_thoroughly(body)
        return np.array(values, dtype=np.float64)

    def decode_thoroughly(self, body: bytes) -> FloatArray:
        """Do what ``decode`` does, slower; this is the pass that finds every error."""
        errors: list[FieldError] = []
        values = self._values(_parse(body), errors)
        if errors:
            detail = f"{len(errors)} field{'s are' if len(errors) > 1 else ' is'} wrong or missing."
            if len(errors) > LISTED_ERRORS:
                detail += f" The first {LISTED_ERRORS} are listed."
            raise ProblemError("invalid-values", detail, errors[:LISTED_ERRORS])
        return np.array(values, dtype=np.float64)

    def _values(self, content: Any, errors: list[FieldError]) -> list[Any]:
        if not isinstance(content, _Pairs):
            expected = f'must be an object like {{"features": [{FEATURE_COUNT} numbers]}}'
            errors.append(FieldError("", None, expected))
            return []
        fields = _without_doubles(content, "", errors)
        for name in fields:
            if name != "features":
                errors.append(FieldError(_pointer(name), None, "is not a known field"))
        match fields.get("features"):
            case _Pairs() as by_name:
                return self._from_object(by_name, errors)
            case list() as in_order:
                return self._from_list(in_order, errors)
            case None if "features" not in fields:
                errors.append(FieldError("/features", None, "is missing"))
            case _:
                detail = f"must be a list of {FEATURE_COUNT} numbers, or an object of them by name"
                errors.append(FieldError("/features", None, detail))
        return []

    def _from_list(self, values: list[Any], errors: list[FieldError]) -> list[Any]:
        if len(values) != FEATURE_COUNT:
            detail = f"has {len(values)} numbers, needs {FEATURE_COUNT}"
            errors.append(FieldError("/features", None, detail))
        for index, (name, value) in enumerate(zip(self._names, values, strict=False)):
            self._check(f"/features/{index}", name, value, errors)
        return values

    def _from_object(self, pairs: "_Pairs", errors: list[FieldError]) -> list[Any]:
        by_name = _without_doubles(pairs, "/features", errors)
        for name, value in by_name.items():
            if name in self._medians:
                self._check("/features" + _pointer(name), name, value, errors)
            else:
                detail = "is not a feature" + self._suggestion(name, len(errors))
                errors.append(FieldError("/features" + _pointer(name), None, detail))
        for name in self._names:
            if name not in by_name:
                errors.append(FieldError("/features" + _pointer(name), name, "is missing"))
        return [by_name.get(name) for name in self._names]

    def _suggestion(self, name: str, errors_before: int) -> str:
        if errors_before < LISTED_ERRORS:  # it is slow, and not shown any more after these
            for meant in difflib.get_close_matches(name[:LONGEST_NAME], self._names, 1):
                return f"; is {meant!r} meant?"
        return ""

    def _check(self, pointer: str, name: str, value: Any, errors: list[FieldError]) -> None:
        is_number = isinstance(value, float)  # whole numbers are parsed as float too
        if not (is_number and math.isfinite(value) and value >= 0):
            detail = f"must be a number of at least 0, like {self._medians[name]:.4g}"
            errors.append(FieldError(pointer, name, detail))


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys as sent, doubled ones included."""


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), object_pairs_hook=_Pairs, parse_int=float)
    except UnicodeDecodeError as error:
        raise ProblemError("malformed-json", "The body is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ProblemError(
            "malformed-json", f"The body is not JSON: {error.msg}, {where}."
        ) from error
    except RecursionError as error:
        raise ProblemError("malformed-json", "The body is nested too deep.") from error


def _without_doubles(pairs: _Pairs, parent: str, errors: list[FieldError]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            feature = name if name in FEATURE_NAMES else None
            errors.append(FieldError(parent + _pointer(name), feature, "stands twice"))
        fields[name] = value
    return fields


def _pointer(name: str) -> str:
    """Return ``name`` as a step of a JSON Pointer (RFC 6901); a very long one is cut short."""
    # JSON can name a lone surrogate, which no answer can hold.
    shown = name[:LONGEST_NAME].encode(errors="replace").decode()
    return "/" + shown.replace("~", "~0").replace("/", "~1")
