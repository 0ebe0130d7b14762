"""The tumour classifier: data, training, evaluation, scoring and explanation, without the web."""

import numpy  # noqa: F401  # loads OpenBLAS, so that its threads can be limited below
from threadpoolctl import threadpool_limits

__version__ = "1.0.0"

# The matrices are small: several threads would mostly wait for one another, and how many there are
# decides the last digits of an answer.
threadpool_limits(limits=1, user_api="blas")
