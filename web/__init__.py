"""What app.py is made of: settings, requests, errors, metrics, logs, the page and its document."""
