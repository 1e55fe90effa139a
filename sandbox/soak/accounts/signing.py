"""The client's half of a key, as the exchange wrote it, and what is signed with it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key


__all__ = ["ClientKey"]


class ClientKey:
    """A key of an account.

    Args:
        name: what is sent as ``X-MBX-APIKEY``.
        sign: returns the signature of a payload.
    """

    __slots__ = ("_sign", "name")

    def __init__(self, name: str, sign: Callable[[bytes], str]) -> None:
        self.name = name
        self._sign = sign

    @classmethod
    def read(cls, keys_dir: Path, label: str) -> Self:
        """Read the key of an account, of any kind."""
        place = keys_dir / label
        name, secret = (place / "api-key").read_text().strip(), place / "secret"
        if secret.exists():
            return cls(name, _hmac(secret.read_text().strip()))
        return cls(name, _private((place / "private-key.pem").read_bytes()))

    def query(self, params: Mapping[str, str]) -> str:
        """Return a signed query."""
        payload = urlencode(params)
        return f"{payload}&{urlencode({'signature': self._sign(payload.encode())})}"

    def __repr__(self) -> str:
        return "ClientKey()"


def _hmac(secret: str) -> Callable[[bytes], str]:
    return lambda payload: hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def _private(pem: bytes) -> Callable[[bytes], str]:
    private = load_pem_private_key(pem, password=None)
    if isinstance(private, RSAPrivateKey):
        rsa = private
        return lambda payload: b64encode(rsa.sign(payload, PKCS1v15(), SHA256())).decode()
    assert isinstance(private, Ed25519PrivateKey)  # noqa: S101 - the exchange writes no other
    ed25519 = private
    return lambda payload: b64encode(ed25519.sign(payload)).decode()
