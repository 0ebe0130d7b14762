"""The variables of a role are described once, in its argument specs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

ROLES = sorted((ROOT / "roles").iterdir())


def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def options(role: Path) -> dict[str, Any]:
    """Return the options of all entry points."""
    specs = load(role / "meta/argument_specs.yml")["argument_specs"].values()
    return {name: option for spec in specs for name, option in spec.get("options", {}).items()}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_each_variable_is_described(role: Path) -> None:
    described = options(role)
    assert [name for name in load(role / "defaults/main.yml") if name not in described] == []
    assert all(option["description"] for option in described.values())


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_are_those_described(role: Path) -> None:
    described = options(role)
    defaults = load(role / "defaults/main.yml")
    stated = {name: described[name]["default"] for name in defaults if "default" in described[name]}
    assert {name: defaults[name] for name in stated} == stated


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_readme_points_to_the_specs(role: Path) -> None:
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert "(meta/argument_specs.yml)" in readme
    assert not re.search(r"^\| variable ", readme, re.MULTILINE)
