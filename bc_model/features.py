"""The 30 features: ten measurements of the cell nuclei, each as mean, standard error and worst.

Descriptions and the meaning of "worst" (mean of the three largest values) are those of the data
set's own documentation (Wolberg, Street and Mangasarian, UCI Machine Learning Repository, 1995).
That documentation states no scale for lengths, so lengths are in the units of the image.
"""

import difflib
import re
from typing import NamedTuple


class Measurement(NamedTuple):
    """One of the ten measurements; ``unit`` is ``1`` for a pure number."""

    name: str
    unit: str
    description: str


MEASUREMENTS = (
    Measurement("radius", "image units", "mean distance from the centre to the perimeter"),
    Measurement("texture", "grey levels", "standard deviation of the grey values"),
    Measurement("perimeter", "image units", "length of the outline"),
    Measurement("area", "image units²", "area inside the outline"),
    Measurement("smoothness", "1", "relative local variation of the radius"),
    Measurement("compactness", "1", "perimeter² / (4π × area) − 1"),
    Measurement("concavity", "1", "severity of concave portions of the outline"),
    Measurement("concave points", "1", "share of the outline that is in concave portions"),
    Measurement("symmetry", "1", "relative difference of lengths on both sides of the long axis"),
    Measurement("fractal dimension", "1", "coastline approximation − 1"),
)

STATISTICS = ("mean", "error", "worst")


def feature_name(measurement: str, statistic: str) -> str:
    """Return scikit-learn's name of a feature, such as ``mean radius`` or ``radius error``."""
    if statistic == "error":
        return f"{measurement} error"
    return f"{statistic} {measurement}"


FEATURE_NAMES = tuple(
    feature_name(measurement.name, statistic)
    for statistic in STATISTICS
    for measurement in MEASUREMENTS
)
FEATURE_COUNT = len(FEATURE_NAMES)


_WORDS = {
    "mean": ("mean", "1"),
    "error": ("error", "se", "standard error", "std error", "2"),
    "worst": ("worst", "3"),
}
"""How files name the statistics; UCI's variable table numbers them."""

_ABBREVIATIONS = {"concave points": "concave pts", "fractal dimension": "fractal dim"}


def name_key(name: str) -> str:
    """Return ``name`` without what writers of headers vary: case and separators.

    R writes the columns of a matrix ``x`` with a prefix, ``x.radius_mean``.
    """
    return re.sub(r"[\W_]+", "", re.sub(r"^\s*x[\W_]+", "", name.lower()))


def _aliases() -> dict[str, str]:
    aliases = {}
    for measurement in MEASUREMENTS:
        for called in (measurement.name, _ABBREVIATIONS.get(measurement.name, measurement.name)):
            for statistic, words in _WORDS.items():
                for word in words:
                    name = feature_name(measurement.name, statistic)
                    aliases[name_key(f"{called} {word}")] = name
                    if not word.isdigit():
                        aliases[name_key(f"{word} {called}")] = name
    return aliases


_ALIASES = _aliases()


def canonical_name(name: str) -> str | None:
    """Return the feature that a name in a file, a JSON object or a form means, or None.

    Understood are scikit-learn's names (``mean radius``), those of the UCI repository's variable
    table (``radius1``, ``radius2``, ``radius3`` for mean, standard error and worst) and the
    widespread ``radius_mean``, ``radius_se``, ``radius_worst``. Case does not matter, nor what
    stands between the words, if anything.
    """
    return _ALIASES.get(name_key(name))


def nearest_name(name: str) -> str | None:
    """Return the feature whose spellings are the most like ``name``, or None.

    None too where several features are equally near, as they are to ``radius``.
    """
    key = name_key(name)
    nearest = difflib.get_close_matches(key, _ALIASES, 2 * len(_WORDS["error"]))
    likeness = {alias: difflib.SequenceMatcher(None, alias, key).ratio() for alias in nearest}
    best = {_ALIASES[alias] for alias in nearest if likeness[alias] == max(likeness.values())}
    return best.pop() if len(best) == 1 else None
