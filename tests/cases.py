"""Cases that tests and documents share."""

from bc_model.features import FEATURE_NAMES
from web.openapi import EXAMPLE

MALIGNANT = EXAMPLE["features"]
"""The original's example: the data set's first case, malignant."""

MALIGNANT_BY_NAME = dict(zip(FEATURE_NAMES, MALIGNANT, strict=True))
