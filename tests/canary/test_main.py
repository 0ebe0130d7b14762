"""``python -m canary``: its commands, and the document that shows what they print."""

import pytest

from canary.__main__ import main
from canary.thresholds import limits
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs/canary.md").read_text(encoding="utf-8")


def test_the_document_has_every_threshold_with_its_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["thresholds"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2 + len(limits())
    assert f"\n\n{printed}\n" in DOCUMENT
