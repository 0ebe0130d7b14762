"""Cases in JSON, read slowly and thoroughly: every error is found, doubled names included."""

import difflib
import json
import math
from collections.abc import Sequence
from typing import Any

from bc_model.artifact import Feature
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES
from web.errors import LISTED_ERRORS, Errors
from web.problems import ProblemError

LONGEST_NAME = 100
"""How many characters of an unknown name are repeated."""


MISSING = object()
"""Stands for a field that was not sent; None is what null was sent for."""


class Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys as sent, doubled ones included."""


def parse_json(body: bytes) -> Any:
    """Return the content of ``body``, objects as ``Pairs`` and all numbers as float.

    Raises:
        ProblemError: it is not JSON.
    """
    try:
        return json.loads(body.decode(), object_pairs_hook=Pairs, parse_int=float)
    except UnicodeDecodeError as error:
        raise ProblemError("malformed-json", "The body is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ProblemError(
            "malformed-json", f"The body is not JSON: {error.msg}, {where}."
        ) from error
    except RecursionError as error:
        raise ProblemError("malformed-json", "The body is nested too deep.") from error


def only_field(content: Any, name: str, example: str, errors: Errors) -> Any:
    """Return the one field that the object ``content`` must have, or ``MISSING``."""
    if not isinstance(content, Pairs):
        errors.add("", None, f'must be an object like {{"{name}": {example}}}')
        return MISSING
    fields = _without_doubles(content, "", errors)
    for other in fields:
        if other != name:
            errors.add(_step(other), None, "is not a known field")
    if name not in fields:
        errors.add(f"/{name}", None, "is missing")
    return fields.get(name, MISSING)


class JsonCases:
    """Reads a case, a list of 30 numbers or an object of them by name, and notes its errors."""

    def __init__(self, features: Sequence[Feature]) -> None:
        """Take names and typical values from the model's ``features``."""
        self._names = [feature.name for feature in features]
        self._medians = {feature.name: feature.median for feature in features}

    def read(self, case: Any, pointer: str, errors: Errors) -> list[Any]:
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

    def _from_list(self, values: list[Any], pointer: str, errors: Errors) -> list[Any]:
        if len(values) != FEATURE_COUNT:
            errors.add(pointer, None, f"has {len(values)} numbers, needs {FEATURE_COUNT}")
        for index, (name, value) in enumerate(zip(self._names, values, strict=False)):
            self._check(f"{pointer}/{index}", name, value, errors)
        return values

    def _from_object(self, pairs: Pairs, pointer: str, errors: Errors) -> list[Any]:
        by_name = _without_doubles(pairs, pointer, errors)
        for name, value in by_name.items():
            if name in self._medians:
                self._check(pointer + _step(name), name, value, errors)
            else:
                detail = "is not a feature" + self._suggestion(name, errors.count)
                errors.add(pointer + _step(name), None, detail)
        for name in self._names:
            if name not in by_name:
                errors.add(pointer + _step(name), name, "is missing")
        return [by_name.get(name) for name in self._names]

    def _suggestion(self, name: str, errors_before: int) -> str:
        if errors_before < LISTED_ERRORS:  # it is slow, and not shown any more after these
            for meant in difflib.get_close_matches(name[:LONGEST_NAME], self._names, 1):
                return f"; is {meant!r} meant?"
        return ""

    def _check(self, pointer: str, name: str, value: Any, errors: Errors) -> None:
        is_number = isinstance(value, float)  # whole numbers are parsed as float too
        if not (is_number and math.isfinite(value) and value >= 0):
            errors.add(
                pointer, name, f"must be a number of at least 0, like {self._medians[name]:.4g}"
            )


def _without_doubles(pairs: Pairs, parent: str, errors: Errors) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            feature = name if name in FEATURE_NAMES else None
            errors.add(parent + _step(name), feature, "stands twice")
        fields[name] = value
    return fields


def _step(name: str) -> str:
    """Return ``name`` as a step of a JSON Pointer (RFC 6901); a very long one is cut short."""
    # JSON can name a lone surrogate, which no answer can hold.
    shown = name[:LONGEST_NAME].encode(errors="replace").decode()
    return "/" + shown.replace("~", "~0").replace("/", "~1")
