"""Signatures of manifests (Ed25519, RFC 8032): a model that somebody else has sealed is refused.

The manifest has the hash of every other file, so its signature is one of the whole model. A public
key is written as the base64 of its 32 bytes.
"""

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def read_private_key(file: Path) -> Ed25519PrivateKey:
    """Return the key in a PEM file.

    Raises:
        ValueError: it has none, or another kind, or one with a password.
        OSError: it cannot be read.
    """
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{file} has no private key, or one with a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        how = "openssl genpkey -algorithm ed25519"
        raise ValueError(f"{file} has a key that is not of Ed25519; `{how}` makes one")
    return key


def public_key(key: Ed25519PrivateKey) -> str:
    """Return the public key that belongs to ``key``."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def sign(key: Ed25519PrivateKey, content: bytes) -> bytes:
    """Return the signature of ``content`` by ``key``, the same each time, as a line of text."""
    return base64.b64encode(key.sign(content)) + b"\n"


def is_signed(content: bytes, signature: bytes, public_key: str) -> bool:
    """Return whether ``signature`` is one of ``content`` by the owner of ``public_key``."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    try:
        key.verify(base64.b64decode(signature.strip(), validate=True), content)
    except (InvalidSignature, binascii.Error):
        return False
    return True
