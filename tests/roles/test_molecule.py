from pathlib import Path

from tests.conftest import ROOT, free_port
from tests.roles.conftest import run


def test_model() -> None:
    result = run(["molecule", "test"], ROOT / "roles" / "model", free_port())
    assert result.returncode == 0, result.stdout


def test_service(artifacts: Path) -> None:
    role = ROOT / "roles" / "service"
    result = run(["molecule", "test"], role, free_port(), ARTIFACTS=str(artifacts))
    assert result.returncode == 0, result.stdout
    assert (artifacts / "current" / "model.npz").exists()
