"""The rooms of the service: settings, requests, scoring, errors, metrics, logs and pages."""
