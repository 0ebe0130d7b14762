"""From a request's body to 30 numbers: a fast strict pass, and one that finds every error."""

from collections.abc import Sequence
from email.message import Message
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from starlette.requests import Request

from bc_model.arrays import FloatArray
from bc_model.artifact import Feature
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES
from web.errors import Errors
from web.json_cases import MISSING, JsonCases, only_field, parse_json
from web.problems import ProblemError

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


async def read_body(request: Request, limit: int) -> bytes:
    """Return the request's body of at most ``limit`` bytes.

    Raises:
        ProblemError: it is larger.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise ProblemError("body-too-large", f"The body has more than {limit} bytes.")
    return b"".join(chunks)


def media_type(request: Request, *taken: str) -> str:
    """Return the body's content type, one of ``taken``.

    Raises:
        ProblemError: it is another, not in UTF-8, or compressed.
    """
    header = Message()
    header["Content-Type"] = sent = request.headers.get("content-type", "missing")
    if header.get_content_type() not in taken:
        raise ProblemError(
            "unsupported-media-type", f"Content-Type must be {' or '.join(taken)}, not {sent}."
        )
    charset = header.get_content_charset("utf-8")
    if charset != "utf-8":
        raise ProblemError("unsupported-media-type", f"The charset must be utf-8, not {charset}.")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise ProblemError(
            "unsupported-media-type", f"Content-Encoding {encoding} is not taken; send it plain."
        )
    return header.get_content_type()


class FeatureDecoder:
    """Decodes bodies of ``PredictRequest``; ``features`` supplies examples for its messages."""

    def __init__(self, features: Sequence[Feature]) -> None:
        """Take names and typical values from the model's ``features``."""
        self._cases = JsonCases(features)
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
        errors = Errors()
        case = only_field(parse_json(body), "features", f"[{FEATURE_COUNT} numbers]", errors)
        if case is not MISSING:
            case = self._cases.read(case, "/features", errors)
        errors.check()
        return np.array(case, dtype=np.float64)
