"""A signed model is told from one that somebody else has sealed."""

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bc_model import artifact
from bc_model.__main__ import main
from bc_model.artifact import ArtifactError
from tests.bc_model.test_artifact_sense import change_arrays, seal
from tests.conftest import ROOT

Key = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
OPEN = serialization.NoEncryption()


@pytest.fixture
def copy(model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the artifact that may be signed."""
    return Path(shutil.copytree(model_dir, tmp_path / "model"))


def write_key(
    directory: Path,
    key: Key | None = None,
    encryption: serialization.KeySerializationEncryption = OPEN,
) -> Path:
    file = directory / f"{os.urandom(4).hex()}.pem"
    content = (key or Ed25519PrivateKey.generate()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    file.write_bytes(content)
    return file


def sign(directory: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return what was done, and the public key."""
    assert main(["sign", str(directory), f"--key={key}"]) == 0
    done, _, public_key = capsys.readouterr().out.strip().partition(", MODEL_PUBLIC_KEY=")
    return done.removeprefix(f"{directory}: "), public_key


def refusal(directory: Path, public_key: str) -> str:
    with pytest.raises(ArtifactError) as refused:
        artifact.read_manifest(directory, public_key)
    return str(refused.value)


def test_a_model_is_signed_once(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = write_key(copy.parent)
    done, public_key = sign(copy, key, capsys)
    assert done == "signed"
    assert sign(copy, key, capsys) == ("signed already", public_key)
    assert main(["verify", str(copy), f"--public-key={public_key}"]) == 0
    assert main(["verify", str(copy)]) == 0


def test_what_another_has_sealed_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, public_key = sign(copy, write_key(copy.parent), capsys)
    change_arrays(copy, artifact.MODEL, lambda arrays: None)
    assert main(["verify", str(copy)]) == 0
    assert refusal(copy, public_key) == (
        f"{copy / 'manifest.json'} is not signed with the private key of {public_key}; "
        "if the model is yours, sign it: python -m bc_model sign"
    )
    sign(copy, write_key(copy.parent), capsys)
    assert "is not signed with the private key" in refusal(copy, public_key)


@pytest.mark.parametrize("signature", [None, b"", b"none", b"\xff", base64.b64encode(bytes(64))])
def test_what_is_no_signature_is_refused(
    copy: Path, capsys: pytest.CaptureFixture[str], signature: bytes | None
) -> None:
    _, public_key = sign(copy, write_key(copy.parent), capsys)
    (copy / artifact.SIGNATURE).unlink()
    if signature is not None:
        (copy / artifact.SIGNATURE).write_bytes(signature)
    assert "is not signed with the private key" in refusal(copy, public_key)


def test_what_is_not_whole_is_not_signed(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / artifact.MODEL).write_bytes(b"")
    assert main(["sign", str(copy), f"--key={write_key(copy.parent)}"]) == 1
    assert "model.npz was altered" in capsys.readouterr().err


def test_a_signature_that_cannot_be_written(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / artifact.SIGNATURE).mkdir()
    assert main(["sign", str(copy), f"--key={write_key(copy.parent)}"]) == 1
    assert capsys.readouterr().err == (
        f"{copy / 'manifest.sig'} cannot be written: Is a directory\n"
    )


def test_keys_that_do_not_sign(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy.parent / "text.pem").write_text("text", encoding="utf-8")
    locked = serialization.BestAvailableEncryption(b"secret")
    for file, reason in (
        (copy.parent / "nothing.pem", "No such file"),
        (copy.parent / "text.pem", "has no private key, or one with a password"),
        (write_key(copy.parent, encryption=locked), "has no private key, or one with a password"),
        (write_key(copy.parent, ec.generate_private_key(ec.SECP256R1())), "is not of Ed25519"),
    ):
        with pytest.raises(SystemExit) as refused:
            main(["sign", str(copy), f"--key={file}"])
        assert refused.value.code == 2
        assert reason in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["verify", str(copy), "--public-key=short"])
    assert "'short' is not the base64 of 32 bytes" in capsys.readouterr().err


def test_a_service_that_requires_a_signature_does_not_start_without(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, public_key = sign(copy, write_key(copy.parent), capsys)
    seal(copy, lambda content: content.update(algorithm="another"))
    settings = {"MODEL_DIR": str(copy), "MODEL_PUBLIC_KEY": public_key}
    service = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **settings},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert service.returncode == 1
    assert service.stderr.startswith(f"app.py: {copy / 'manifest.json'} is not signed with")
    assert len(service.stderr.splitlines()) == 1
