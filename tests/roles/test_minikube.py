from tests.conftest import ROOT, free_port
from tests.roles.conftest import run


def test_scenario() -> None:
    result = run(["molecule", "test"], ROOT / "roles" / "minikube", free_port())
    assert result.returncode == 0, result.stdout
