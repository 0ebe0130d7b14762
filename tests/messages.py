"""Messages as written in the code and roles that print them, with ``...`` for inserted values."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.conftest import ROOT

ROLES = [*ROOT.glob("roles/*/tasks/*.yml"), ROOT / "roles/monitoring/files/rules.yml"]
PRINTED = ("msg", "fail_msg", "summary")
CODE = [
    *ROOT.glob("playbooks/library/*.py"),
    *(ROOT / f"canary/{name}.py" for name in ("__main__", "cluster", "counters", "observe")),
    *(ROOT / "tests" / name for name in ("conftest.py", "cluster/conftest.py")),
    ROOT / "scripts/running.py",
    ROOT / "scripts/check_docs.py",
]


def of_roles() -> Iterator[str]:
    """Yield what tasks and alerts print, with ``...`` for each expression, and texts in these."""
    for file in ROLES:
        for template in printed_by(yaml.safe_load(file.read_text(encoding="utf-8"))):
            yield re.sub(r"\{\{.*?\}\}", "...", template, flags=re.DOTALL)
            yield from re.findall(r"'([^'\n]+)'", template)


def printed_by(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        yield from (v for k, v in content.items() if k in PRINTED and isinstance(v, str))
    for each in content.values() if isinstance(content, dict) else content:
        if isinstance(each, dict | list):
            yield from printed_by(each)


def of_code() -> Iterator[str]:
    """Yield the texts in the code, with ``...`` for what is put in."""
    for node in (node for file in CODE for node in ast.walk(ast.parse(file.read_text()))):
        match node:
            case ast.JoinedStr(values=parts):
                texts = [p.value if isinstance(p, ast.Constant) else "..." for p in parts]
                yield "".join(map(str, texts))
            case ast.Constant(value=str(text)):
                yield text
