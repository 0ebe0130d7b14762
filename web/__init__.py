"""The parts of the service: settings, requests, scoring, errors, metrics, logs and pages."""
