"""The 30 features: ten measurements of the cell nuclei, each as mean, standard error and worst.

Descriptions and the meaning of "worst" (mean of the three largest values) are those of the data
set's own documentation (Wolberg, Street and Mangasarian, UCI Machine Learning Repository, 1995).
That documentation states no scale for lengths, so lengths are in the units of the image.
"""

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
    Measurement("smoothness", "1", "local variation of the radius"),
    Measurement("compactness", "1", "perimeter² / area − 1"),
    Measurement("concavity", "1", "severity of concave portions of the outline"),
    Measurement("concave points", "1", "share of concave portions of the outline"),
    Measurement("symmetry", "1", "difference of lengths on both sides of the long axis"),
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


def _aliases() -> dict[str, str]:
    aliases = {}
    for measurement in MEASUREMENTS:
        for number, (statistic, suffix) in enumerate(
            zip(STATISTICS, ("mean", "se", "worst"), strict=True), start=1
        ):
            name = feature_name(measurement.name, statistic)
            aliases[name] = name
            aliases[f"{measurement.name}{number}"] = name
            aliases[f"{measurement.name} {suffix}"] = name
    return aliases


_ALIASES = _aliases()


def canonical_name(header: str) -> str | None:
    """Return the feature that a column header means, or None.

    Understood are scikit-learn's names (``mean radius``), those of the UCI repository's variable
    table (``radius1``, ``radius2``, ``radius3`` for mean, standard error and worst) and the
    widespread ``radius_mean``, ``radius_se``, ``radius_worst``; case and ``_`` do not matter.
    """
    return _ALIASES.get(" ".join(header.lower().replace("_", " ").split()))
