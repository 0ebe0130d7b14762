#!/usr/bin/python
from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: image_content
short_description: Hash what goes into an image, and lay it out to be built
description:
  - The digest says what an image is made of - names and content of the project's files, version of
    the model, settings of the build. An image under a tag made of it need not be built again.
  - The bytes of the model's files do not count, but for its signature. Training gives the same
    version everywhere, but arrays that differ in their last digits from one processor to another.
  - In check mode the model need not be there yet; the digest is then the one of the rest.
options:
  project:
    description: Directory that O(paths) are relative to.
    type: path
    required: true
  paths:
    description: Files and directories of the project; bytecode in them is left out.
    type: list
    elements: str
    required: true
  model:
    description: Directory of the model's artifact; its C(manifest.json) names the version.
    type: path
    required: true
  model_files:
    description: Which of its files to take, as patterns.
    type: list
    elements: str
    required: true
  model_destination:
    description: Where in the build context they belong.
    type: str
    required: true
  settings:
    description: What else determines the image.
    type: dict
    default: {}
  destination:
    description: Existing directory to copy everything to, as the context of a build.
    type: path
"""

RETURN = r"""
digest:
  description: SHA-256 of what the image is made of; of the copies, where there are some.
  returned: always
  type: str
"""

Content = dict[str, Path]


def project_content(project: Path, paths: Iterable[str]) -> Content:
    """Return the files below ``paths`` by their names relative to ``project``."""
    return {
        file.relative_to(project).as_posix(): file
        for path in paths
        for file in files_below(project / path)
    }


def files_below(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
    else:
        for file in path.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def model_content(model: Path, patterns: Iterable[str], destination: str) -> Content:
    """Return the files of ``model`` that match by their names below ``destination``."""
    return {
        f"{destination}/{file.name}": file for pattern in patterns for file in model.glob(pattern)
    }


def model_identity(model: Path) -> str:
    """Return the version that the manifest of ``model`` names, and its signature, if it has one."""
    version: str = json.loads((model / "manifest.json").read_bytes())["model_version"]
    signature = model / "manifest.sig"
    return version + (signature.read_text() if signature.exists() else "")


def digest(code: Content, model: str, settings: dict[str, str]) -> str:
    """Return the hash of the project's files, the identity of the model and the settings."""
    hashes = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in code.items()}
    parts = [hashes, model, settings]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def lay_out(content: Content, destination: Path) -> Content:
    """Copy everything to ``destination``, and return the copies."""
    for name, file in content.items():
        (destination / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, destination / name)
    return {name: destination / name for name in content}


def main() -> None:
    module = AnsibleModule(
        argument_spec=yaml.safe_load(DOCUMENTATION)["options"],
        supports_check_mode=True,
    )
    p = module.params
    model = Path(p["model"])
    of_model = model_content(model, p["model_files"], p["model_destination"])
    if not (of_model or module.check_mode):
        module.fail_json(
            msg=f"There is no model in {model}: train one (python -m bc_model train), or set"
            " image_model to the directory of one"
        )
    code = project_content(Path(p["project"]), p["paths"])
    try:
        if p["destination"] and not module.check_mode:
            destination = Path(p["destination"])
            code, _ = lay_out(code, destination), lay_out(of_model, destination)
            model = destination / p["model_destination"]
        found = digest(code, model_identity(model) if of_model else "", p["settings"])
    except OSError as error:
        module.fail_json(msg=f"{error.filename} belongs in the image: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        module.fail_json(msg=f"{model / 'manifest.json'} names no model: train it again")
    module.exit_json(changed=bool(p["destination"]), digest=found)


if __name__ == "__main__":
    main()
