"""Many cases in one request, as JSON, CSV or a NumPy array; their answers as JSON or CSV."""

import io
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from bc_model.agreement import Agreement
from bc_model.answer_table import INTENDED_USE, AnswerWriter
from bc_model.arrays import FloatArray
from bc_model.classifier import Answer, Classifier
from bc_model.csv_cases import CaseReader, not_text
from bc_model.data_problems import Problem, summary
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES, canonical_name
from bc_model.manifest import Feature
from web.problems import ErrorCollector, ProblemError, json_pointer
from web.requests import (
    JSON,
    MISSING,
    FeatureList,
    JsonCaseReader,
    NamedFeatures,
    Pairs,
    only_field,
    parse_json,
    values_of,
)

CSV, NPY = "text/csv", "application/x-npy"

CASES_AT_ONCE = 256


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cases, each as 30 numbers or as an object with a number by feature name."""

    instances: Annotated[
        list[FeatureList | NamedFeatures],  # type: ignore[valid-type]  # made at run time
        Meta(min_length=1),
    ]


class _SplitRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``BatchRequest`` whose cases are not decoded yet."""

    instances: Annotated[list[msgspec.Raw], Meta(min_length=1)]


class BatchAnswer(msgspec.Struct, frozen=True):
    """The answers, in the order of the cases."""

    intended_use: str
    predictions: list[Answer]


class Batch(NamedTuple):
    """Cases ``X`` (n, 30), n at least 1, and what each is called.

    ``labels`` are the diagnoses that came with them, as written, and ``targets`` what they mean.
    """

    identifiers: list[str]
    X: FloatArray
    labels: Sequence[str | None]
    targets: Sequence[int | None]


class BatchDecoder:
    """Decodes batches of at most ``most_rows`` cases."""

    def __init__(self, features: Sequence[Feature], most_rows: int) -> None:
        """Take names and typical values from the model's ``features``."""
        self._most_rows = most_rows
        self._cases = JsonCaseReader(features)
        self._split = msgspec.json.Decoder(_SplitRequest).decode
        self._decode = msgspec.json.Decoder(list[FeatureList | NamedFeatures]).decode  # type: ignore[valid-type]

    def decode(self, media_type: str, body: bytes) -> Batch:
        """Return the cases in ``body``, which is JSON, CSV or NPY.

        Raises:
            ProblemError: the body cannot be read, has too many rows, or wrong values; every row
                with one is named.
        """
        if media_type == CSV:
            return self.from_csv(body)
        X = self._from_json(body) if media_type == JSON else self._from_npy(body)
        nothing = [None] * len(X)
        return Batch([str(number) for number in range(1, 1 + len(X))], X, nothing, nothing)

    def from_csv(self, body: bytes, called: str = "body") -> Batch:
        """Return the cases in a CSV file; ``id`` is the file's own, or the number of the case.

        What is refused is ``called`` a body or a file.
        """
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _refusal(not_text(body), called) from error
        # Blank lines are no rows, and one may be the header.
        self._check_rows(sum(not line.isspace() for line in io.StringIO(text)) - 1, called)
        reader = CaseReader(io.StringIO(text, newline=""), labelled=False)
        cases = list(reader)
        _check_problems(reader.problems, called)
        if not cases:
            raise _refusal("has no cases", called)
        self._check_rows(len(cases), called)
        identifiers = [case.identifier or str(number) for number, case in enumerate(cases, 1)]
        return Batch(
            identifiers,
            np.array([case.values for case in cases]),
            [case.label for case in cases],
            [case.target for case in cases],
        )

    def from_json_thoroughly(self, body: bytes) -> FloatArray:
        """Return the cases (n, 30) in JSON, slower; this is the pass that finds every error."""
        errors = ErrorCollector()
        instances = only_field(parse_json(body), "instances", "[cases]", errors)
        rows = []
        if isinstance(instances, list) and not isinstance(instances, Pairs) and instances:
            self._check_rows(len(instances))
            for index, instance in enumerate(instances):
                errors.row = index + 1
                rows.append(self._cases.read(instance, f"/instances/{index}", errors))
        elif instances is not MISSING:
            errors.add("/instances", None, "must be a list of at least one case")
        errors.check()
        return np.array(rows, dtype=np.float64)

    def _from_json(self, body: bytes) -> FloatArray:
        try:
            X = self._from_json_fast(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            X = None
        return self.from_json_thoroughly(body) if X is None else X

    def _from_json_fast(self, body: bytes) -> FloatArray | None:
        """Return the cases (n, 30), None or an error of msgspec if there may be anything wrong.

        They are decoded some at a time: the event loop cannot go on while msgspec is at work.
        """
        instances = self._split(body).instances
        self._check_rows(len(instances))
        X = np.empty((len(instances), FEATURE_COUNT))
        quotes = body.count(b'"') - 2  # two belong to "instances"
        for start in range(0, len(instances), CASES_AT_ONCE):
            part = b"[%b]" % b",".join(instances[start : start + CASES_AT_ONCE])
            in_part = part.count(b'"')
            rows = values_of(self._decode(part), in_part)
            if rows is None:
                return None
            X[start : start + CASES_AT_ONCE] = rows
            quotes -= in_part
        return None if quotes else X

    def _from_npy(self, body: bytes) -> FloatArray:
        stream = io.BytesIO(body)
        try:
            shape, dtype = _npy_header(stream)
        except Exception as error:  # NumPy parses the header as Python, and Python's errors vary
            raise _refusal("is not a NumPy array file of version 1 or 2") from error
        if dtype.kind not in "iuf":
            raise _refusal(f"holds {dtype}; needs whole or floating-point numbers")
        if (  # True is a size, too, to NumPy
            [type(size) for size in shape] != [int, int]
            or shape[1] != FEATURE_COUNT
            or not shape[0]
        ):
            raise _refusal(f"has shape {shape}; needs (n, {FEATURE_COUNT}) with at least one row")
        self._check_rows(shape[0])
        # What the header promises is allocated before it is read, so the promise is checked first.
        promised, sent = shape[0] * shape[1] * dtype.itemsize, len(body) - stream.tell()
        if promised != sent:
            raise _refusal(f"has {sent} bytes of values; its header promises {promised}")
        stream.seek(0)
        with np.errstate(over="ignore"):  # what is too large for a float64 is found below
            X = np.load(stream, allow_pickle=False).astype(np.float64)
        errors = ErrorCollector()
        for row, column in np.argwhere(~(np.isfinite(X) & (X >= 0))).tolist():
            errors.row = row + 1
            detail = f"{X[row, column]:g} is not a finite number of at least 0"
            errors.add(f"/{row}/{column}", FEATURE_NAMES[column], detail)
        errors.check()
        return np.ascontiguousarray(X)

    def _check_rows(self, count: int, called: str = "body") -> None:
        if count > self._most_rows:
            detail = f"The {called} has more than {self._most_rows} rows; split it."
            raise ProblemError("too-many-rows", detail)


class JsonAnswers:
    """Answers as the JSON of a ``BatchAnswer``, encoded some at a time."""

    def __init__(self) -> None:
        """Have none yet."""
        self._parts: list[bytes] = []

    def write(self, answers: Sequence[Answer]) -> None:
        """Add the next answers."""
        self._parts.append(msgspec.json.encode(answers)[1:-1])

    def content(self) -> bytes:
        """Return them all."""
        start = b'{"intended_use":%s,"predictions":[' % msgspec.json.encode(INTENDED_USE)
        return b"".join([start, b",".join(self._parts), b"]}"])


class CsvAnswers:
    """Answers to a batch as ``python -m bc_model predict`` writes them."""

    def __init__(self, classifier: Classifier, batch: Batch, digits: int | None = None) -> None:
        """Write numbers with ``digits`` significant digits, and with all they have for None."""
        self._text = io.StringIO()
        self._writer = AnswerWriter(self._text, classifier, digits=digits)
        self._cases = zip(batch.identifiers, batch.labels, strict=True)

    def write(self, answers: Sequence[Answer]) -> None:
        """Add the answers to the next cases."""
        for answer in answers:
            identifier, label = next(self._cases)
            self._writer.write(identifier, label, answer)

    def content(self) -> bytes:
        """Return them all."""
        return self._text.getvalue().encode()


def agreement(batch: Batch, answers: Sequence[Answer]) -> Agreement:
    """Return how the answers agree with the diagnoses that came with the cases."""
    counted = Agreement()
    for label, target, answer in zip(batch.labels, batch.targets, answers, strict=True):
        counted.add(label, target, answer)
    return counted


def _refusal(detail: str, called: str = "body") -> ProblemError:
    errors = ErrorCollector()
    errors.add("", None, detail)
    return ProblemError("invalid-values", f"The {called} {detail}.", errors.listed)


def _check_problems(problems: Sequence[Problem], called: str) -> None:
    if problems and not problems[0].line:
        raise _refusal(problems[0].text, called)
    errors = ErrorCollector("line")
    for problem in problems:
        errors.row = problem.line
        steps = [problem.line] + [problem.column] * bool(problem.column)
        errors.add(json_pointer(*steps), canonical_name(problem.column), _with_column(problem))
    errors.check(summary(problems))


def _with_column(problem: Problem) -> str:
    return f"column {problem.column!r}: {problem.text}" if problem.column else problem.text


def _npy_header(stream: io.BytesIO) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        raise ValueError(f"version {version}")
    shape, _, dtype = readers[version](stream)
    return shape, dtype
