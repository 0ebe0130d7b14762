"""The table of blunders is the document's."""

from collections.abc import Iterable

from bc_model.artifact import Reference
from bc_model.manifest import Manifest
from bc_model.training import T
from studies.blunders import blunder_table
from tests.conftest import ROOT


def test_the_documents_table_is_the_commands(manifest: Manifest, reference: Reference) -> None:
    document = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    assert "python -m studies blunders --runs 50`" in document
    table = blunder_table(reference, manifest.parameters, 50, 0, lambda step: iter)
    assert f"\n\n{table}\n\n" in document


def test_the_runs_are_as_many_as_asked(manifest: Manifest, reference: Reference) -> None:
    lengths = []

    def progress(iterable: Iterable[T], /) -> Iterable[T]:
        items = list(iterable)
        lengths.append(len(items))
        return items

    blunder_table(reference, manifest.parameters, 3, 0, lambda step: progress)
    assert lengths == [3]
