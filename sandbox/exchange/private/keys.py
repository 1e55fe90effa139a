"""API keys: the half that the exchange keeps, and fresh ones, written where a client looks for them."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import string
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from sandbox.errors import SandboxError


__all__ = [
    "ApiKey",
    "ForeignKeyError",
    "FreshKey",
    "KeyKind",
    "KeysNotWrittenError",
    "random_name",
    "read_key",
    "write_key",
]

_NAME_LENGTH = 64
_LETTERS = string.ascii_letters + string.digits
_RSA_BITS = 2_048
_RSA_EXPONENT = 65_537
_OURS = "sandbox"
"""What the file ``environment`` of our keys holds."""
_PRIVATE_DIRECTORY, _PRIVATE_FILE = 0o700, 0o600


class ForeignKeyError(SandboxError):
    """A directory holds a key that no sandbox wrote."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f'"{self.path}" holds a key that no sandbox wrote: name another directory for the keys of the sandbox'


class KeysNotWrittenError(SandboxError):
    """Keys cannot be written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f'keys cannot be written to "{self.path}": {self.reason}'


class KeyKind(StrEnum):
    """How a key signs."""

    HMAC = "hmac"
    RSA = "rsa"
    ED25519 = "ed25519"
    """The only kind that can log on to a WebSocket API."""


class ApiKey:
    """The exchange's half of a key: its name and how to tell that it signed.

    Args:
        name: What the client sends as ``X-MBX-APIKEY`` or ``apiKey``.
        kind: How it signs.
        verify: Whether a signature is the one of a payload.
    """

    __slots__ = ("kind", "name", "verify")

    def __init__(self, name: str, kind: KeyKind, verify: Callable[[bytes, str], bool]) -> None:
        self.name = name
        self.kind = kind
        self.verify = verify

    @classmethod
    def of_secret(cls, name: str, secret: str) -> ApiKey:
        """Return the key of a shared secret: HMAC-SHA256 in hex, large or small letters."""

        def verify(payload: bytes, signature: str) -> bool:
            expected = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(expected.encode(), signature.lower().encode())

        return cls(name, KeyKind.HMAC, verify)

    @classmethod
    def of_public(cls, name: str, public: Ed25519PublicKey | RSAPublicKey) -> ApiKey:
        """Return the key of a public half; signatures are base64."""

        def verify(payload: bytes, signature: str) -> bool:
            try:
                signed = b64decode(signature, validate=True)
                if isinstance(public, Ed25519PublicKey):
                    public.verify(signed, payload)
                else:
                    public.verify(signed, payload, PKCS1v15(), SHA256())
            except (InvalidSignature, Base64Error, ValueError):
                return False
            return True

        return cls(name, KeyKind.ED25519 if isinstance(public, Ed25519PublicKey) else KeyKind.RSA, verify)

    def __repr__(self) -> str:
        return f"ApiKey({self.kind})"


class FreshKey:
    """The client's half of a new key.

    Args:
        name: See `ApiKey.name`.
        kind: How it signs.
        secret: The shared secret, or the private key as PKCS#8 in PEM.
    """

    __slots__ = ("kind", "name", "secret")

    def __init__(self, name: str, kind: KeyKind, secret: str) -> None:
        self.name = name
        self.kind = kind
        self.secret = secret

    @classmethod
    def made(cls, kind: KeyKind) -> FreshKey:
        """Return a key that nobody has seen before."""
        if kind is KeyKind.HMAC:
            return cls(random_name(), kind, random_name())
        private: Ed25519PrivateKey | RSAPrivateKey = (
            Ed25519PrivateKey.generate() if kind is KeyKind.ED25519 else generate_private_key(_RSA_EXPONENT, _RSA_BITS)
        )
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(random_name(), kind, pem.decode())

    def public_half(self) -> ApiKey:
        """Return what the exchange keeps of it."""
        if self.kind is KeyKind.HMAC:
            return ApiKey.of_secret(self.name, self.secret)
        return ApiKey.of_public(self.name, _private_key(self.secret).public_key())

    def sign(self, payload: bytes) -> str:
        """Return the signature of a payload: hex of HMAC, else base64."""
        if self.kind is KeyKind.HMAC:
            return hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest()
        private = _private_key(self.secret)
        if isinstance(private, Ed25519PrivateKey):
            return b64encode(private.sign(payload)).decode()
        return b64encode(private.sign(payload, PKCS1v15(), SHA256())).decode()

    def __repr__(self) -> str:
        return f"FreshKey({self.kind})"


def random_name() -> str:
    """Return 64 letters and digits that nobody can guess: an API key, a secret, a listen key."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_NAME_LENGTH))


def write_key(directory: Path, label: str, key: FreshKey) -> None:
    """Write a key for a client: ``<label>/api-key``, ``secret`` or ``private-key.pem``, and ``environment``.

    Only its owner can read them. A key of a sandbox that was there is replaced, each file at once and the name last:
    who sees the new name finds what belongs to it.

    Raises:
        ForeignKeyError: There is a key that no sandbox wrote; it is left as it is.
        KeysNotWrittenError: The directory cannot be written.
    """
    place = directory / label
    name, other = ("secret", "private-key.pem") if key.kind is KeyKind.HMAC else ("private-key.pem", "secret")
    try:
        place.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        if not _may_be_replaced(place):
            raise ForeignKeyError(place)
        _replace(place / "environment", f"{_OURS}\n")
        _replace(place / name, key.secret if key.secret.endswith("\n") else f"{key.secret}\n")
        _replace(place / "api-key", f"{key.name}\n")
        with suppress(FileNotFoundError):
            (place / other).unlink()
    except OSError as error:
        raise KeysNotWrittenError(place, error.strerror or str(error)) from error


def read_key(directory: Path, label: str) -> FreshKey:
    """Return a key that `write_key` wrote.

    Raises:
        ValueError: There is none.
    """
    place = directory / label
    try:
        name = (place / "api-key").read_text().strip()
        if (place / "secret").exists():
            return FreshKey(name, KeyKind.HMAC, (place / "secret").read_text().strip())
        pem = (place / "private-key.pem").read_text()
    except OSError as error:
        msg = f'"{place}" holds no key: {error.strerror or error}'
        raise ValueError(msg) from error
    kind = KeyKind.ED25519 if isinstance(_private_key(pem), Ed25519PrivateKey) else KeyKind.RSA
    return FreshKey(name, kind, pem)


def _private_key(pem: str) -> Ed25519PrivateKey | RSAPrivateKey:
    private = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey | RSAPrivateKey):
        msg = "a private key is neither of Ed25519 nor of RSA"
        raise ValueError(msg)  # noqa: TRY004 - it is no mistake of a program
    return private


def _may_be_replaced(place: Path) -> bool:
    """Return whether a directory holds no key, or one of a sandbox."""
    if not any((place / name).exists() for name in ("api-key", "secret", "private-key.pem")):
        return True
    environment = place / "environment"
    return environment.exists() and environment.read_text(errors="replace").strip() == _OURS


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
