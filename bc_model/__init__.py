"""The tumour classifier: data, training, evaluation, scoring and explanation, without the web."""
