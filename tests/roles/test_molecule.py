from pathlib import Path

from tests.conftest import ROOT, free_port
from tests.roles.conftest import run


def molecule_test(
    role: str, directory: Path, scenario: str = "default", **environment: str
) -> None:
    # Molecule's own choice of a directory is the same for every checkout.
    environment = {"MOLECULE_EPHEMERAL_DIRECTORY": str(directory), **environment}
    command = ["molecule", "test", f"--scenario-name={scenario}"]
    result = run(command, ROOT / "roles" / role, free_port(), **environment)
    assert result.returncode == 0, result.stdout


def test_app(tmp_path: Path) -> None:
    molecule_test("app", tmp_path)


def test_minikube(tmp_path: Path) -> None:
    molecule_test("minikube", tmp_path)


def test_monitoring(tmp_path: Path) -> None:
    molecule_test("monitoring", tmp_path)


def test_model(tmp_path: Path) -> None:
    molecule_test("model", tmp_path)


def test_preflight(tmp_path: Path) -> None:
    molecule_test("preflight", tmp_path)


def test_smoke(tmp_path: Path, artifacts: Path) -> None:
    molecule_test("smoke", tmp_path, ARTIFACTS=str(artifacts))


def test_service(tmp_path: Path, artifacts: Path) -> None:
    molecule_test("service", tmp_path, ARTIFACTS=str(artifacts))
    assert (artifacts / "current" / "model.npz").exists()
