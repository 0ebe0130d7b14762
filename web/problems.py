"""Errors as RFC 9457 problem details: one shape for everything that goes wrong."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

LISTED_ERRORS = 100
"""How many errors one answer lists at most, so that it stays in proportion."""

LONGEST_STEP = 100
"""How many characters of a name that was sent are repeated."""


class Kind(NamedTuple):
    """A kind of problem; ``remedy`` says what the client has to do."""

    status: int
    title: str
    remedy: str


KINDS = {
    "malformed-json": Kind(400, "The body is not JSON", "Send one JSON object in UTF-8."),
    "malformed-request": Kind(400, "The request is not HTTP", "Send a request of HTTP/1.1."),
    "not-found": Kind(404, "Not found", "See /docs for the routes."),
    "method-not-allowed": Kind(
        405, "The method is not allowed", "Use a method that the Allow header names."
    ),
    "request-timeout": Kind(
        408, "The request timed out", "Send the request again, without pauses."
    ),
    "body-too-large": Kind(413, "The body is too large", "Send less in one request."),
    "too-many-rows": Kind(413, "The body has too many rows", "Send fewer cases in one request."),
    "target-too-long": Kind(414, "The target is too long", "Send values in the body."),
    "unsupported-media-type": Kind(
        415, "The content type is not supported", "Send a Content-Type that detail names."
    ),
    "invalid-values": Kind(
        422, "Values are missing or wrong", "Correct every field that errors lists."
    ),
    "head-too-large": Kind(431, "The head is too large", "Send fewer and shorter header fields."),
    "internal-error": Kind(
        500, "The service failed", "Report the request id; the log has the cause."
    ),
    "not-implemented": Kind(
        501, "The transfer coding is not supported", "Send the body as it is, or chunked."
    ),
    "overloaded": Kind(
        503, "The service is overloaded", "Send the request again after Retry-After seconds."
    ),
}
REJECTIONS = (
    "malformed-json", "body-too-large", "too-many-rows", "unsupported-media-type", "invalid-values",
)  # fmt: skip
"""The kinds that mean the request's content was refused."""


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field; ``pointer`` is a JSON Pointer into the request."""

    pointer: str
    feature: str | None
    detail: str


class ProblemDetails(msgspec.Struct, frozen=True):
    """The body of every error; ``instance`` is the request id."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError]


class ProblemError(Exception):
    """Raised to answer with a problem of a kind in ``KINDS``.

    ``lines`` say the same as ``errors`` to a person: many errors of one kind are one line.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        lines: Sequence[str] = (),
    ) -> None:
        """Describe what is wrong with this request."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.lines = lines


class ErrorCollector:
    """Collects field errors: all are counted, and the first ones listed.

    ``row`` is the row that the next errors belong to, 0 for the whole body.
    """

    def __init__(self, unit: str = "row") -> None:
        """Number by ``unit``: ``row`` or ``line``."""
        self.row = 0
        self.count = 0
        self.listed: list[FieldError] = []
        self.unit = unit
        self._rows: dict[int, None] = {}

    def add(self, pointer: str, feature: str | None, detail: str) -> None:
        """Note what is wrong with the field that ``pointer`` leads to."""
        self.count += 1
        if self.row:
            self._rows[self.row] = None
            detail = f"{self.unit} {self.row}: {detail}"
        if len(self.listed) < LISTED_ERRORS:
            self.listed.append(FieldError(pointer, feature, detail))

    def summary(self) -> str:
        """Return how many fields are wrong, and in which rows: all of them, as ranges."""
        where = ""
        if self._rows:
            plural = "s" * (len(self._rows) > 1)
            where = f" in {self.unit}{plural} {_ranges(self._rows)}"
        are = "fields{} are" if self.count > 1 else "field{} is"
        listed = f" The first {LISTED_ERRORS} are listed." * (self.count > LISTED_ERRORS)
        return f"{self.count} {are.format(where)} wrong or missing.{listed}"

    def check(self, lines: Sequence[str] = ()) -> None:
        """Refuse the request if anything is wrong; ``lines`` say it to a person.

        Raises:
            ProblemError: at least one error was noted.
        """
        if self.count:
            raise ProblemError("invalid-values", self.summary(), self.listed, lines)


def json_pointer(*steps: object) -> str:
    """Return the JSON Pointer (RFC 6901) of ``steps``; a very long one is cut short."""
    # JSON can name a lone surrogate, which no answer can hold.
    shown = (str(step)[:LONGEST_STEP].encode(errors="replace").decode() for step in steps)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in shown)


def _ranges(numbers: Iterable[int]) -> str:
    """Return ascending ``numbers`` like ``2, 4 to 7 and 9``."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    *head, last = (" to ".join(map(str, ends)) for ends in ranges)
    return f"{', '.join(head)} and {last}" if head else last
