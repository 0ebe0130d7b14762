"""The scenarios that need a Docker engine or a cluster."""

from pathlib import Path

from tests.roles.test_molecule import molecule_test


def test_image(tmp_path: Path) -> None:
    molecule_test("image", tmp_path)


def test_app(tmp_path: Path) -> None:
    molecule_test("app", tmp_path, scenario="cluster")


def test_canary(tmp_path: Path) -> None:
    molecule_test("canary", tmp_path, scenario="cluster")
