"""The tumour classifier: data, training, evaluation, scoring and explanation, without the web."""

__version__ = "1.0.0"
