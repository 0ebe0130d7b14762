import pytest

from tests.conftest import ROOT, free_port
from tests.roles.conftest import run


@pytest.mark.parametrize("role", ["app", "model", "service"])
def test_scenario(role: str) -> None:
    result = run(["molecule", "test"], ROOT / "roles" / role, free_port())
    assert result.returncode == 0, result.stdout
