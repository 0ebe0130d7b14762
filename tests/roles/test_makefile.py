import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT


def make(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],  # noqa: S607  as people call it
        cwd=directory,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a virtual environment that seems to be complete."""
    directory = tmp_path / "a checkout"
    python = directory / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(shutil.which("python3") or "python3")
    for file in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / file, directory)
    (directory / ".venv" / "home").write_text(f"{directory}\n")
    (directory / ".venv" / "installed").touch()
    return directory


def test_help_is_what_make_alone_shows(checkout: Path) -> None:
    assert "make up " in make(checkout).stdout


def test_help_is_in_groups(checkout: Path) -> None:
    lines = make(checkout, "help").stdout.splitlines()
    assert [line for line in lines if line in {"Run", "Check", "Generate"}] == [
        "Run",
        "Check",
        "Generate",
    ]
    assert any(line.startswith("  make status ") for line in lines)


@pytest.mark.parametrize("target", ["status", "down"])
def test_clean_checkout_builds_nothing_to_say_that_nothing_is_up(
    tmp_path: Path, target: str
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    result = make(tmp_path, target)
    assert result.returncode == 0
    assert result.stdout == "Nothing is up: make up has not run in this checkout\n"
    assert [file.name for file in tmp_path.iterdir()] == ["Makefile"]


def test_complete_environment_is_left_alone(checkout: Path) -> None:
    assert "is up to date" in make(checkout, ".venv/installed").stdout


def test_moved_environment_is_made_anew(checkout: Path) -> None:
    moved = checkout.rename(checkout.with_name("moved"))
    assert "-m venv --clear .venv" in make(moved, "--dry-run", ".venv/installed").stdout


def test_environment_without_its_python_is_made_anew(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "python").unlink()
    assert "-m venv --clear .venv" in make(checkout, "--dry-run", ".venv/installed").stdout


def test_no_usable_python(checkout: Path) -> None:
    (checkout / ".venv" / "home").unlink()
    result = make(checkout, "up", "PYTHON=false")
    assert result.returncode != 0
    assert result.stderr.startswith(
        "No Python of at least 3.11 with its venv module was found (false):"
    )
