"""Reading requests: headers, bodies, and cases in JSON, in a fast pass and in a thorough one."""

import codecs
import itertools
import json
import math
from collections.abc import Sequence
from email.message import Message
from functools import lru_cache
from typing import Annotated, Any, cast

import msgspec
import numpy as np
from msgspec import Meta, Struct
from starlette.requests import Request

from bc_model.arrays import FloatArray
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES, canonical_name, nearest_name
from bc_model.manifest import Feature
from web.problems import (
    LISTED_ERRORS,
    LONGEST_STEP,
    ErrorCollector,
    ProblemError,
    json_pointer,
)

JSON, PROBLEM_JSON = "application/json", "application/problem+json"

MISSING = object()
"""Stands for a field that was not sent; None is what null was sent for."""

Measurement = Annotated[float, Meta(ge=0)]

NamedFeatures = msgspec.defstruct(
    "NamedFeatures",
    [(name.replace(" ", "_"), Measurement, msgspec.field(name=name)) for name in FEATURE_NAMES],
    frozen=True,
    forbid_unknown_fields=True,
)

FeatureList = Annotated[list[Measurement], Meta(min_length=FEATURE_COUNT, max_length=FEATURE_COUNT)]


class PredictRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """30 numbers in the order of the features, or an object with a number by feature name.

    The names that CSV files may use, such as ``radius_mean``, are understood too.
    """

    features: FeatureList | NamedFeatures  # type: ignore[valid-type]  # made at run time


class RequestContext(Struct):
    """What is known of a request besides its content: ``problem`` is the kind it is refused for.

    The middleware makes it and hands it over by the request; ``request_context`` returns it.
    """

    id: str
    is_generated: bool
    problem: str = ""


def request_context(request: Request) -> RequestContext:
    """Return the context that the middleware has given ``request``."""
    return cast(RequestContext, request.state.context)


class BodyReader:
    """Reads bodies, which hold at most ``most_bytes`` together while they arrive.

    The one that has been arriving for the longest makes way, so that slow clients keep nobody out.
    """

    def __init__(self, most_bytes: int) -> None:
        """Read nothing yet."""
        self._left = most_bytes
        self._arriving: dict[int, bytearray] = {}
        self._numbers = itertools.count()

    async def read(self, request: Request, limit: int, refusal: str = "") -> bytes:
        """Return the request's body of at most ``limit`` bytes.

        Raises:
            ProblemError: it is larger, with the detail ``refusal`` if there is one; or it had to
                make way.
        """
        detail = refusal or f"The body has more than {limit} bytes."
        if int(request.headers.get("content-length", "0")) > limit:
            raise ProblemError("body-too-large", detail)  # before it is sent
        number = next(self._numbers)
        body = self._arriving[number] = bytearray()
        try:
            async for chunk in request.stream():
                self._add(number, chunk)
                if len(body) > limit:
                    raise ProblemError("body-too-large", detail)
            return bytes(body)
        finally:
            self._forget(number)

    def _add(self, number: int, chunk: bytes) -> None:
        if number in self._arriving:
            self._arriving[number] += chunk
            self._left -= len(chunk)
        while self._left < 0:
            self._forget(next(iter(self._arriving)))
        if number not in self._arriving:
            detail = "Too many large bodies are being received, and this one takes the longest."
            raise ProblemError("overloaded", detail)

    def _forget(self, number: int) -> None:
        body = self._arriving.pop(number, bytearray())
        self._left += len(body)
        body.clear()


def media_type(request: Request, *taken: str) -> str:
    """Return the body's content type, one of ``taken``.

    Raises:
        ProblemError: it is another, not in UTF-8, or compressed.
    """
    sent = request.headers.get("content-type", "missing")
    content_type, charset = _parsed(sent)
    if content_type not in taken:
        raise ProblemError(
            "unsupported-media-type", f"Content-Type must be {' or '.join(taken)}, not {sent}."
        )
    if not _is_utf_8(charset):
        raise ProblemError("unsupported-media-type", f"The charset must be utf-8, not {charset}.")
    encoding = request.headers.get("content-encoding", "")
    if encoding.strip().lower() not in ("", "identity"):
        raise ProblemError(
            "unsupported-media-type",
            f"Content-Encoding {encoding} is not supported; send the body uncompressed.",
        )
    return content_type


@lru_cache(maxsize=100)
def _parsed(content_type: str) -> tuple[str, str]:
    """Return the media type and the charset that a Content-Type field names."""
    header = Message()
    header["Content-Type"] = content_type
    return header.get_content_type(), header.get_content_charset("utf-8")


def _is_utf_8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in ("utf-8", "utf-8-sig", "ascii")
    except LookupError:
        return False


def accepted(request: Request) -> str:
    """Return what the client accepts, of all the lines that say so."""
    return ", ".join(request.headers.getlist("accept"))


def prefers(accept: str, wanted: str) -> bool:
    """Return whether ``accept`` names ``wanted``, and JSON not before it."""
    quality = dict(_weighted(part) for part in accept.lower().split(","))
    json = max(quality.get(name, 0.0) for name in (JSON, PROBLEM_JSON))
    return quality.get(wanted, 0.0) > 0 and quality[wanted] >= json


def _weighted(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return media_range, float(parameter[2:])
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def values_of(cases: Sequence[Any], quotes: int) -> list[Any] | None:
    """Return the values of each of the decoded ``cases``, None if one of them has a doubled name.

    msgspec keeps the last of two. Valid cases have no strings but their keys, so a doubled one
    shows in the count of their ``quotes``.
    """
    in_order = [type(case) is list for case in cases]
    if quotes != 2 * FEATURE_COUNT * in_order.count(False):
        return None
    return [
        case if is_list else msgspec.structs.astuple(case)
        for case, is_list in zip(cases, in_order, strict=True)
    ]


class FeatureDecoder:
    """Decodes bodies of ``PredictRequest``; ``features`` supplies examples for its messages."""

    def __init__(self, features: Sequence[Feature]) -> None:
        """Take names and typical values from the model's ``features``."""
        self._cases = JsonCaseReader(features)
        self._decode = msgspec.json.Decoder(PredictRequest).decode

    def decode(self, body: bytes) -> FloatArray:
        """Return the case (30,) in ``body``.

        Raises:
            ProblemError: the body is not JSON, or has wrong values; every one of them is listed.
        """
        x = self.decode_fast(body)
        return self.decode_thoroughly(body) if x is None else x

    def decode_fast(self, body: bytes) -> FloatArray | None:
        """Return the case (30,) in ``body``, None if there may be anything wrong with it."""
        try:
            case = self._decode(body).features
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        values = values_of([case], body.count(b'"') - 2)  # two belong to "features"
        return None if values is None else np.array(values[0], dtype=np.float64)

    def decode_thoroughly(self, body: bytes) -> FloatArray:
        """Do what ``decode`` does, slower; this is the pass that finds every error."""
        errors = ErrorCollector()
        case = only_field(parse_json(body), "features", f"[{FEATURE_COUNT} numbers]", errors)
        if case is not MISSING:
            case = self._cases.read(case, "/features", errors)
        errors.check()
        return np.array(case, dtype=np.float64)


class Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys as sent, duplicates included."""


def parse_json(body: bytes) -> Any:
    """Return the content of ``body``, objects as ``Pairs`` and all numbers as float.

    Raises:
        ProblemError: it is not JSON.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=Pairs, parse_int=float)
    except UnicodeDecodeError as error:
        raise ProblemError("malformed-json", "The body is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ProblemError(
            "malformed-json", f"The body is not JSON: {error.msg}, {where}."
        ) from error
    except RecursionError as error:
        raise ProblemError("malformed-json", "The body is nested too deeply.") from error


def only_field(content: Any, name: str, example: str, errors: ErrorCollector) -> Any:
    """Return the one field that the object ``content`` must have, or ``MISSING``."""
    if not isinstance(content, Pairs):
        errors.add("", None, f'must be an object like {{"{name}": {example}}}')
        return MISSING
    fields: dict[str, Any] = {}
    for other, value in content:
        if other in fields:
            errors.add(json_pointer(other), None, "is given twice")
        elif other != name:
            errors.add(json_pointer(other), None, "is not a known field")
        fields.setdefault(other, value)
    if name not in fields:
        errors.add(json_pointer(name), None, "is missing")
    return fields.get(name, MISSING)


class JsonCaseReader:
    """Reads a case, a list of 30 numbers or an object of them by name, and notes its errors."""

    def __init__(self, features: Sequence[Feature]) -> None:
        """Take names and typical values from the model's ``features``."""
        self._names = [feature.name for feature in features]
        self._medians = {feature.name: feature.median for feature in features}

    def read(self, case: Any, pointer: str, errors: ErrorCollector) -> list[Any]:
        """Return the values in the order of the features; only to be used without errors."""
        match case:
            case Pairs() as by_name:
                return self._from_object(by_name, pointer, errors)
            case list() as in_order:
                return self._from_list(in_order, pointer, errors)
            case _:
                detail = f"must be a list of {FEATURE_COUNT} numbers, or an object of them by name"
                errors.add(pointer, None, detail)
                return []

    def _from_list(self, values: list[Any], pointer: str, errors: ErrorCollector) -> list[Any]:
        if len(values) != FEATURE_COUNT:
            errors.add(pointer, None, f"has {len(values)} numbers, needs {FEATURE_COUNT}")
        for index, (name, value) in enumerate(zip(self._names, values, strict=False)):
            self._check(f"{pointer}/{index}", name, value, errors)
        return values

    def _from_object(self, pairs: Pairs, pointer: str, errors: ErrorCollector) -> list[Any]:
        by_feature: dict[str, Any] = {}
        for name, value in pairs:
            feature = canonical_name(name)
            if feature is None:
                detail = "is not a feature" + _suggestion(name, errors.count)
                errors.add(pointer + json_pointer(name), None, detail)
            elif feature in by_feature:
                errors.add(pointer + json_pointer(name), feature, "is given twice")
            else:
                by_feature[feature] = value
                self._check(pointer + json_pointer(name), feature, value, errors)
        for name in self._names:
            if name not in by_feature:
                errors.add(pointer + json_pointer(name), name, "is missing")
        return [by_feature.get(name) for name in self._names]

    def _check(self, pointer: str, name: str, value: Any, errors: ErrorCollector) -> None:
        is_number = isinstance(value, float)  # whole numbers are parsed as float too
        if not (is_number and math.isfinite(value) and value >= 0):
            errors.add(
                pointer, name, f"must be a number of at least 0, like {self._medians[name]:.4g}"
            )


def _suggestion(name: str, errors_before: int) -> str:
    # It is slow, and not shown any more after these.
    meant = nearest_name(name[:LONGEST_STEP]) if errors_before < LISTED_ERRORS else None
    return f"; is {meant!r} meant?" if meant else ""
