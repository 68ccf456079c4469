"""The demo LMS's secret key, and the key pair that signs its tokens: made on first use, kept beside the database."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

KEY_BITS = 2048
KEY_ID = "demo"


def secret_key(file: Path) -> str:
    """A text that nobody can look up. Several processes may start at once: the first one's stays."""
    if not file.exists():
        handle, draft = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "w", encoding="ascii") as output:
            output.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        os.unlink(draft)
    return file.read_text(encoding="ascii")


def signing_keys(file: Path) -> tuple[str, str]:
    """The private key and the set of public keys, both as JSON (JWK, RFC 7517)."""
    if not file.exists():
        _make(file)
    private = json.loads(file.read_text(encoding="ascii"))
    public = {name: private[name] for name in ("kty", "kid", "n", "e")}
    return json.dumps(private), json.dumps({"keys": [public]})


def _make(file: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = {**json.loads(RSAAlgorithm.to_jwk(key)), "kid": KEY_ID}
    # Under another name first (which nobody else can read): several processes may start at once.
    handle, draft = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "w", encoding="ascii") as output:
        json.dump(private, output)
    os.replace(draft, file)
