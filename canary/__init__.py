"""Judging a canary: what two tracks did, the tests that compare them, and the report."""
