"""Signatures of manifests (Ed25519, RFC 8032): a model that somebody else has sealed is refused.

The manifest has the hash of every other file, so its signature is one of the whole model. A public
key is written as the base64 of its 32 bytes.
"""

import base64
import re
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

_PEM = re.compile(rb"-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*")

_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
"""What comes before the 32 bytes of such a key in a file of PKCS #8 (RFC 8410, section 7)."""


def read_private_key(file: Path) -> SigningKey:
    """Return the key in a PEM file, as ``openssl genpkey -algorithm ed25519`` writes it.

    Raises:
        ValueError: it has none, or another kind, or one with a password.
        OSError: it cannot be read.
    """
    found = _PEM.fullmatch(file.read_bytes())
    if not found:
        raise ValueError(f"{file} has no private key, or one with a password")
    content = base64.b64decode(found[1])
    seed = content.removeprefix(_ED25519)
    if len(content) != len(_ED25519) + 32 or len(seed) != 32:
        how = "openssl genpkey -algorithm ed25519"
        raise ValueError(f"{file} has a key that is not of Ed25519; `{how}` makes one")
    return SigningKey(seed)


def public_key(key: SigningKey) -> str:
    """Return the public key that belongs to ``key``."""
    return base64.b64encode(bytes(key.verify_key)).decode()


def sign(key: SigningKey, content: bytes) -> bytes:
    """Return the signature of ``content`` by ``key``, the same each time, as a line of text."""
    return base64.b64encode(key.sign(content).signature) + b"\n"


def is_signed(content: bytes, signature: bytes, public_key: str) -> bool:
    """Return whether ``signature`` is one of ``content`` by the owner of ``public_key``."""
    key = VerifyKey(base64.b64decode(public_key))
    try:
        key.verify(content, base64.b64decode(signature.strip(), validate=True))
    except (BadSignatureError, ValueError):  # it is no base64, or of another length
        return False
    return True
