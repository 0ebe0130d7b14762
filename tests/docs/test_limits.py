"""docs/limits.md: its table has every limit, with its default."""

import re

from tests.conftest import ROOT
from web.body_cutters import LONGEST_CHUNK_LINE
from web.problems import KINDS
from web.settings import Settings

PAGE = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
NO_LIMITS = {
    "host", "port", "model_dir", "model_public_key", "threshold", "version", "pod_name",
    "log_level", "drain_seconds", "shutdown_seconds",
}  # fmt: skip


def test_every_limit_is_in_the_table_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", PAGE, re.MULTILINE)
    settings = Settings()
    limits = [name for name in Settings.__struct_fields__ if name not in NO_LIMITS]
    assert {name.lower(): int(default) for name, default in rows} == {
        name: getattr(settings, name) for name in limits
    }


def test_the_statuses_are_those_of_problems() -> None:
    limits, _, _ = PAGE.partition("## Measured")
    statuses = {int(status) for status in re.findall(r"\b(4\d\d|5\d\d)\b", limits)}
    assert statuses - {499, 512} <= {kind.status for kind in KINDS.values()}


def test_the_limits_that_are_not_settings() -> None:
    assert f"at most {LONGEST_CHUNK_LINE} bytes" in PAGE
