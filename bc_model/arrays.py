"""Array types, and the class labels that arrays of targets hold."""

from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MALIGNANT: Final = 0
BENIGN: Final = 1
