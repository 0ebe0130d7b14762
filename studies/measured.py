"""How long the real service takes, as ``python -m studies.measure_latency`` found it.

4,000 requests to /predict, 20 a second, to six processes of ``python app.py`` on a machine of two
cores that others were using too, which shows in the last fifth.
"""

MEDIANS = (0.978, 0.937, 0.916, 0.924, 0.931, 0.913)
"""Each process's median, in milliseconds: pods of one image differ as these do."""

QUANTILES = {
    0: 0.551, 0.001: 0.595, 0.01: 0.64, 0.05: 0.695, 0.1: 0.748, 0.15: 0.79, 0.2: 0.827,
    0.25: 0.856, 0.3: 0.885, 0.35: 0.914, 0.4: 0.939, 0.45: 0.97, 0.5: 1.0, 0.55: 1.038,
    0.6: 1.076, 0.65: 1.12, 0.7: 1.181, 0.75: 1.289, 0.8: 1.57, 0.85: 2.332, 0.9: 3.155,
    0.95: 4.6, 0.97: 5.815, 0.98: 6.755, 0.99: 8.376, 0.995: 10.156, 0.999: 18.605, 1: 190.687,
}  # fmt: skip
"""Quantiles of the durations, in medians of the process that answered."""
