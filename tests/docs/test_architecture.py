"""docs/architecture: the drawing is of its source, and what it and its page name exists."""

import hashlib
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from bc_model import artifact
from tests.conftest import ROOT

SOURCE = ROOT / "docs" / "architecture.d2"
DRAWING = ROOT / "docs" / "architecture.svg"
PAGE = ROOT / "docs" / "architecture.md"
SCRIPT = ROOT / "scripts" / "draw_diagram.mjs"

MOST_BYTES = 150_000
SVG = "{http://www.w3.org/2000/svg}"

ARTIFACT_FILES = {artifact.MODEL, artifact.REFERENCE, artifact.MANIFEST}
PORT = re.compile(r"\b\d{4,5}\b")
FILE = re.compile(r"/|\.(?:d2|json|md|npz|py|svg|txt|yml)$")


def texts(*patterns: str) -> str:
    return "\n".join(
        path.read_text(encoding="utf-8")
        for pattern in patterns
        for path in sorted(ROOT.glob(pattern))
    )


APP = texts("app.py")
ARTIFACT = texts("bc_model/artifact.py")
SETTINGS = texts("inventory/**/*.yml", "roles/*/defaults/*.yml", "roles/*/vars/*.yml")
RULES = texts("roles/monitoring/files/rules.yml")
CODE = texts(
    "bc_model/*.py", "canary/*.py", "roles/*/tasks/*.yml", "roles/*/templates/*.j2"
).replace("{{ __app_name }}", "breast-cancer-api")


def has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def exists(name: str) -> bool:
    """Whether a file, route, port, metric, command, object or variable is there under ``name``."""
    if name.startswith("/"):
        return f'"{name}"' in APP
    if name.startswith("artifacts/"):
        return f"``{name}``" in ARTIFACT
    if command := re.fullmatch(r"python -m (\w+) (\w+)", name):
        package, action = command.groups()
        code = texts(f"{package}/__main__.py")
        return f'"{action}"' in code or has_word(code, f"_{action}")
    if target := re.fullmatch(r"make (\w+)", name):
        return f"\n{target[1]}:" in texts("Makefile")
    if PORT.fullmatch(name):
        return re.search(rf"port: {name}\b", SETTINGS) is not None
    if FILE.search(name):
        return name in ARTIFACT_FILES or (ROOT / name).exists()
    if name.startswith("app_"):
        return has_word(RULES, name)
    return (ROOT / name).exists() or has_word(SETTINGS + CODE, name)


def names_of_the_diagram() -> Iterator[str]:
    for label in re.findall(r'"([^"]*)"', SOURCE.read_text(encoding="utf-8")):
        for word in re.split(r"[\s,:()]+|\\n", label):
            name = word.rstrip(".")
            if re.search(r"[/._]|^breast-cancer", name) or PORT.fullmatch(name):
                yield name


def names_on_the_page() -> Iterator[str]:
    page = PAGE.read_text(encoding="utf-8")
    yield from re.findall(r"`([^`]+)`", page)
    yield from PORT.findall(page)
    yield from (f"docs/{link}" for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page))


IN_THE_DIAGRAM = sorted(set(names_of_the_diagram()))
ON_THE_PAGE = sorted(set(names_on_the_page()))


def test_the_drawing_is_of_the_present_source() -> None:
    """When this fails: make diagram."""
    present = hashlib.sha256(SOURCE.read_bytes() + SCRIPT.read_bytes()).hexdigest()
    assert ElementTree.parse(DRAWING).getroot().get("data-source") == present  # noqa: S314  ours


def test_the_drawing_needs_nothing_else_and_is_small() -> None:
    drawing = DRAWING.read_text(encoding="utf-8")
    references = re.findall(r"""(?:href|src)=["']([^"']+)|url\(["']?([^"')]+)""", drawing)
    assert references
    assert all("".join(found).startswith(("data:", "#")) for found in references)
    assert len(drawing.encode()) < MOST_BYTES


def test_the_drawing_tells_what_it_shows() -> None:
    root = ElementTree.parse(DRAWING).getroot()  # noqa: S314  ours
    identifiers = (root.get("aria-labelledby") or "").split()
    told = [root.find(f"{SVG}{kind}") for kind in ("title", "desc")]
    assert root.get("role") == "img"
    assert [element.get("id") for element in told if element is not None] == identifiers
    assert all(element is not None and element.text for element in told)


def test_every_colour_has_its_dark_one() -> None:
    source = SOURCE.read_text(encoding="utf-8")
    found = re.search(r'dark: "([^"]+)"', source)
    assert found
    light = {pair.split()[0] for pair in found[1].split(",")}
    assert set(re.findall(r'"(#\w{6})"', source)) <= light
    assert all(f'[fill="{colour}" i]' in DRAWING.read_text(encoding="utf-8") for colour in light)


@pytest.mark.parametrize("name", IN_THE_DIAGRAM)
def test_what_the_diagram_names_exists(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize("name", ON_THE_PAGE)
def test_what_the_page_names_exists(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize("package", ["web", "canary"])
def test_every_module_is_on_the_page(package: str) -> None:
    modules = {f"{package}/{file.name}" for file in (ROOT / package).glob("*.py")}
    assert modules - set(ON_THE_PAGE) == {f"{package}/__init__.py"}


def test_names_of_every_kind_are_found() -> None:
    assert {
        "30000", "/metrics", "app.py", "app_requests_total", "artifacts/current",
        "breast-cancer-service", "inventory/local", "model.npz", "playbooks/canary.yml",
    } <= set(IN_THE_DIAGRAM)  # fmt: skip
    assert {
        "30001", "breast-cancer-releases", "docs/canary.md", "make diagram",
        "python -m bc_model train", "roles/image",
    } <= set(ON_THE_PAGE)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "/metric", "30002", "artifacts/latest", "breast-cancer-api-blue", "app_request_total",
        "inventory/cloud", "make picture", "model.joblib.npz", "playbooks/canaries.yml",
        "python -m bc_model serve", "roles/mesh", "model_hash",
    ],
)  # fmt: skip
def test_a_name_of_nothing_is_found_out(name: str) -> None:
    assert not exists(name)
